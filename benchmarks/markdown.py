"""Numbers and tables as Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def number(value: float, sign: str = "-") -> str:
    """Two or three digits that mean something; `sign` is + where a plus is wanted, too."""
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 else 3
    return f"{value:{sign}.{digits}f}"


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table, its first row the head."""
    head, *rest = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *rest])
