"""Invisible characters hide no word from a filter, and characters that a script's spelling needs stay."""

from __future__ import annotations

import re
import unicodedata

import pytest

from proxy.moderation import invisible
from proxy.moderation.checkers.words import WordList, normalise
from proxy.moderation.verdict import Text
from proxy.moderation.windows import SLICE_LENGTH, extended_context, slice_end, split

HIDDEN = [chr(code) for code in range(0x110000) if invisible.INVISIBLE.match(chr(code))]


def has(listed: str, text: str, before: str = "") -> bool:
    return WordList(map(normalise, listed.split(","))).find(Text(text, before))


def test_every_format_and_control_character_is_among_them() -> None:
    for code in range(0x110000):
        char = chr(code)
        category = unicodedata.category(char)
        if category == "Cf" or (category == "Cc" and not re.match(r"\s", char)):
            assert invisible.INVISIBLE.match(char), hex(code)
        elif invisible.INVISIBLE.match(char):
            assert category in ("Mn", "Cn", "Lo"), hex(code)
    # All of Default_Ignorable_Code_Point in Unicode 16 (4,174 of them), 21 format characters more, controls, and
    # noncharacters.
    assert len(HIDDEN) == 4_174 + 32 + 55 + 66


def test_none_of_them_hides_a_word() -> None:
    words = WordList(["forbidden"])
    for at in range(0, len(HIDDEN), 50):
        hidden = "".join(HIDDEN[at : at + 50])
        assert words.find(Text(f"for{hidden}bid{HIDDEN[at]}den")), hex(ord(HIDDEN[at]))


@pytest.mark.parametrize(
    "text",
    [
        "for\u2066bidden\u2069",
        "f\ufe0forbidden",
        "for\U000e0062bidden",
        "for\x00bid\x08den",
        "f\u0336o\u0336r\u0336b\u0336i\u0336d\u0336d\u0336e\u0336n\u0336",
        "f\u200d\u0332orbidden",
        "ｆ\u034fｏｒｂｉｄｄｅｎ",
        "𝐟𝐨𝐫𝐛𝐢𝐝𝐝𝐞𝐧",
        "ⓕⓞⓡⓑⓘⓓⓓⓔⓝ",
        "".join(chr(0xE0000 + ord(char)) for char in "forbidden"),
        "for" + "".join(chr(0xE0000 + ord(char)) for char in "bidden"),
    ],
)
def test_tricks_of_other_kinds_hide_none_either(text: str) -> None:
    assert has("forbidden", text)


@pytest.mark.parametrize(
    ("listed", "text", "matches"),
    [
        ("schwul", "schwül", False),
        ("schwul", "schwu\u0308l", False),
        ("schwül", "schwu\u0308l", True),
        ("café", "cafe\u0301", True),
        ("क", "कि", False),
        ("कि", "कि", True),
        ("か", "が", False),
        ("người", "người", True),
        ("می‌خواهم", "میخواهم", True),
        ("x", "👨\u200d👩\u200d👧", False),
        ("gbsct", "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f", True),
        ("bad phrase", "bad\u2800phrase", True),
        ("istanbul", "İSTANBUL", True),
    ],
)
def test_what_tells_honest_words_apart_stays(listed: str, text: str, matches: bool) -> None:
    assert has(listed, text) == matches


def test_hidden_characters_and_spaces_do_not_push_a_word_s_beginning_out_of_sight() -> None:
    for between in ("\u200b", "\U000e0020", "\u0336", "\x00"):
        assert has("forbidden", "bidden", extended_context("", "for" + between * 600))
    assert has("bad phrase", "phrase", extended_context("", "bad" + " \n" * 600))


@pytest.mark.parametrize("text", ["wo rd " * 2_000, "字" * 9_000, "x" * 9_000, "e\u0301" * 5_000])
def test_slices_end_between_words_and_lose_nothing(text: str) -> None:
    slices = list(split(Text(text, "before ")))
    assert "".join(item.new for item in slices) == text and all(len(item.new) <= SLICE_LENGTH for item in slices)
    assert slices[0].context == "before "
    assert all(len(item.context) <= 512 for item in slices)


def test_where_a_slice_ends() -> None:
    assert slice_end("ab cd", 0, 4) == 3 and slice_end("ab cd", 0, 9) == 5 and slice_end("abcd", 1, 2) == 3
    assert slice_end("a cafe\u0301", 0, 6) == 2
    assert not has("cafe", "x" * (SLICE_LENGTH - 4) + " cafe\u0301")
