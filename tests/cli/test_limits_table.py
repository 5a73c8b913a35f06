"""`python -m proxy limits`: in the reader's language, and no wider than the terminal."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.__main__ import main
from proxy.cli import limits as printing
from proxy.cli import limits_table, text_wrap
from proxy.cli.text_table import width
from proxy.platforms.limits import LIMITS
from tests.support.paths import ROOT
from tests.support.process import killed_after


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("columns", [400, 200, 80, 40, 24, 2])
def test_the_table_fits_the_terminal_in_both_languages(language: str, columns: int) -> None:
    shown = limits_table.lines(LIMITS, language, columns)
    assert max(map(width, shown)) <= max(columns, 6)  # an indent of four, and one Chinese character
    text = "".join("".join(shown).split())
    for row in LIMITS:
        cells = printing.cells(row, {"en": printing.ENGLISH, "zh": printing.CHINESE}[language])
        assert all("".join(cell.split()) in text for cell in cells)
    is_table = len(shown) == len(LIMITS) + 1
    assert is_table == (columns == 400)


def test_a_chinese_table_is_aligned_by_what_characters_take_on_the_screen() -> None:
    head, *rows = limits_table.lines(LIMITS, "zh", None)
    assert head.startswith("平台") and head.endswith("出处，查阅日期") and len(rows) == len(LIMITS)
    size = " MB（6,000,000 字节）"
    at = {width(line[: line.index(size)]) for line in rows if size in line}
    ends = {
        width(line[: line.index(printing.CHINESE.cite(row.source))]) for row, line in zip(LIMITS, rows, strict=True)
    }
    assert len(at) == len(ends) == 1


@pytest.mark.parametrize(
    ("locale", "options", "says"),
    [
        ({"LANG": "zh_CN.UTF-8"}, [], "平台的 406"),
        ({"LC_ALL": "zh_TW.UTF-8", "LANG": "en_US.UTF-8"}, [], "平台的 406"),
        ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, [], "406 from the platform"),
        ({"LANG": "en_US.UTF-8"}, ["--lang", "zh"], "平台的 406"),
        ({"LANG": "zh_CN.UTF-8"}, ["--lang", "en"], "406 from the platform"),
    ],
)
def test_the_language_is_the_option_s_or_the_locale_s(
    locale: dict[str, str],
    options: list[str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in locale.items():
        monkeypatch.setenv(name, value)
    assert main(["limits", "--platform", "tencent", *options]) == 0
    assert says in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such terminals")
@pytest.mark.parametrize(("columns", "language"), [(50, "zh"), (50, "en"), (400, "zh")])
def test_a_real_terminal_shows_no_line_twice_as_long_as_it_is(columns: int, language: str) -> None:
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environ = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    command = [sys.executable, "-m", "proxy", "limits", "--lang", language]
    with os.fdopen(ours, "rb") as terminal:
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, env={**environ, "PYTHONUTF8": "1"}
        )
        os.close(theirs)
        shown = b""
        # Linux reports the end of a terminal as an error.
        with contextlib.suppress(OSError), killed_after(60, process):
            while block := terminal.read1():
                shown += block
        assert process.wait(60) == 0
    lines = shown.decode().splitlines()
    assert len(lines) > len(LIMITS) and ("平台" in lines[0] or columns == 50)
    assert (max(map(width, lines)) <= 50) == (columns == 50)


def test_a_terminal_without_chinese_characters_gets_question_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", out)
    assert main(["limits", "--platform", "server", "--lang", "zh"]) == 0
    assert b"??" in out.buffer.getvalue()


@pytest.mark.parametrize(
    ("text", "columns", "lines"),
    [
        ("", 10, []),
        ("one two three", 7, ["one two", "three"]),
        ("流式响应，非流式", 8, ["流式响", "应，非流", "式"]),
        ("流式响应，非流式", 12, ["流式响应，非", "流式"]),
        ("超时 30 秒", 7, ["超时 30", "秒"]),
        ("docs/a/b", 6, ["docs/", "a/b"]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("x 中", 1, ["x", "中"]),
    ],
)
def test_lines_are_broken_where_people_would(text: str, columns: int, lines: list[str]) -> None:
    assert text_wrap.wrap(text, columns) == lines
    assert text_wrap.wrap(text, columns + 2, 2) == [f"  {line}" for line in lines]


def test_documents_that_cannot_be_written_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(printing, "DOCS", tmp_path / "nowhere")
    assert main(["limits", "--write"]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"sluice: cannot write {tmp_path / 'nowhere' / 'limits.md'}: No such file")
    assert error.count("\n") == 1
