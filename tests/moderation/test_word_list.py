"""The checker `words`: spellings, word boundaries, and the list itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import startup
from proxy.errors import ConfigError
from proxy.moderation.checkers.words import MAX_WORD_LENGTH, WordList, normalise
from proxy.moderation.verdict import Text, Verdict
from tests.support.checkers import ask
from tests.support.core import Listed


def has(listed: str, text: str, before: str = "") -> bool:
    return WordList(map(normalise, listed.split(","))).find(Text(text, before))


@pytest.mark.parametrize(
    ("listed", "text"),
    [
        ("forbidden", "a FORBIDDEN thing"),
        ("forbidden", "ｆｏｒｂｉｄｄｅｎ"),
        ("forbidden", "for\u200bbid\u00adden"),
        ("bad phrase", "a bad\n  phrase"),
        ("straße", "STRASSE"),
        ("禁词", "这是禁词吗"),
        ("词", "这是禁词"),
        ("a,禁词", "禁词"),
        ("禁", "禁"),
        ("x", "an x."),
        ("ab,abc,abcd", "abcd"),
        ("c++", "in c++"),
    ],
)
def test_a_listed_word_is_found_in_every_spelling(listed: str, text: str) -> None:
    assert has(listed, text)


@pytest.mark.parametrize(
    ("listed", "text"),
    [("ass", "class assume"), ("x", "axe"), ("forbidden", ""), ("禁词", "禁 词"), ("word", "wor d"), ("ab", "abab")],
)
def test_words_match_whole_words_in_languages_with_spaces(listed: str, text: str) -> None:
    assert not has(listed, text)


@given(st.text("ab禁词 .", min_size=1, max_size=30), st.integers(0, 30))
def test_a_word_that_is_cut_between_two_texts_is_found_by_the_second(text: str, at: int) -> None:
    before, new = text[:at], text[at:]
    if has("禁词,词b", text):
        assert has("禁词,词b", before) or has("禁词,词b", new, before)


def test_a_word_in_the_first_text_is_not_found_again() -> None:
    assert not has("禁词,b,词", "x", "禁词 b, ")


def test_a_list_comes_from_a_file_and_a_setting(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("\ufeff# a comment\n\nFirst\r\n  # another\n二二\n", encoding="utf-8")
    settings = {"MODERATION_WORDS_FILE": str(file), "MODERATION_WORDS": "third"}
    for text in ("first", "二二", "third"):
        assert ask("words", Listed(), [Text("fine"), Text(text)], **settings) == Verdict("block", "words")
    assert ask("words", Listed(), [Text("a comment")], **settings) == Verdict("pass")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"# nothing\n\n", "without words"),
        (b"x" * (MAX_WORD_LENGTH + 1), f"more than {MAX_WORD_LENGTH} characters"),
    ],
)
def test_a_list_that_cannot_be_used_stops_the_start(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "words.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"MODERATION_WORDS_FILE.*{message}"):
        startup.load({"MODERATION": "words", "MODERATION_WORDS_FILE": str(file)})


def test_words_without_a_list_stop_the_start() -> None:
    with pytest.raises(ConfigError, match="Set MODERATION_WORDS or MODERATION_WORDS_FILE"):
        startup.load({"MODERATION": "words"})
    with pytest.raises(ConfigError, match="MODERATION_WORDS has a word"):
        startup.load({"MODERATION": "words", "MODERATION_WORDS": "x" * (MAX_WORD_LENGTH + 1)})


def test_a_hundred_thousand_words_are_searched_quickly() -> None:
    """A limit that only a change of magnitude exceeds. docs/moderation.md has the figures."""
    import time

    started = time.process_time()
    many = WordList(normalise(f"{chr(0x4E00 + i % 5000)}{chr(0x4E00 + i * 7 % 9000)}{i}") for i in range(100_000))
    built = time.process_time()
    assert not many.find(Text("一二三四五六七八九十,你好世界。" * 6_000))
    assert built - started < 5 and time.process_time() - built < 5
