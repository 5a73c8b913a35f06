"""The Chinese pages are set as docs/style.zh-CN.md says: their punctuation, their spaces, and bold text that shows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.document_pairs import CHINESE
from tests.support.paths import ROOT

pytestmark = pytest.mark.any_python("only files are read")
PAGES = sorted(page for folder in (ROOT, ROOT / "docs") for page in folder.glob(f"*{CHINESE}"))
HAN = "[\u4e00-\u9fff]"
SOURCES = sorted(
    path
    for kind in ("py", "js", "json", "html")
    for path in (ROOT / "proxy").rglob(f"*.{kind}")
    if re.search(HAN, path.read_text(encoding="utf-8"))
)
_FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
_EMPHASIS = re.compile(r"(\*\*?)(?=\S)(.+?)(?<=\S)\1", re.DOTALL)


def half_width(text: str) -> list[str]:
    """Half-width marks next to Chinese characters; code and addresses do not count."""
    text = re.sub(r"`[^`\n]*`|\]\([^)]*\)", "C", _FENCE.sub("", text))
    return re.findall(rf"{HAN}[,:;!?()]|[,;!?()]{HAN}", text)


def without_space(text: str) -> list[str]:
    """Where Chinese touches a Latin letter, a digit or code. Addresses and comments of HTML do not count."""
    text = re.sub(r"\]\([^)]*\)|<!--.*?-->", "", _FENCE.sub("", text))
    text = re.sub(r"`[^`]*`", "C", text)
    return re.findall(rf".{{0,9}}(?:{HAN}[A-Za-z0-9]|[A-Za-z0-9]{HAN}).{{0,9}}", text)


def not_shown(text: str) -> Iterator[str]:
    """Bold and italic texts whose asterisks would be shown.

    One that begins or ends with punctuation must have a space or punctuation on its other side
    (spec.commonmark.org/0.31.2, "Emphasis and strong emphasis", read 2026-11-27).
    """
    for paragraph in re.split(r"\n\s*\n|\n(?=\||- )", _FENCE.sub("", text)):
        hidden = re.sub(r"`([^`]*)`", lambda code: f"`{'c' * len(code[1])}`", paragraph)
        for found in _EMPHASIS.finditer(hidden):
            before, after = hidden[: found.start()][-1:], hidden[found.end() :][:1]
            inside = found[2]
            if (mark(inside[0]) and not apart(before)) or (mark(inside[-1]) and not apart(after)):
                yield found[0]


def mark(character: str) -> bool:
    return character in "`$+<=>^|~" or unicodedata.category(character).startswith("P")


def apart(neighbour: str) -> bool:
    return not neighbour or neighbour.isspace() or mark(neighbour)


def test_there_are_texts() -> None:
    assert len(PAGES) > 20 and len(SOURCES) > 15


@pytest.mark.parametrize("page", [*PAGES, *SOURCES], ids=lambda page: page.name)
def test_chinese_has_its_own_punctuation(page: Path) -> None:
    assert not half_width(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_latin_letters_stand_apart(page: Path) -> None:
    assert not without_space(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_bold_text_shows_as_such(page: Path) -> None:
    assert not list(not_shown(page.read_text(encoding="utf-8")))


def test_mistakes_are_found() -> None:
    assert all(half_width(text) for text in ("超时,或中断", "超时(三十秒)", "超时(30 秒)", "用 SAM 部署;"))
    assert not half_width("超时，或 `甲,乙`，见[表](表x.md)（30 秒）")
    assert all(without_space(text) for text in ("超时30 秒", "用SAM 部署", "设置`STORE` 后"))
    assert not without_space("超时 30 秒，见[表](表x.md)。`甲a`")
    assert list(not_shown("**注意：**这里")) and list(not_shown("这里**「甲」** 是"))
    assert not list(not_shown("**注意**：这里。**甲。** 乙 **`a:`**。"))
