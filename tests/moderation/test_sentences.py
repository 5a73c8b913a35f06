"""Where a sentence ends in a stream of text."""

from __future__ import annotations

import pytest

from proxy.moderation.sentences import ends_sentence, ends_sentence_before, in_word, unfinished_sentence


@pytest.mark.parametrize(
    "text", ["好。", "好！", "好？", "好；", "好…", "他说：“好。”", "a\n", "a\n\n", "Hello. ", "(Yes!) ", "好。\n"]
)
def test_a_sentence_ends(text: str) -> None:
    assert ends_sentence(text)


@pytest.mark.parametrize("text", ["", "好", "好，", "3.", "3.14", "e.g", "Hello.", "example.com", "Hello. W", "好。我"])
def test_a_sentence_goes_on(text: str) -> None:
    assert not ends_sentence(text)


def test_an_ascii_mark_ends_a_sentence_only_in_front_of_white_space() -> None:
    assert (
        ends_sentence_before("Hello.", " World")
        and ends_sentence_before('"Hello!"', "\nWorld")
        and ends_sentence_before("**a.**", " b")
    )
    assert (
        not ends_sentence_before("3.", "14")
        and not ends_sentence_before("3.", "好")
        and not ends_sentence_before("Hello", " World")
    )


def test_words_of_scripts_without_spaces_have_no_boundaries() -> None:
    assert all(map(in_word, "aZ9éßжאعक"))
    assert not any(map(in_word, "好ひカ한ก .-_!🙂"))
    assert in_word("ა") and in_word("ế")


def test_the_sentence_under_way_is_found() -> None:
    assert unfinished_sentence("One. Two three") == "Two three"
    assert unfinished_sentence("一。二") == "二"
    assert (
        unfinished_sentence("One.") == "One." and unfinished_sentence("One. ") == "" and unfinished_sentence("") == ""
    )
