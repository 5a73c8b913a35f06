"""Long texts in slices: each short enough to be looked at without keeping others waiting. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from proxy.moderation import invisible
from proxy.moderation.sentences import BEFORE_LENGTH, in_word
from proxy.moderation.verdict import Text

# The list of words looks at so many characters in half a millisecond, at the worst ones in 20 ms: ligatures that become
# 18 letters each, and marks in an order that normalising must change, which takes the square of their number.
LENGTH = 2_048
_SPACE = re.compile(r"(\s)\s+")


def sliced(text: Text) -> Iterator[Text]:
    """The same text in slices that end between two words, each with the end of what was in front of it."""
    if len(text.new) <= LENGTH:
        yield text
        return
    at, before = 0, text.before
    while at < len(text.new):
        end = slice_end(text.new, at, LENGTH)
        new = text.new[at:end]
        yield Text(new, before)
        at, before = end, remembered(before, new)


def slice_end(text: str, at: int, most: int) -> int:
    """Where a slice that starts at `at` ends, after at most `most` characters: between two words, if possible."""
    end = min(at + most, len(text))
    if end == len(text):
        return end
    for near in range(end, at, -1):
        if not (_may_go_on(text[near - 1]) and _may_go_on(text[near])):
            return near
    return end


def _may_go_on(char: str) -> bool:
    return in_word(char) or invisible.INVISIBLE.match(char) is not None


def remembered(before: str, new: str) -> str:
    """What to look at again with what follows: the end of both, in which neither hidden characters nor a run of white
    space take the place of words.
    """
    kept, at = "", len(new)
    while at > 0 and len(kept) < BEFORE_LENGTH:
        start = max(0, at - LENGTH)
        seen = invisible.without_marks(unicodedata.normalize("NFC", invisible.without(new[start:at])))
        kept = _SPACE.sub(r"\1", seen + kept)
        at = start
    return (before + kept)[-BEFORE_LENGTH:]
