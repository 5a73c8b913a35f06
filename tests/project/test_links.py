"""Every link of a document leads to a file that is there, and to a heading that this file has."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tests.support.document_pairs import anchors
from tests.support.paths import ROOT

pytestmark = pytest.mark.any_python("the documents are the same on every Python")
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
_LINK = re.compile(r"(?:\]\(|(?:href|src)=\")((?![a-z]+:)[^)#\s\"]*)(?:#([^)\s\"]*))?(?:\)|\"| \")")
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
# The hosting site's own pages.
_HOSTED = re.compile(r"(\.\./)+(releases/latest$|issues/new\?)")


@cache
def headings(document: Path) -> frozenset[str]:
    return frozenset(anchors(document.read_text(encoding="utf-8")))


def broken(document: Path, text: str) -> list[str]:
    found = []
    for path, anchor in _LINK.findall(_CODE.sub("", text)):
        target = document.parent / path if path else document
        if _HOSTED.match(path):
            continue
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in headings(target.resolve())):
            found.append(f"{path}#{anchor}")
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(document: Path) -> None:
    assert broken(document, document.read_text(encoding="utf-8")) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    text = "## A `b` c\n[1](#a-b-c) [2](#a-b) [3](page.md) [4](none.md) [5](page.md#nowhere) `[6](none.md)`"
    text += '\n[7](other.md "title") <a href="nowhere.md">8</a> <img src="page.md">'
    document.write_text(text, encoding="utf-8")
    assert broken(document, text) == ["#a-b", "none.md#", "page.md#nowhere", "other.md#", "nowhere.md#"]
