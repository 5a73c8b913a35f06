"""`make bench`: what a call costs through Sluice, through nginx and without a relay, side by side in one run.

It only reports; nothing here passes or fails. Everything runs on 127.0.0.1 and is stopped at the end.
"""

from __future__ import annotations

import argparse
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path

from benchmarks import coldstart, relays, stalls, table, translations
from benchmarks.cores import Cores
from benchmarks.load import LoadError
from benchmarks.measure import FULL, QUICK, Effort, Figures, measure
from benchmarks.noise import Others
from benchmarks.relays import StartError, Subject


def main() -> int:
    """Measure and print; 0 when everything could be measured, 1 with the reason on stderr when not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, no stalls: half a minute, rougher")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables to this file as well")
    options = parser.parse_args()
    # A SIGTERM unwinds like Ctrl-C, so that nothing that was started stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        report = run(QUICK if options.quick else FULL)
    except (LoadError, StartError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(report)
    if options.markdown:
        options.markdown.write_text(report + "\n", encoding="utf-8")
    return 0


def run(effort: Effort) -> str:
    """The whole run, as Markdown."""
    cores = Cores()
    others = Others()
    program = relays.nginx_program()
    with cores.load(), relays.upstream() as up:
        base = up.port
        subjects: dict[str, Callable[[], AbstractContextManager[Subject]]] = {"direct": lambda: nullcontext(up)}
        if program is not None:
            subjects["nginx"] = lambda: relays.nginx(program, base)
        subjects["Sluice"] = lambda: relays.sluice(base)
        subjects["Sluice, `LOG_LEVEL=off`"] = lambda: relays.sluice(base, LOG_LEVEL="off")
        figures = [Figures(name) for name in subjects]
        for number in range(effort.rounds):
            for one in figures:
                _tell(f"round {number + 1} of {effort.rounds}: {one.name}")
                with ExitStack() as stack:
                    with cores.relay():
                        subject = stack.enter_context(subjects[one.name]())
                    measure(subject, one, effort)
        translated = translations.measure(base, effort.rounds, effort.burst, cores)
        _tell("cold starts")
        kinds = coldstart.measure(base, effort.cold, cores)
    waits = [stalls.told(stalls.measure(effort.stalls))] if effort.stalls else []  # on all cores, as callers have them
    facts = [
        time.strftime("%Y-%m-%d"),
        f"Python {platform.python_version()}",
        _version(program) if program else "nginx is not installed, so its column is missing",
        "relay on one core, upstream and load on another" if cores.split else "not pinned to cores: expect noise",
        f"{effort.rounds} rounds, {effort.cold} cold starts",
        others.told(),
    ]
    return "\n\n".join(
        [" · ".join(facts), table.relays(figures), translations.told(translated), table.cold(kinds), *waits]
    )


def _version(program: str) -> str:
    told = subprocess.run([program, "-v"], capture_output=True, text=True, check=False).stderr
    return told.strip().rpartition(" ")[2].replace("/", " ")


def _tell(what: str) -> None:
    print(what, "…", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
