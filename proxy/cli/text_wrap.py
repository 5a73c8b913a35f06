"""Breaks text into lines of a terminal's width, also Chinese, which has no spaces and takes two columns a character."""

from __future__ import annotations

import re

from proxy.cli.text_table import width

# What may begin a line: a wide character with the punctuation that must not, or a word. A long address may be broken
# after a slash.
_PIECE = re.compile(r"[\u2e80-\uffef][，。；：、！？）》」』]*|[^\s\u2e80-\uffef/]*/|[^\s\u2e80-\uffef/]+|\s+")


def wrap(text: str, columns: int, indent: int = 0) -> list[str]:
    """`text` in lines of at most so many columns, each of which begins with `indent` spaces.

    A piece that is longer than a line is cut where the line ends.
    """
    room = max(columns - indent, 2)  # one wide character
    lines = [""]
    for piece in _PIECE.findall(text):
        if width(lines[-1]) + width(piece) <= room:
            lines[-1] += piece
        elif not piece.isspace():
            lines += _cut(piece, room)
    return [" " * indent + line.rstrip() for line in lines if line.strip()]


def _cut(piece: str, columns: int) -> list[str]:
    """A piece in parts of at most so many columns."""
    parts = [""]
    for character in piece:
        if width(parts[-1]) + width(character) > columns:
            parts.append("")
        parts[-1] += character
    return parts
