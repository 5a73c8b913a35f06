"""Where a sentence ends in a stream of text."""

from __future__ import annotations

import pytest

from proxy.moderation.sentences import ends, ends_between, in_word, unfinished


@pytest.mark.parametrize(
    "text", ["好。", "好！", "好？", "好；", "好…", "他说：“好。”", "a\n", "a\n\n", "Hello. ", "(Yes!) ", "好。\n"]
)
def test_a_sentence_ends(text: str) -> None:
    assert ends(text)


@pytest.mark.parametrize("text", ["", "好", "好，", "3.", "3.14", "e.g", "Hello.", "example.com", "Hello. W", "好。我"])
def test_a_sentence_goes_on(text: str) -> None:
    assert not ends(text)


def test_an_ascii_mark_ends_a_sentence_only_in_front_of_white_space() -> None:
    assert ends_between("Hello.", " World") and ends_between('"Hello!"', "\nWorld") and ends_between("**a.**", " b")
    assert not ends_between("3.", "14") and not ends_between("3.", "好") and not ends_between("Hello", " World")


def test_words_of_scripts_without_spaces_have_no_boundaries() -> None:
    assert all(map(in_word, "aZ9éßжאعक"))
    assert not any(map(in_word, "好ひカ한ก .-_!🙂"))
    assert in_word("ა") and in_word("ế")


def test_the_sentence_under_way_is_found() -> None:
    assert unfinished("One. Two three") == "Two three"
    assert unfinished("一。二") == "二"
    assert unfinished("One.") == "One." and unfinished("One. ") == "" and unfinished("") == ""
