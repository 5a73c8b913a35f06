"""Invisible characters, which can hide a word from a filter. Pure.

They are selected by Unicode property:

- Default_Ignorable_Code_Point: unicode.org/Public/16.0.0/ucd/DerivedCoreProperties.txt (unchanged since Unicode 9; it
  includes unassigned ranges, and so the characters of later versions), compared with Perl's Unicode 14 on 2026-11-26.
  Python's unicodedata lacks this property.
- General_Category Cf (format) and Cc (control) except white space: UnicodeData.txt of the same version, compared with
  unicodedata by tests/moderation/test_invisible.py.
- Noncharacters (Noncharacter_Code_Point of PropList.txt), which no font shows.
- Combining marks that can be drawn over any letter and belong to no script's spelling: the blocks of Combining
  Diacritical Marks and Half Marks (Blocks.txt). They count only where NFC leaves them separate: it composes `é`, but
  not a `b` with a stroke over it. Marks of Arabic, Hebrew, Indic and other scripts stay.
"""

from __future__ import annotations

import re

_DEFAULT_IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_FORMAT = "\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
_CONTROL = "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"
_NONCHARACTER = "\ufdd0-\ufdef" + "".join(
    f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000)
)
_MARKS = "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"

INVISIBLE = re.compile(f"[{_DEFAULT_IGNORABLE}{_FORMAT}{_CONTROL}{_NONCHARACTER}]+")
MARKS = re.compile(f"[{_MARKS}]+")
# An invisible copy of ASCII, intended for flags only. Models can read it.
_TAGS = re.compile("[\U000e0020-\U000e007e]")
_TAG_TO_ASCII = {0xE0000 + code: code for code in range(0x20, 0x7F)}


def strip(text: str) -> str:
    """Remove invisible characters from `text`."""
    return text if text.isascii() and text.isprintable() else INVISIBLE.sub("", text)


def strip_marks(text: str) -> str:
    """Remove marks that are drawn over other characters from `text`, which must be in NFC or NFKC."""
    return text if text.isascii() else MARKS.sub("", text)


def decode_tags(text: str) -> str | None:
    """Return `text` with its tag characters as the ASCII that models may read, None if it has none."""
    return text.translate(_TAG_TO_ASCII) if _TAGS.search(text) else None
