"""The limits table, and that the documents say what it says."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from proxy.__main__ import main
from proxy.cli import limits as printing
from proxy.cli import limits_zh
from proxy.platforms import limit_texts as words
from proxy.platforms.limits import LIMITS, Limit, number
from proxy.platforms.registry import DOORS, EVERY_DOOR, PLATFORMS, UPLOAD


def test_every_door_has_its_rows_and_each_says_what_it_must() -> None:
    in_place_of_doors = {(one.name, door) for one in PLATFORMS for door in (EVERY_DOOR, UPLOAD)}
    assert DOORS.keys() <= {(row.platform, row.door) for row in LIMITS} <= DOORS.keys() | in_place_of_doors
    assert len({(row.platform, row.door, row.what) for row in LIMITS}) == len(LIMITS)
    for row in LIMITS:
        assert row.number > 0 and row.unit in ("bytes", "seconds", "calls") and row.answer and row.source, row
        assert date(2026, 11, 1) <= date.fromisoformat(row.read)


@pytest.mark.parametrize(("name", "made"), [("limits.md", printing.english), ("limits.zh-CN.md", printing.chinese)])
def test_the_documents_say_what_the_table_says(name: str, made: Callable[[], str]) -> None:
    written = (printing.DOCS / name).read_text(encoding="utf-8")
    assert written == made(), "the table has changed: `python -m proxy limits --write` writes the documents anew"


def test_the_sentences_quote_the_table() -> None:
    told = {
        f"{number('aws', 'function URL', 'response body'):,.0f}",
        f"{number('aws', 'function URL', 'binary body') / 1e6:g} MB",
        f"{number('aws', 'ALB', 'response body') / 1e6 * 3 / 4:g} MB",
        f"{number('tencent', 'web function', 'response body, not streamed') / 1e6:g} MB",
    }
    for page in (printing.english(), printing.chinese()):
        prose = page[: page.index("\n|")]
        assert [words for words in told if words not in prose] == []


def test_every_row_of_a_document_has_as_many_cells() -> None:
    for text in (printing.english(), printing.chinese()):
        rows = [line for line in text.splitlines() if line.startswith("|")]
        assert {row.count("|") for row in rows} == {7}
        assert len(rows) == len(LIMITS) + 2 * len(PLATFORMS)


def test_no_translation_is_left_over() -> None:
    used = {text for row in LIMITS for text in (row.what, row.answer)}
    used |= {row.door for row in LIMITS if (row.platform, row.door) not in DOORS}
    assert used == set(words.TEXTS_ZH)
    assert {row.source for row in LIMITS if " " in row.source} == set(limits_zh.SOURCES)
    assert len(limits_zh.HEAD) == 6
    assert words.UNITS_ZH.keys() == words.UNITS.keys()


def test_a_text_without_a_translation_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(words.TEXTS_ZH, "request body")
    with pytest.raises(KeyError, match="request body"):
        printing.chinese()


def test_both_languages_have_the_same_sections_and_names() -> None:
    pages = printing.english(), printing.chinese()
    assert pages[0].count("\n## ") == pages[1].count("\n## ") and pages[0].count("\n- ") == pages[1].count("\n- ")
    for name in re.findall(r"`([^`\n]+)`", pages[0]):
        assert name in pages[1].replace(".zh-CN.md", ".md"), name


def test_the_command_prints_every_row_with_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["limits"]) == 0
    out = capsys.readouterr().out
    assert out.isascii() and "\x1b" not in out and " \n" not in out
    printed = out.splitlines()
    assert len(printed) == len(LIMITS) + 1
    assert len({line.index(row.source) for row, line in zip(LIMITS, printed[1:], strict=True)}) == 1
    for row, line in zip(LIMITS, printed[1:], strict=True):
        assert words.amount(row) in line and row.source in line and row.door in line


def test_the_command_prints_one_platform(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["limits", "--platform", "aws"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == len([row for row in LIMITS if row.platform == "aws"]) + 1
    with pytest.raises(SystemExit) as refused:
        main(["limits", "--platform", "moon"])
    told = capsys.readouterr().err
    assert refused.value.code == 2 and all(platform.name in told for platform in PLATFORMS)


def test_a_pipe_that_is_closed_early_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        monkeypatch.setattr("sys.stdout", closed)
        assert main(["limits"]) == 0


@pytest.mark.parametrize(
    ("number", "unit", "shown"),
    [
        (6_000_000, "bytes", "6 MB (6,000,000 bytes)"),
        (6_291_556, "bytes", "6.29 MB (6,291,556 bytes)"),
        (3_072_000_000, "bytes", "3072 MB (3,072,000,000 bytes)"),
        (4_096, "bytes", "4 KB (4,096 bytes)"),
        (5_000, "bytes", "5 KB (5,000 bytes)"),
        (64, "bytes", "64 bytes"),
        (0.01, "seconds", "10 ms"),
        (900, "seconds", "900 s"),
        (10_000, "calls", "10,000"),
    ],
)
def test_numbers_are_shown_as_people_read_them(number: float, unit: str, shown: str) -> None:
    assert words.amount(Limit("p", "d", "w", number, unit, True, "a", "s", "2026-11-23")) == shown


def test_the_documents_can_be_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(printing, "DOCS", tmp_path)
    assert main(["limits", "--write"]) == 0
    assert (tmp_path / "limits.md").read_bytes() == printing.english().encode()
    assert (tmp_path / "limits.zh-CN.md").read_bytes() == printing.chinese().encode()
    assert capsys.readouterr().out == "docs/limits.md\ndocs/limits.zh-CN.md\n"
