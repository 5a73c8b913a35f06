"""Writes the sums: a table for people, CSV for spreadsheets, JSON for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from proxy.cli.usage import text_table
from proxy.cli.usage.grouping import Sums, Table

# Of Sums, what is shown, by the name in CSV and JSON, with the head of its column in the table.
_COUNTS = {
    "calls": "calls",
    "failed_calls": "failed",
    "input_tokens": "input",
    "cached_input_tokens": "cached",
    "output_tokens": "output",
}
_HEADS = (*_COUNTS.values(), "US dollars", "estimated", "unpriced")
_FIGURES = (*_COUNTS, "cost_usd", "estimated_share", "unpriced_calls")
# Spreadsheets take a cell that begins like this for a formula, which may send the others to somebody
# (owasp.org/www-community/attacks/CSV_Injection, read 2026-11-27).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def text(table: Table, columns: int | None) -> str:
    """The table, with the total in its last row. `columns` is the screen's width, None for no limit."""
    groups = table.groups()
    rows = [[*table.by, *_HEADS]]
    rows += [[*(text_table.printable(name) for name in names), *_cells(sums)] for names, sums in groups]
    rows.append(["total", *[""] * (len(table.by) - 1), *_cells(table.total())])
    return "\n".join(text_table.lines(rows, len(table.by), columns)) + "\n"


def _cells(sums: Sums) -> list[str]:
    share = sums.estimated_share
    return [
        *(f"{sums[name]:,}" for name in _COUNTS),
        f"{sums['cost_usd']:,.6f}",
        "-" if share is None else f"{share * 100:.1f} %",
        f"{sums['unpriced_calls']:,}",
    ]


def csv_text(table: Table) -> str:
    """The groups as CSV, without a total, which a spreadsheet would add to its own."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*(name.replace("-", "_") for name in table.by), *_FIGURES])
    for names, sums in table.groups():
        figures = _figures(sums)
        share = figures["estimated_share"]
        figures["estimated_share"] = "" if share is None else f"{share:.4f}"
        writer.writerow([*map(_safe_cell, names), *figures.values()])
    return out.getvalue()


def _safe_cell(name: str) -> str:
    name = text_table.printable(name)
    # A dash alone is what stands for an unknown name, and no formula.
    return f"'{name}" if name.startswith(_FORMULA) and name != "-" else name


def json_text(table: Table, counts: dict[str, int]) -> str:
    """One JSON object: `groups`, the `total`, and `counts` of what was read. Dollars are a text, which stays exact."""
    by: Sequence[str] = [name.replace("-", "_") for name in table.by]
    groups = [{**dict(zip(by, names, strict=True)), **_figures(sums)} for names, sums in table.groups()]
    document = {"by": by, "groups": groups, "total": _figures(table.total()), **counts}
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _figures(sums: Sums) -> dict[str, Any]:
    share = sums.estimated_share
    return {
        **{name: sums[name] for name in _COUNTS},
        "cost_usd": f"{sums['cost_usd']:f}",
        "estimated_share": None if share is None else round(share, 4),
        "unpriced_calls": sums["unpriced_calls"],
    }
