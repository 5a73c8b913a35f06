"""Where a stream of text can be cut so that each part means something by itself. Pure."""

from __future__ import annotations

import re
import unicodedata

# So much of what was said before is looked at again with what follows.
BEFORE_LENGTH = 512
# The ends of sentences: full-width marks as soon as they stand there, ASCII ones only in front of white space, so that
# 3.14 and example.com are left whole. Quotation marks and brackets behind them belong to them.
_CLOSERS = r"[\"'”’」』）)\]*_]*"
_END = re.compile(rf"[。！？；…\n]{_CLOSERS}|[.!?;]{_CLOSERS}(?=\s)")
_LAST = re.compile(rf"(?:[。！？；…\n]{_CLOSERS}|[.!?;]{_CLOSERS}\s)\s*\Z")
_PERHAPS = re.compile(rf"[.!?;]{_CLOSERS}\Z")
# The longest end that is looked for.
_TAIL_LENGTH = 16


def ends(text: str) -> bool:
    """Whether `text` ends where a sentence does, whatever may follow."""
    return _LAST.search(text[-_TAIL_LENGTH:]) is not None


def ends_between(text: str, following: str) -> bool:
    """Whether a sentence ends with `text` when `following`, which is not empty, comes next."""
    return following[0].isspace() and _PERHAPS.search(text[-_TAIL_LENGTH:]) is not None


def in_word(char: str) -> bool:
    """Whether the character belongs to a word of a script that puts spaces between words; a vowel sign does too."""
    is_letter = char.isalnum() or unicodedata.category(char)[0] == "M"
    return is_letter and (char < "\u0e00" or "\u10a0" <= char <= "\u10ff" or "\u1e00" <= char < "\u2000")


def unfinished(text: str) -> str:
    """The sentence at the end of `text` that goes on behind it, or nothing."""
    last = 0
    for match in _END.finditer(text):
        last = match.end()
    return text[last:].lstrip()
