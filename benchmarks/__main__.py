"""`make bench`: what a call costs through Sluice, nginx, a bare relay and without a relay, side by side in one run.

It only reports; nothing here passes or fails. Everything runs on 127.0.0.1 and is stopped at the end.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from benchmarks import report
from benchmarks.load import LoadError
from benchmarks.measure import FULL, QUICK
from benchmarks.relays import StartError
from benchmarks.results import Results
from benchmarks.run import run


def main() -> int:
    """Measure and print; 0 when everything could be measured, 1 with the reason on stderr when not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="half a minute, rougher: one round, no stalls, no search for streams"
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables to this file as well")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the main figures to this SVG file")
    parser.add_argument("--json", type=Path, metavar="FILE", help="store the results in this file")
    parser.add_argument(
        "--stored", type=Path, metavar="FILE", help="measure nothing: report the results that --json has stored here"
    )
    options = parser.parse_args()
    # A SIGTERM unwinds like Ctrl-C, so that nothing that was started stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if options.stored:
            results = Results.from_json(options.stored.read_text(encoding="utf-8"))
        else:
            results = run(QUICK if options.quick else FULL)
    except (LoadError, StartError) as error:
        print(error, file=sys.stderr)
        return 1
    except (OSError, ValueError, KeyError, TypeError) as error:
        if not options.stored:
            raise
        print(f"{options.stored} cannot be read as stored results: {error!r}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    tables = report.tables(results)
    print(tables)
    if options.json:
        options.json.write_text(results.to_json(), encoding="utf-8")
    if options.markdown:
        options.markdown.write_text(tables + "\n", encoding="utf-8")
    if options.picture:
        options.picture.write_text(report.svg(results), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
