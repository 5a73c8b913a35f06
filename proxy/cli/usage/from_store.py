"""Reads what the store has booked, by day, key and model, into the same table as a log."""

from __future__ import annotations

import shutil
import sys
import time
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple, TextIO

from proxy.cli import open_store
from proxy.cli.usage import report
from proxy.cli.usage.grouping import Table
from proxy.cli.usage.options import Options
from proxy.cli.usage.rows import UNKNOWN, Row
from proxy.errors import ProxyError
from proxy.settings.config import Config
from proxy.store import base, periods

DEFAULT_DAYS = 30
# What a store knows; the other groups and columns of a log are missing, for a 0 in them would be wrong.
GROUPS = ("key", "model", "response-model", "day")
COLUMNS = ("calls", "input_tokens", "output_tokens", "cost_usd")
_NO_CALLS = (
    f"no calls were booked in these days, of which a store keeps the last {base.KEPT_DAYS}. Is STORE the one that the "
    "endpoint uses?"
)


class Span(NamedTuple):
    """The first and the last day (YYYY-MM-DD, in UTC), both included."""

    since: str
    until: str


def run(config: Config, options: Options, out: TextIO) -> int:
    """Print the table. Returns 1 if the store cannot be read, 2 if the options ask for what no store knows."""
    if (refusal := _refusal(options)) is not None:
        print(f"sluice: {refusal}", file=sys.stderr)
        return 2
    span = span_of(options, time.time())
    try:
        spending = open_store.run(config, lambda store: store.spending(*span))
    except ProxyError as error:
        print(f"sluice: {open_store.explain(error)}", file=sys.stderr)
        return 1
    table = Table(options.by)
    for row in spending:
        table.add(to_row(row))
    out.write(_written(table, options, span, out))
    out.flush()  # before the notes, if both go to one file
    if options.format == "csv":
        print(f"sluice: {_described(span)}", file=sys.stderr)
    if not spending:
        print(f"sluice: {_NO_CALLS}", file=sys.stderr)
    return 0


def span_of(options: Options, now: float) -> Span:
    """The days to read: those of the options, else the last DEFAULT_DAYS; none for which no store has anything.

    `now` is Unix time in seconds.
    """
    # The clock of an instance may be ahead of this machine's by a few seconds, and so by a day.
    latest, earliest = periods.day_of(now + base.DAY_SECONDS), periods.day_of(now - base.KEPT_DAYS * base.DAY_SECONDS)
    until = periods.day_of(now) if options.until is None else min(options.until, latest)
    default = date.fromisoformat(max(until, earliest)) - timedelta(days=DEFAULT_DAYS - 1)
    return Span(max(options.since or default.isoformat(), earliest), until)


def to_row(row: base.Row) -> Row:
    """The row of the table, with the key as it is in the log: NAME/ID, or the id of a key that has no name.

    Calls are booked with the model that answered, or with the requested one if the answer named none.
    """
    key = row.holder if row.name in ("", row.holder) else f"{row.name}/{row.holder}"
    return Row(
        key=key,
        model=row.model,
        response_model=row.model,
        day=row.day,
        upstream=UNKNOWN,
        path=UNKNOWN,
        platform=UNKNOWN,
        status=UNKNOWN,
        calls=row.calls,
        failed_calls=0,
        input_tokens=row.input,
        cached_input_tokens=0,
        output_tokens=row.output,
        estimated_tokens=0,
        unpriced_calls=0,
        cost_usd=Decimal(base.usd(row.cost)),
    )


def _refusal(options: Options) -> str | None:
    """Why the store cannot answer, if it cannot."""
    if unknown := [name for name in options.by if name not in GROUPS]:
        return f"the store knows {', '.join(GROUPS)}, and not {unknown[0]}. Change --by, or name log files to read."
    if options.utc_offset:
        return "the store counts days in UTC, so --utc-offset must be +00:00. Omit it, or name log files."
    return None


def _written(table: Table, options: Options, span: Span, out: TextIO) -> str:
    if options.format == "csv":
        return report.csv_text(table, COLUMNS)
    if options.format == "json":
        return report.json_text(table, span._asdict(), COLUMNS)
    width = shutil.get_terminal_size().columns if out.isatty() else None
    return f"{report.text(table, width, COLUMNS)}{_described(span)}\n"


def _described(span: Span) -> str:
    return f"from the store, {span.since} to {span.until} (UTC)"
