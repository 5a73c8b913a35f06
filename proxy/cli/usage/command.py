"""`python -m proxy usage [FILE…|-]`: reads log files, or else the store, and prints who spent what."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TextIO

from proxy.cli.usage import report, rows, sources
from proxy.cli.usage.extract import Extractor
from proxy.cli.usage.grouping import WINDOW_CALLS, Table, Window
from proxy.cli.usage.options import Options
from proxy.cli.usage.rows import UNKNOWN, Row
from proxy.errors import ConfigError

_NOTHING_TO_READ = (
    "there is nothing to read. Name log files, or pipe a log into this command (docs/usage.md says how), or set STORE "
    "as it is set on the endpoint, to read what the store has booked."
)
_NO_CALLS = (
    "no calls were found. Is it the endpoint's log, and is LOG_LEVEL `info` there? Of other levels, calls that "
    "succeeded are not in the log."
)
_NO_COST = "set METERING=on at the endpoint, or PRICES_FILE for models without a known price"


@dataclass(slots=True)
class _Counts:
    """What was read, besides the table. `errors` are messages about files that could not be read."""

    other_entries: int = 0
    damaged_lines: int = 0
    window: Window = field(default_factory=lambda: Window(WINDOW_CALLS))
    errors: list[str] = field(default_factory=list)


def run(environ: Mapping[str, str], options: Options, out: TextIO | None = None) -> int:
    """Print the table to stdout, and to stderr what was left out. Returns the exit code.

    Without files, it is the store that STORE names; without that too, stdin. 0: all was read. 1: something could not be
    read; the table has the rest. 2: there is nothing to read from, or an option does not fit it.
    """
    out = out or sys.stdout
    if not options.files:
        from proxy.cli import open_store  # a log needs none of it

        try:
            config = open_store.settings(environ)
        except ConfigError as error:
            print(f"sluice: {error.message}", file=sys.stderr)
            return 2
        if config.store is not None:
            from proxy.cli.usage import from_store

            return from_store.run(config, options, out)
        if sys.stdin.isatty():
            print(f"sluice: {_NOTHING_TO_READ}", file=sys.stderr)
            return 2
    table, counts = Table(options.by), _Counts()
    for row in read(options, counts):
        table.add(row)
    out.write(_written(table, options, counts, out))
    out.flush()  # before the notes, if both go to one file
    _print_notes(table, counts)
    return 1 if counts.errors else 0


def read(options: Options, counts: _Counts) -> Iterator[Row]:
    """Yield a row for each call in the files, each call once. What cannot be read is noted in `counts`."""
    make, seen = rows.maker(options.utc_offset), counts.window.has
    has_limits = options.since is not None or options.until is not None
    since, until = options.since or "", options.until or "9999-12-31"
    for name in sources.expand(options.files or ("-",)):
        extractor = Extractor()
        try:
            for fields in extractor.lines(sources.blocks(name)):
                row = make(fields)
                if row is None or (has_limits and (row.day == UNKNOWN or not since <= row.day <= until)):
                    continue
                if not seen(fields["request_id"]):
                    yield row
        except sources.Unreadable as error:
            counts.errors.append(str(error))
        counts.other_entries += extractor.other_entries
        counts.damaged_lines += extractor.damaged_lines


def _written(table: Table, options: Options, counts: _Counts, out: TextIO) -> str:
    if options.format == "csv":
        return report.csv_text(table)
    if options.format == "json":
        figures = {
            "duplicate_calls": counts.window.duplicates,
            "other_entries": counts.other_entries,
            "damaged_lines": counts.damaged_lines,
        }
        return report.json_text(table, figures)
    return report.text(table, shutil.get_terminal_size().columns if out.isatty() else None)


def _print_notes(table: Table, counts: _Counts) -> None:
    total = table.total()
    notes = [f"cannot read {message}" for message in counts.errors]
    if not total["calls"]:
        notes.append(_NO_CALLS)
    window = counts.window
    if window.is_full:
        notes.append(f"more than {WINDOW_CALLS:,} calls: one that occurs twice, further apart than that, counts twice")
    figures = {
        f"calls without a known cost ({_NO_COST})": total["unpriced_calls"],
        "calls found more than once and counted once": window.duplicates,
        "lines and entries that are not Sluice's": counts.other_entries,
        "cut or damaged lines, not counted": counts.damaged_lines,
    }
    notes += [f"{name}: {number:,}" for name, number in figures.items() if number]
    for note in notes:
        print(f"sluice: {note}", file=sys.stderr)
