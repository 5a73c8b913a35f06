"""A list of words, held against texts here: no service, no network, no delay."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from operator import add

from proxy.call import Call
from proxy.errors import ConfigError
from proxy.moderation import invisible
from proxy.moderation.sentences import BEFORE_LENGTH, in_word
from proxy.moderation.verdict import BLOCK, PASS, Text, Verdict
from proxy.moderation.windows import LENGTH, sliced
from proxy.settings.config import Config

# Longer ones could begin further back than what is remembered of a stream.
LONGEST = BEFORE_LENGTH // 4
# What a text costs besides its characters, in characters.
_EACH = 20
_SPACE = re.compile("[\\s\u2800]+")  # an empty pattern of Braille looks like a space as well


def ready(config: Config) -> None:
    """As Moderator.ready."""
    _list(config.moderation_words_file, config.moderation_words)


async def check(call: Call, texts: Sequence[Text]) -> Verdict:
    """As Moderator.check. What it finds is not told: it is part of a text."""
    words = _list(call.config.moderation_words_file, call.config.moderation_words)
    looked_at = 0
    for text in texts:
        for part in sliced(text):
            if looked_at >= LENGTH:
                looked_at = 0
                await call.host.clock.sleep(0)  # others' calls go on meanwhile
            looked_at += len(part.new) + len(part.before) + _EACH
            if words.find(part):
                return Verdict(BLOCK, "words")
    return Verdict(PASS)


def normalised(text: str) -> str:
    """One spelling for what looks the same: full-width and compatibility forms, case, white space, what cannot be seen,
    marks that are drawn over letters.
    """
    return _SPACE.sub(" ", _folded(text))


def _folded(text: str) -> str:
    if text.isascii():
        return invisible.without(text).lower()
    compatible = unicodedata.normalize("NFKC", invisible.without(text))
    # Once more: an upper-case letter may fold into a letter and a mark.
    return invisible.without_marks(unicodedata.normalize("NFKC", compatible.casefold()))


class Words:
    """Many words at once, each found by its first two characters.

    A word whose script puts spaces between words is found as a whole word only: `ass` is not in `class`. Chinese,
    Japanese, Korean or Thai words are found anywhere.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._words = frozenset(words)
        self._single = frozenset(word for word in self._words if len(word) == 1)
        lengths: dict[str, tuple[int, ...]] = {}
        # Pairs of characters share their tuples: tens of thousands of small sets would fill a small function's memory.
        shared: dict[tuple[int, ...], tuple[int, ...]] = {}
        for word in self._words:
            known = lengths.get(word[:2], ())
            if len(word) > 1 and len(word) not in known:
                more = (*known, len(word))
                lengths[word[:2]] = shared.setdefault(more, more)
        self._lengths = lengths

    def find(self, text: Text) -> bool:
        """Whether one of the words ends in the new part, also where that is written in tag characters."""
        tags = invisible.spelt_in_tags(text.new)
        return self._find(text) or (tags is not None and self._find(Text(tags, text.before)))

    def _find(self, text: Text) -> bool:
        before = normalised(text.before)
        whole = normalised(text.before + text.new) if text.before else normalised(text.new)
        lengths, words = self._lengths, self._words
        # Nearly all pairs of characters begin no word, so they are sorted out by the quickest means there is.
        for at, pair in enumerate(map(add, whole, whole[1:])):
            if pair in lengths and not _goes_on(whole, at):
                for length in lengths[pair]:
                    end = at + length
                    if whole[at:end] in words and end >= len(before) and not _goes_on(whole, end):
                        return True
        if self._single.isdisjoint(whole):
            return False
        places = (at for at, char in enumerate(whole) if char in self._single and at + 1 >= len(before))
        return any(not _goes_on(whole, at) and not _goes_on(whole, at + 1) for at in places)


def _goes_on(text: str, at: int) -> bool:
    """Whether a word goes on over this position."""
    return 0 < at < len(text) and in_word(text[at]) and in_word(text[at - 1])


@lru_cache(maxsize=4)
def _list(file: str | None, words: tuple[str, ...]) -> Words:
    """The list, read once for each process. Raises ConfigError where it has no word or one that cannot be used."""
    lines = _read(file) if file is not None else []
    # All at once, since a hundred thousand small steps are what a cold start would notice.
    found = {" ".join(line.split()) for line in _folded("\n".join((*lines, *words))).split("\n")} - {""}
    if not found:
        if file is not None:
            raise ConfigError("MODERATION_WORDS_FILE names a file without a word in it.", param="MODERATION_WORDS_FILE")
        raise ConfigError(
            "MODERATION_WORDS or MODERATION_WORDS_FILE must be set for MODERATION to name words.",
            param="MODERATION_WORDS",
        )
    if any(len(word) > LONGEST for word in found):
        name = "MODERATION_WORDS" if file is None else "MODERATION_WORDS_FILE"
        raise ConfigError(f"{name} has a word of more than {LONGEST} characters.", param=name)
    return Words(found)


def _read(file: str) -> list[str]:
    from proxy.settings import text_file

    lines = text_file.read(file, "MODERATION_WORDS_FILE").splitlines()
    return [line for line in lines if not line.lstrip().startswith("#")]
