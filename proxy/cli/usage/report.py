"""Writes the sums: a table for people, CSV for spreadsheets, JSON for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from proxy.cli import text_table
from proxy.cli.usage.grouping import Sums, Table

# Each column's name in CSV and JSON, with its head in the table.
_HEADS = {
    "calls": "calls",
    "failed_calls": "failed",
    "input_tokens": "input",
    "cached_input_tokens": "cached",
    "output_tokens": "output",
    "cost_usd": "US dollars",
    "estimated_share": "estimated",
    "unpriced_calls": "unpriced",
}
COLUMNS = tuple(_HEADS)
# Spreadsheets take a cell that begins like this for a formula, which may send the others to somebody
# (owasp.org/www-community/attacks/CSV_Injection, read 2026-11-27).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def text(table: Table, width: int | None, columns: Sequence[str] = COLUMNS) -> str:
    """The table, with the total in its last row. `width` is the screen's, None for no limit.

    `columns` are those of COLUMNS whose figures are known, here and below.
    """
    groups = table.groups()
    rows = [[*table.by, *(_HEADS[column] for column in columns)]]
    rows += [[*(text_table.printable(name) for name in names), *_cells(sums, columns)] for names, sums in groups]
    rows.append(["total", *[""] * (len(table.by) - 1), *_cells(table.total(), columns)])
    return "\n".join(text_table.lines(rows, len(table.by), width)) + "\n"


def _cells(sums: Sums, columns: Sequence[str]) -> list[str]:
    return [_cell(sums, column) for column in columns]


def _cell(sums: Sums, column: str) -> str:
    if column == "estimated_share":
        share = sums.estimated_share
        return "-" if share is None else f"{share * 100:.1f} %"
    return f"{sums[column]:,.6f}" if column == "cost_usd" else f"{sums[column]:,}"


def csv_text(table: Table, columns: Sequence[str] = COLUMNS) -> str:
    """The groups as CSV, without a total, which a spreadsheet would add to its own."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*(name.replace("-", "_") for name in table.by), *columns])
    for names, sums in table.groups():
        figures = _figures(sums, columns)
        if (share := figures.get("estimated_share")) is not None:
            figures["estimated_share"] = f"{share:.4f}"
        writer.writerow([*map(_safe_cell, names), *figures.values()])  # None becomes an empty cell
    return out.getvalue()


def _safe_cell(name: str) -> str:
    name = text_table.printable(name)
    # A dash alone is what stands for an unknown name, and no formula.
    return f"'{name}" if name.startswith(_FORMULA) and name != "-" else name


def json_text(table: Table, about: Mapping[str, Any], columns: Sequence[str] = COLUMNS) -> str:
    """One JSON object: `groups`, the `total`, and `about` what was read. Dollars are a text, which stays exact."""
    by: Sequence[str] = [name.replace("-", "_") for name in table.by]
    groups = [{**dict(zip(by, names, strict=True)), **_figures(sums, columns)} for names, sums in table.groups()]
    document = {"by": by, "groups": groups, "total": _figures(table.total(), columns), **about}
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _figures(sums: Sums, columns: Sequence[str]) -> dict[str, Any]:
    return {column: _figure(sums, column) for column in columns}


def _figure(sums: Sums, column: str) -> Any:
    if column == "estimated_share":
        share = sums.estimated_share
        return None if share is None else round(share, 4)
    return f"{sums[column]:f}" if column == "cost_usd" else sums[column]
