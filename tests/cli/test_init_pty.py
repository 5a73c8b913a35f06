"""`init` as people run it: a process of its own behind a pseudo-terminal. It shows no key and leaves no half a file."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy import startup
from tests.support.init import KEY, Outcome
from tests.support.screen import Screen

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals of this kind")
QUESTIONS = (("Which provider: ", "deepseek"), ("(not shown): ", KEY), ("[server]: ", ""), ("[proxy-key]: ", ""))


@pytest.fixture
def screens() -> Iterator[list[Screen]]:
    opened: list[Screen] = []
    yield opened
    for screen in opened:
        screen.close()


def test_from_the_first_question_to_settings_that_load(tmp_path: Path, screens: list[Screen]) -> None:
    screens.append(screen := Screen(tmp_path, "--no-check"))
    screen.answer("Which provider: ", "DeepSeek")
    screen.answer("(not shown): ", KEY)
    screen.answer("Where will it run [server]: ", "")
    screen.answer("Who may call [proxy-key]: ", "1")
    screen.answer("one request may cost", "0.05")
    screen.answer("may spend in a month", "")
    assert screen.end() == 0
    assert KEY not in screen.text and "\x1b" not in screen.text
    settings = Outcome(0, "", "", tmp_path).env
    assert startup.load(settings).access_mode == "proxy-key" and settings["OPENAI_API_KEY"] == KEY
    assert screen.text.count(settings["PROXY_KEY"]) == 1


def test_in_chinese(tmp_path: Path, screens: list[Screen]) -> None:
    screens.append(screen := Screen(tmp_path, "--no-check", LANG="zh_CN.UTF-8"))
    screen.answer("选择厂商: ", "own-keys")
    screen.answer("部署到哪里 [server]: ", "自己的服务器")
    assert screen.end() == 0 and "set -a; . ./.env; set +a\n  python -m proxy serve" in screen.text


def test_a_terminal_without_chinese(tmp_path: Path, screens: list[Screen]) -> None:
    screens.append(
        screen := Screen(tmp_path, "--no-check", "--lang", "zh", PYTHONUTF8="0", PYTHONIOENCODING="ascii", LC_ALL="C")
    )
    screen.answer("????: ", "own-keys")
    screen.answer("[server]: ", "")
    assert screen.end() == 0 and (tmp_path / ".env").exists()


@pytest.mark.parametrize("question", ["Which provider: ", "(not shown): ", "Who may call [proxy-key]: "])
def test_ctrl_c_at_a_question_leaves_nothing(tmp_path: Path, screens: list[Screen], question: str) -> None:
    screens.append(screen := Screen(tmp_path, "--no-check"))
    _answer_until(screen, question)
    screen.type("\x03")
    assert screen.end() == 130 and screen.text.endswith("Stopped. Nothing was written.\n")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("question", ["Which provider: ", "(not shown): "])
def test_ctrl_d_at_a_question_leaves_nothing(tmp_path: Path, screens: list[Screen], question: str) -> None:
    screens.append(screen := Screen(tmp_path, "--no-check"))
    _answer_until(screen, question)
    screen.type("\x04")
    assert screen.end() == 1 and "Nothing was written." in screen.text and not [*tmp_path.iterdir()]


def test_a_terminal_that_goes_away_leaves_nothing(tmp_path: Path, screens: list[Screen]) -> None:
    screens.append(screen := Screen(tmp_path, "--no-check"))
    screen.wait_for("Which provider: ")
    assert screen.hang_up() == -signal.SIGHUP and not [*tmp_path.iterdir()]


def _answer_until(screen: Screen, question: str) -> None:
    for asked, answer in QUESTIONS:
        if question.endswith(asked):
            screen.wait_for(question)
            return
        screen.answer(asked, answer)
