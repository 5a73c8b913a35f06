"""Where a stream of text can be cut so that each part means something by itself. Pure."""

from __future__ import annotations

import re

# So much of what was said before is looked at again with what follows.
BEFORE_LENGTH = 512
# The ends of sentences: full-width marks as soon as they stand there, ASCII ones only in front of white space, so that
# 3.14 and example.com are left whole.
_END = re.compile(r"[。！？；…\n]|[.!?;][\"'”’)\]]*(?=\s)")
# An end that needs no more than this in front of what comes next.
_TAIL_LENGTH = 8


def ends_in(tail: str, text: str) -> tuple[bool, bool]:
    """Whether a sentence ends exactly between `tail` and `text`, and whether one ends within `text`."""
    tail = tail[-_TAIL_LENGTH:]
    ends = [match.end() for match in _END.finditer(tail + text)]
    return len(tail) in ends and bool(tail), any(end > len(tail) for end in ends)


def in_word(char: str) -> bool:
    """Whether the character belongs to a word of a script that puts spaces between words."""
    return char.isalnum() and (char < "\u0e00" or "\u10a0" <= char <= "\u10ff" or "\u1e00" <= char < "\u2000")


def unfinished(text: str) -> str:
    """The sentence at the end of `text` that goes on behind it, or nothing."""
    last = 0
    for match in _END.finditer(text):
        last = match.end()
    return text[last:].lstrip()
