"""Long texts in slices, each short enough to be checked without blocking other calls. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from proxy.moderation import invisible
from proxy.moderation.sentences import CONTEXT_LENGTH, in_word
from proxy.moderation.verdict import Text

# The word list checks this many characters in half a millisecond. The worst texts take 20 ms: ligatures that expand to
# 18 letters each, and marks that normalisation must reorder, which takes quadratic time.
SLICE_LENGTH = 2_048
_SPACE = re.compile(r"(\s)\s+")


def split(text: Text) -> Iterator[Text]:
    """Split a text into slices that end between two words, each with its context."""
    if len(text.new) <= SLICE_LENGTH:
        yield text
        return
    start, context = 0, text.context
    while start < len(text.new):
        end = slice_end(text.new, start, SLICE_LENGTH)
        new = text.new[start:end]
        yield Text(new, context)
        start, context = end, extended_context(context, new)


def slice_end(text: str, start: int, max_length: int) -> int:
    """Return the end of the slice that begins at `start`: between two words, if possible."""
    end = min(start + max_length, len(text))
    if end == len(text):
        return end
    for position in range(end, start, -1):
        if not (_may_continue(text[position - 1]) and _may_continue(text[position])):
            return position
    return end


def _may_continue(char: str) -> bool:
    return in_word(char) or invisible.INVISIBLE.match(char) is not None


def extended_context(context: str, new: str) -> str:
    """Return the end of both texts, to be checked again with what follows.

    Invisible characters and runs of white space are removed, so that they cannot displace words.
    """
    kept, end = "", len(new)
    while end > 0 and len(kept) < CONTEXT_LENGTH:
        start = max(0, end - SLICE_LENGTH)
        visible = invisible.strip_marks(unicodedata.normalize("NFC", invisible.strip(new[start:end])))
        kept = _SPACE.sub(r"\1", visible + kept)
        end = start
    return (context + kept)[-CONTEXT_LENGTH:]
