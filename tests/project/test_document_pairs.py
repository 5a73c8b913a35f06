"""Each page is there in English and in Chinese, and a change of one without the other is found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support import document_pairs as pairs
from tests.support.paths import ROOT

pytestmark = pytest.mark.any_python("only files are read")
# Pages in English alone, and why.
ENGLISH_ONLY = {"CHANGELOG.md": "a list of changes, which the pages describe in both languages"}
# Pages whose two languages say different things, and why.
OWN_RULES = {"style.md": "each says how its language is written"}
PAGES = sorted(
    page
    for folder in (ROOT, ROOT / "docs")
    for page in folder.glob("*.md")
    if not page.name.endswith(pairs.CHINESE) and page.name not in ENGLISH_ONLY
)
CHINESE = sorted(page for folder in (ROOT, ROOT / "docs") for page in folder.glob(f"*{pairs.CHINESE}"))


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def test_every_page_has_its_counterpart() -> None:
    assert len(PAGES) > 20
    assert {pairs.chinese(page) for page in PAGES} == set(CHINESE)
    assert all((ROOT / name).is_file() for name in ENGLISH_ONLY) and set(OWN_RULES) <= {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_page_begins_with_a_link_to_the_other_language(page: Path) -> None:
    for one, title, other in ((page, "中文", pairs.chinese(page)), (pairs.chinese(page), "English", page)):
        assert one.read_text(encoding="utf-8").splitlines()[1:4] == ["", f"[{title}]({other.name})", ""], one.name


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in OWN_RULES], ids=name)
def test_both_languages_have_the_same_parts(page: Path) -> None:
    found = list(pairs.differences(pairs.read(page), pairs.read(pairs.chinese(page))))
    assert not found, f"{page.name} and {pairs.chinese(page).name} differ:\n" + "\n".join(found)


@pytest.mark.parametrize("page", CHINESE, ids=name)
def test_a_chinese_page_leads_to_chinese_pages(page: Path) -> None:
    text = re.sub(r"\[English\]\([^)]*\)", "", page.read_text(encoding="utf-8"))
    for path in re.findall(r"\]\(([^)#:]+\.md)(?:#[^)]*)?\)", text):
        target = page.parent / path
        assert path.endswith(pairs.CHINESE) or not pairs.chinese(target).exists(), f"{page.name}: {path}"


ENGLISH_TEXT = """# One

[中文](x.zh-CN.md)

- See [two](#two), [three](y.md#part) and `A_NAME` of 2026-11-27: 6 MB.

| a | b |
|---|---|
| 1 | 2 |

## Two

```sh
run  # now
```
"""
CHINESE_TEXT = """# 一

[English](x.md)

- 见[二](#二)、[三](y.zh-CN.md#部分)和 2026-11-27 的 `A_NAME`：6 MB。

| 甲 | 乙 |
|---|---|
| 1 | 2 |

## 二

```sh
run  # 现在
```
"""
CHANGES = {
    "headings": ("## 二", "### 二"),
    "lists": ("- 见", "见"),
    "line 3 of table 1": ("| 1 | 2 |\n", ""),
    "line 3 of table 1 is": ("| 1 | 2 |", "| 1 | 3 |"),
    "block 1": ("run", "walk"),
    "links": ("、[三](y.zh-CN.md#部分)", ""),
    "['A_NAME']": ("`A_NAME`", "它"),
    "below heading 1, only one page has ['2026-11-26', '2026-11-27']": ("2026-11-27", "2026-11-26"),
    "below heading 1, only one page has ['6', '7']": ("6 MB", "7 MB"),
    "below heading 2 are 1 paragraphs": ("## 二\n", "## 二\n\n还有。\n"),
}


def written(folder: Path, *texts: str) -> list[pairs.Page]:
    (folder / "y.md").write_text("# Y\n\n## Part\n", encoding="utf-8")
    (folder / "y.zh-CN.md").write_text("# Y\n\n## 部分\n", encoding="utf-8")
    files = [folder / "x.md", folder / "x.zh-CN.md"]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text, encoding="utf-8")
    return [pairs.read(file) for file in files]


@pytest.mark.parametrize("part", CHANGES)
def test_a_change_of_one_page_is_found(part: str, tmp_path: Path) -> None:
    assert not list(pairs.differences(*written(tmp_path, ENGLISH_TEXT, CHINESE_TEXT)))
    found = list(pairs.differences(*written(tmp_path, ENGLISH_TEXT, CHINESE_TEXT.replace(*CHANGES[part]))))
    assert part in found[0]


def test_a_link_to_no_heading_is_found(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"x.zh-CN.md: #三 leads to no heading of x.zh-CN.md"):
        written(tmp_path, ENGLISH_TEXT, CHINESE_TEXT.replace("(#二)", "(#三)"))


def test_anchors_are_those_of_github() -> None:
    titles = ("`KEY_RPM` & more", "What it costs", "谁可以调用？", "What it costs", "用 SAM，两条命令")
    text = "".join(f"## {title}\n\n```sh\n# no heading\n```\n" for title in titles) + '<a id="own"></a>'
    made = ["key_rpm--more", "what-it-costs", "谁可以调用", "what-it-costs-1", "用-sam两条命令", "own"]
    assert pairs.anchors(text) == made
