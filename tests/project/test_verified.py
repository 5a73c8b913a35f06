"""docs/verified.md has a row for each way in of each platform, in both languages, filled in only as a report says."""

from __future__ import annotations

import re
from datetime import date

import pytest

from proxy.platforms.limit_texts import STREAMS_ZH
from proxy.platforms.platform import Door, Platform
from proxy.platforms.registry import PLATFORMS
from tests.support.paths import ROOT

pytestmark = pytest.mark.any_python("only files are read")
PAGES = {"en": "verified.md", "zh": "verified.zh-CN.md"}
STREAMS = {True: "streams", False: "in one piece"}
NOTHING = "–"
CELLS = {
    "date": r"\d{4}-\d\d-\d\d",
    "region": r"[a-z0-9-]+",
    "version": r"\d+\.\d+\.\d+\w*",
    "gaps": rf"\d+(\.\d)? / \d+(\.\d)?|{NOTHING}",
    "report": r"\[#(\d+)\]\(\.\./\.\./\.\./issues/\1\)",
}


def text(language: str) -> str:
    return (ROOT / "docs" / PAGES[language]).read_text(encoding="utf-8")


def rows(page: str) -> list[list[str]]:
    found = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    return found[1:]


def names(language: str, platform: Platform, door: Door) -> list[str]:
    if language == "en":
        return [platform.title, f"{door.name} ({STREAMS[door.streams]})"]
    return [platform.title_zh, f"{door.name_zh}（{STREAMS_ZH[door.streams]}）"]


def problems(row: list[str]) -> list[str]:
    """What is wrong with the cells after the names: either all are empty, or each is what it must be."""
    cells = row[2:]
    if cells == [NOTHING] * len(CELLS):
        return []
    if len(cells) != len(CELLS):
        return ["cells"]
    wrong = [name for (name, what), cell in zip(CELLS.items(), cells, strict=True) if not re.fullmatch(what, cell)]
    if "date" not in wrong and not date(2026, 11, 1) <= date.fromisoformat(cells[0]):
        wrong.append("date")
    return wrong


@pytest.mark.parametrize("language", PAGES)
def test_every_door_of_the_registry_has_its_row(language: str) -> None:
    wanted = [names(language, platform, door) for platform in PLATFORMS for door in platform.doors]
    found = rows(text(language))
    missing = [" | ".join(["", *row, *[NOTHING] * len(CELLS), ""]).strip() for row in wanted if row not in
               [one[:2] for one in found]]  # fmt: skip
    assert not missing, f"add to docs/{PAGES[language]}:\n" + "\n".join(missing)
    assert [row[:2] for row in found] == wanted, "the rows stand in the order of the registry"


@pytest.mark.parametrize("language", PAGES)
def test_a_row_is_empty_or_a_report(language: str) -> None:
    assert [(row, problems(row)) for row in rows(text(language)) if problems(row)] == []


def test_both_languages_report_the_same() -> None:
    english, chinese = (rows(text(language)) for language in PAGES)
    assert [row[2:] for row in english] == [row[2:] for row in chinese]
    assert [text(language).count("\n## ") for language in PAGES] == [2, 2]


def test_a_row_that_says_less_or_more_than_a_report_is_found() -> None:
    row = ["AWS Lambda", "ALB", "2026-12-01", "eu-west-1", "0.1.0", "41.5 / 90", "[#12](../../../issues/12)"]
    assert problems(row) == [] and problems([*row[:5], NOTHING, row[6]]) == []
    assert problems([*row[:6], "[#12](../../../issues/13)"]) == ["report"]
    assert problems([*row[:2], "2026-01-01", *row[3:]]) == ["date"]
    assert problems([*row[:2], NOTHING, *row[3:]]) == ["date"] and problems(row[:6]) == ["cells"]


@pytest.mark.parametrize("language", PAGES)
def test_the_page_leads_to_the_form(language: str) -> None:
    (form,) = re.findall(r"issues/new\?template=([\w.-]+)\)", text(language))
    assert (ROOT / ".github" / "ISSUE_TEMPLATE" / form).is_file()
    assert "doctor --url https://… --size --report report.md" in text(language) and "--with-host" in text(language)


@pytest.mark.parametrize(("name", "page"), [("README.md", PAGES["en"]), ("README.zh-CN.md", PAGES["zh"])])
def test_the_readme_links_it(name: str, page: str) -> None:
    assert f"(docs/{page})" in (ROOT / name).read_text(encoding="utf-8")
