"""How `init` asks: lines of plain text, in two languages, on whatever terminal there is."""

from __future__ import annotations

import getpass
import io
import re
from string import Formatter

import pytest

from proxy.cli.init import texts_en, texts_zh
from proxy.cli.init.terminal import Terminal

WORDLESS = ("plain", "confirm.yes", "confirm.no")
CHOICES = [("openai", "OpenAI"), ("deepseek", "DeepSeek")]


def terminal(typed: str, encoding: str | None = None) -> Terminal:
    out = io.TextIOWrapper(io.BytesIO(), encoding, write_through=True) if encoding else io.StringIO()
    return Terminal(io.StringIO(typed), out, texts_en.TEXTS)


def shown(asked: Terminal) -> str:
    assert isinstance(asked.stdout, io.StringIO)
    return asked.stdout.getvalue()


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_languages_have_the_same_texts() -> None:
    assert texts_en.TEXTS.keys() == texts_zh.TEXTS.keys()
    for name, text in texts_en.TEXTS.items():
        assert fields(text) == fields(texts_zh.TEXTS[name]), name
        assert name in WORDLESS or re.search("[\u4e00-\u9fff]", texts_zh.TEXTS[name]), name
        assert not re.search(r"[\u4e00-\u9fff][,:;!?][\u4e00-\u9fff]", texts_zh.TEXTS[name]), name


def test_an_empty_line_takes_the_default() -> None:
    asked = terminal("\n  a b \n")
    assert asked.ask("What", "this") == "this" and asked.ask("And") == "a b"
    assert shown(asked) == "What [this]: And: "


@pytest.mark.parametrize(
    ("typed", "default", "answer"),
    [("y\n", False, True), ("是\n", False, True), ("\n", True, True), ("\n", False, False), ("x\nNO\n", True, False)],
)
def test_yes_and_no_in_either_language(typed: str, default: bool, answer: bool) -> None:
    asked = terminal(typed)
    assert asked.confirm("Sure?", default) is answer
    assert ("Type y or n." in shown(asked)) == typed.startswith("x")


@pytest.mark.parametrize("typed", ["2\n", "deepseek\n", "DeepSeek\n", "\n", "9\n0\n²\ncats\n2\n"])
def test_a_choice_by_number_by_name_or_by_title(typed: str) -> None:
    asked = terminal(typed)
    assert asked.choose("Which", CHOICES, "deepseek") == "deepseek"
    assert shown(asked).startswith("  1) OpenAI (openai)\n  2) DeepSeek (deepseek)\nWhich [deepseek]: ")
    assert shown(asked).count("Type a number from 1 to 2") == typed.count("\n") - 1


def test_the_end_of_input_is_an_end() -> None:
    asked = terminal("")
    for ask in (asked.ask, asked.confirm, asked.ask_secret):
        with pytest.raises(EOFError):
            ask("What")


def test_a_terminal_that_lacks_characters_gets_question_marks() -> None:
    asked = terminal("x\n", "ascii")
    assert asked.ask("选择") == "x"
    assert isinstance(asked.stdout, io.TextIOWrapper) and isinstance(asked.stdout.buffer, io.BytesIO)
    assert asked.stdout.buffer.getvalue() == b"??: "


def test_a_secret_is_hidden_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = terminal("from the pipe\n")
    assert asked.ask_secret("Key") == "from the pipe"
    monkeypatch.setattr(asked.stdin, "isatty", lambda: True)
    monkeypatch.setattr(getpass, "getpass", lambda prompt: f" hidden, {prompt} ")
    assert asked.ask_secret("Key") == "hidden, Key:"
