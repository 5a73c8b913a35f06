"""A whole run of the benchmark. All columns take turns, so that they share the machine's moods."""

from __future__ import annotations

import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext

from benchmarks import budgets, coldstart, relays, stalls, translations
from benchmarks.cores import Cores
from benchmarks.crowd import Crowd, raise_descriptor_limit
from benchmarks.measure import Effort, Figures, measure, measure_crowd
from benchmarks.noise import Others
from benchmarks.relays import Subject
from benchmarks.results import BARE, DIRECT, NGINX, SILENT, SLUICE, Results

Start = Callable[[int], AbstractContextManager[Subject]]  # in front of the upstream at this port


def run(effort: Effort) -> Results:
    """Measure all. Raises LoadError or StartError when something does not serve as it should."""
    cores, others = Cores(), Others()
    program = relays.nginx_program()
    subjects = _subjects(program)
    columns = [Figures(name) for name in subjects]
    with cores.load(), relays.upstream() as up:
        for number in range(effort.rounds):
            for figures in columns:
                _report(f"calls, round {number + 1} of {effort.rounds}: {figures.name}")
                with _on_its_core(subjects[figures.name], up.port, cores) as subject:
                    measure(subject, figures, effort)
        if sys.platform == "linux":
            _crowds(subjects, columns, effort, cores)
        translated = translations.measure(up.port, effort.rounds, effort.burst, cores)
        counted = budgets.measure(up.port, effort.rounds, effort.seconds, cores)
        _report("cold starts")
        cold = coldstart.measure(up.port, effort.cold, cores)
    waits = stalls.measure(effort.stalls) if effort.stalls else []  # on all cores, as callers have them
    facts = [
        time.strftime("%Y-%m-%d"),
        f"Python {platform.python_version()}",
        _version(program) if program else "nginx is not installed, so its column is missing",
        "relay on one core, upstream and load on another" if cores.split else "not pinned to cores: expect noise",
        f"{effort.rounds} rounds, {effort.cold} cold starts",
        others.told(),
    ]
    return Results(facts, [figures.column() for figures in columns], list(cold), translated, counted, waits)


def _crowds(subjects: dict[str, Start], columns: list[Figures], effort: Effort, cores: Cores) -> None:
    """Many paced streams: their CPU in every round, how many one core carries in the first."""
    raise_descriptor_limit()
    with closing(Crowd()) as crowd:
        for number in range(effort.rounds):
            for figures in columns:
                _report(f"streams, round {number + 1} of {effort.rounds}: {figures.name}")
                with _on_its_core(subjects[figures.name], crowd.port, cores) as subject:
                    measure_crowd(crowd, subject, figures, effort, is_search=number == 0)


def _subjects(nginx: str | None) -> dict[str, Start]:
    subjects: dict[str, Start] = {DIRECT: lambda up: nullcontext(Subject(up))}
    if nginx is not None:
        subjects[NGINX] = lambda up: relays.nginx(nginx, up)
    subjects[BARE] = relays.bare
    subjects[SLUICE] = relays.sluice
    subjects[SILENT] = lambda up: relays.sluice(up, LOG_LEVEL="off")
    return subjects


@contextmanager
def _on_its_core(start: Start, up: int, cores: Cores) -> Iterator[Subject]:
    """The subject, started on the relay's core. What goes on meanwhile in this process stays on the load's."""
    with ExitStack() as stack:
        with cores.relay():
            subject = stack.enter_context(start(up))
        yield subject


def _version(program: str) -> str:
    shown = subprocess.run([program, "-v"], capture_output=True, text=True, check=False).stderr
    return shown.strip().rpartition(" ")[2].replace("/", " ")


def _report(what: str) -> None:
    print(what, "…", file=sys.stderr, flush=True)
