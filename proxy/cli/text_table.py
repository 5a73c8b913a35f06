"""A table for a terminal without colours: aligned by what characters take on the screen, and cut to its width."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import accumulate

_GAP = "  "
_MIN_NAME_WIDTH = 8
_ELLIPSIS = "…"


def width(text: str) -> int:
    """How many columns `text` takes: two for a Chinese character, none for an accent that stands on another one."""
    if text.isascii():
        return len(text)
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def printable(text: str) -> str:
    """`text` with `?` in place of what could move the cursor or change the direction of writing."""
    if text.isascii() and text.isprintable():
        return text
    return "".join("?" if unicodedata.category(character)[0] in "CZ" else character for character in text)


def shorten(text: str, columns: int) -> str:
    """`text` cut to at most so many columns, with an ellipsis where something is missing."""
    if width(text) <= columns:
        return text
    fitting = sum(1 for end in accumulate(map(_width, text)) if end < columns)
    return text[:fitting] + _ELLIPSIS


def lines(rows: Sequence[Sequence[str]], names: int, columns: int | None) -> list[str]:
    """Lay out rows, the first of which is the head. The first `names` cells of each are names, the rest are numbers.

    `columns` is the screen's width, None for no limit. If it is too small, names are shortened; if that is not enough,
    each row becomes a paragraph.
    """
    widths = [max(width(row[index]) for row in rows) for index in range(len(rows[0]))]
    if columns is not None:
        excess = sum(widths) + len(_GAP) * (len(widths) - 1) - columns
        while excess > 0 and max(widths[:names]) > _MIN_NAME_WIDTH:
            widest = widths.index(max(widths[:names]))
            widths[widest] -= 1
            excess -= 1
        if excess > 0:
            return _paragraphs(rows, names, columns)
    return [_line(row, widths, names) for row in rows]


def _line(row: Sequence[str], widths: Sequence[int], names: int) -> str:
    cells = []
    for index, (cell, columns) in enumerate(zip(row, widths, strict=True)):
        text = shorten(cell, columns)
        padding = " " * (columns - width(text))
        cells.append(text + padding if index < names else padding + text)
    return _GAP.join(cells).rstrip()


def _paragraphs(rows: Sequence[Sequence[str]], names: int, columns: int) -> list[str]:
    """Each row as its names, followed by a line for each number, indented."""
    head = rows[0]
    label_width = max(width(label) for label in head[names:])
    number_width = max(width(cell) for row in rows[1:] for cell in row[names:])
    written = []
    for row in rows[1:]:
        written += [shorten(name, max(columns, 2)) for name in row[:names] if name]
        for label, number in zip(head[names:], row[names:], strict=True):
            written.append(f"  {label}{' ' * (label_width - width(label))}  {number:>{number_width}}")
    return written
