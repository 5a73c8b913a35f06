"""Characters that nobody sees, which are put into words to hide them from a filter. Pure.

By property, not by a list of known tricks:

- Default_Ignorable_Code_Point: unicode.org/Public/16.0.0/ucd/DerivedCoreProperties.txt (the same since Unicode 9; its
  unassigned ranges belong to it, so that a later version's characters do too), held against Perl's Unicode 14 on
  2026-11-26. Python's unicodedata does not have this property.
- General_Category Cf (format) and Cc (control) but white space: UnicodeData.txt of the same version, held against
  unicodedata by tests/moderation/test_invisible.py.
- Noncharacters (Noncharacter_Code_Point of PropList.txt), which no font shows.
- Combining marks that are not part of a script's spelling, but are drawn over any letter: the blocks of Combining
  Diacritical Marks and Half Marks (Blocks.txt). They count only where no letter has them built in: after NFC `é` is one
  character, a `b` with a stroke drawn over it is not. Marks of Arabic, Hebrew, Indic and other scripts stay.
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
# A second, invisible ASCII, which is only meant for flags: models can read it.
_TAGS = re.compile("[\U000e0020-\U000e007e]")
_ASCII_OF_TAGS = {0xE0000 + code: code for code in range(0x20, 0x7F)}


def without(text: str) -> str:
    """`text` without what cannot be seen."""
    return text if text.isascii() and text.isprintable() else INVISIBLE.sub("", text)


def without_marks(text: str) -> str:
    """`text`, which is in NFC or NFKC, without marks that are drawn over other characters."""
    return text if text.isascii() else MARKS.sub("", text)


def spelt_in_tags(text: str) -> str | None:
    """`text` as a model may read it that knows tag characters as letters; None where it has none of them."""
    return text.translate(_ASCII_OF_TAGS) if _TAGS.search(text) else None
