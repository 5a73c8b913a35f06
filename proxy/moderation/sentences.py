"""Where a stream of text can be cut so that each part has a meaning of its own. Pure."""

from __future__ import annotations

import re
import unicodedata

# Characters of earlier text that are checked again with the text that follows.
CONTEXT_LENGTH = 512
# Full-width marks always end a sentence, ASCII ones only before white space, so that 3.14 and example.com stay whole.
# Quotation marks and brackets after a mark belong to it.
_CLOSERS = r"[\"'”’」』）)\]*_]*"
_END = re.compile(rf"[。！？；…\n]{_CLOSERS}|[.!?;]{_CLOSERS}(?=\s)")
_CERTAIN_END = re.compile(rf"(?:[。！？；…\n]{_CLOSERS}|[.!?;]{_CLOSERS}\s)\s*\Z")
_POSSIBLE_END = re.compile(rf"[.!?;]{_CLOSERS}\Z")
# The longest end of a sentence that is searched for, in characters.
_TAIL_LENGTH = 16


def ends_sentence(text: str) -> bool:
    """Whether `text` ends with a sentence, whatever follows."""
    return _CERTAIN_END.search(text[-_TAIL_LENGTH:]) is not None


def ends_sentence_before(text: str, following: str) -> bool:
    """Whether `text` ends with a sentence if `following`, which is not empty, comes next."""
    return following[0].isspace() and _POSSIBLE_END.search(text[-_TAIL_LENGTH:]) is not None


def in_word(char: str) -> bool:
    """Whether the character belongs to a word of a script with spaces between words. Vowel signs do as well."""
    is_letter = char.isalnum() or unicodedata.category(char)[0] == "M"
    return is_letter and (char < "\u0e00" or "\u10a0" <= char <= "\u10ff" or "\u1e00" <= char < "\u2000")


def unfinished_sentence(text: str) -> str:
    """Return the sentence at the end of `text` that is not finished, or an empty string."""
    start = 0
    for match in _END.finditer(text):
        start = match.end()
    return text[start:].lstrip()
