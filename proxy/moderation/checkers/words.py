"""A word list, searched for within the function: no service, no network, no delay."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from operator import add

from proxy.call import Call
from proxy.errors import ConfigError
from proxy.moderation import invisible
from proxy.moderation.sentences import CONTEXT_LENGTH, in_word
from proxy.moderation.verdict import BLOCK, PASS, Text, Verdict
from proxy.moderation.windows import SLICE_LENGTH, split
from proxy.settings.config import Config

# A longer word could begin before the context that is kept of a stream.
MAX_WORD_LENGTH = CONTEXT_LENGTH // 4
# The fixed cost of a text, in characters.
_TEXT_COST = 20
_SPACE = re.compile("[\\s\u2800]+")  # the blank Braille pattern looks like a space


def check_config(config: Config) -> None:
    """As Checker.check_config."""
    _load(config.moderation_words_file, config.moderation_words)


async def check(call: Call, texts: Sequence[Text]) -> Verdict:
    """As Checker.check. The verdict does not name the word, since it is part of a text."""
    words = _load(call.config.moderation_words_file, call.config.moderation_words)
    checked = 0
    for text in texts:
        for part in split(text):
            if checked >= SLICE_LENGTH:
                checked = 0
                await call.host.clock.sleep(0)  # let other calls run
            checked += len(part.new) + len(part.context) + _TEXT_COST
            if words.find(part):
                return Verdict(BLOCK, "words")
    return Verdict(PASS)


def normalise(text: str) -> str:
    """Unify texts that look alike, by compatibility form, case, white space, invisible characters and marks."""
    return _SPACE.sub(" ", _fold(text))


def _fold(text: str) -> str:
    if text.isascii():
        return invisible.strip(text).lower()
    compatible = unicodedata.normalize("NFKC", invisible.strip(text))
    # Normalised again, because an upper-case letter may fold into a letter and a mark.
    return invisible.strip_marks(unicodedata.normalize("NFKC", compatible.casefold()))


class WordList:
    """Searches for many words at once, by their first two characters.

    In a script with spaces between words, only whole words match: `ass` does not match in `class`. Chinese, Japanese,
    Korean and Thai words match anywhere.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._words = frozenset(words)
        self._single = frozenset(word for word in self._words if len(word) == 1)
        lengths: dict[str, tuple[int, ...]] = {}
        # Prefixes share their tuples, since tens of thousands of small sets would fill a small function's memory.
        shared: dict[tuple[int, ...], tuple[int, ...]] = {}
        for word in self._words:
            word_lengths = lengths.get(word[:2], ())
            if len(word) > 1 and len(word) not in word_lengths:
                extended = (*word_lengths, len(word))
                lengths[word[:2]] = shared.setdefault(extended, extended)
        self._lengths = lengths

    def find(self, text: Text) -> bool:
        """Whether a word ends in the new part of the text, also in tag characters."""
        decoded = invisible.decode_tags(text.new)
        return self._find(text) or (decoded is not None and self._find(Text(decoded, text.context)))

    def _find(self, text: Text) -> bool:
        context = normalise(text.context)
        whole = normalise(text.context + text.new) if text.context else normalise(text.new)
        lengths, words = self._lengths, self._words
        # Nearly all pairs of characters begin no word, so the fastest check comes first.
        for start, pair in enumerate(map(add, whole, whole[1:])):
            if pair in lengths and not _within_word(whole, start):
                for length in lengths[pair]:
                    end = start + length
                    if whole[start:end] in words and end >= len(context) and not _within_word(whole, end):
                        return True
        if self._single.isdisjoint(whole):
            return False
        positions = (i for i, char in enumerate(whole) if char in self._single and i + 1 >= len(context))
        return any(not _within_word(whole, i) and not _within_word(whole, i + 1) for i in positions)


def _within_word(text: str, position: int) -> bool:
    """Whether a word continues across this position."""
    return 0 < position < len(text) and in_word(text[position]) and in_word(text[position - 1])


@lru_cache(maxsize=4)
def _load(file: str | None, words: tuple[str, ...]) -> WordList:
    """Read the list, once per process. Raises ConfigError if it is empty or has a word that is too long."""
    lines = _read(file) if file is not None else []
    # Folded all at once, since a hundred thousand small steps would slow down a cold start.
    entries = {" ".join(line.split()) for line in _fold("\n".join((*lines, *words))).split("\n")} - {""}
    if not entries:
        if file is not None:
            raise ConfigError(
                "MODERATION_WORDS_FILE names a file without words. Write one word on each line.",
                param="MODERATION_WORDS_FILE",
            )
        raise ConfigError(
            "Set MODERATION_WORDS or MODERATION_WORDS_FILE: MODERATION names words.",
            param="MODERATION_WORDS",
        )
    if any(len(word) > MAX_WORD_LENGTH for word in entries):
        name = "MODERATION_WORDS" if file is None else "MODERATION_WORDS_FILE"
        raise ConfigError(f"{name} has a word of more than {MAX_WORD_LENGTH} characters. Shorten it.", param=name)
    return WordList(entries)


def _read(file: str) -> list[str]:
    from proxy.settings import text_file

    lines = text_file.read(file, "MODERATION_WORDS_FILE").splitlines()
    return [line for line in lines if not line.lstrip().startswith("#")]
