"""An English page and its Chinese counterpart, taken apart so that the two can be compared."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

CHINESE = ".zh-CN.md"
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#+) (.*)$", re.MULTILINE)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_ITEM = re.compile(r"^ *(-|\d+\.) ", re.MULTILINE)
_FIGURE = re.compile(r"\d+(?:[.,:/-]\d+)*")
_SIZE = re.compile(r"(?<![\d.,:/-])\d(?= [KMGT]i?B\b)")
_MONTH = re.compile(r"(20\d\d) 年 \d+ 月(?:[和至] \d+ 月)?")  # which has a name in English
_CODE = re.compile(r"`([^`]+)`")
_PLACE = re.compile(r"<[^<>]+>")  # for the reader's own value, in the reader's language
# What a block may have in the reader's own language: comments, the greeting of an example, the language of a report.
_OWN_WORDS = re.compile(r"(?:(?<=\s)|^)#.*$| --lang zh|Hello|你好", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block. Without a language it is a drawing, of which only the lines are counted."""

    language: str
    text: str


class Row(NamedTuple):
    """A row of a table: how many bars it has, its figures and its code."""

    bars: int
    figures: list[str]
    code: list[str]


class Section(NamedTuple):
    """What stands between two headings: how many paragraphs, tables and blocks, and the figures in them.

    Those of one digit only count before a unit: elsewhere one of the languages has a word.
    """

    paragraphs: int
    figures: set[str]


class Page(NamedTuple):
    """What must be the same in both languages."""

    headings: list[int]  # the level of each
    items: int  # of all lists
    tables: list[list[Row]]
    blocks: list[Block]
    links: Counter[str]  # without the language; an anchor is the number of its heading
    code: set[str]  # in the text: settings, codes, headers, commands
    sections: list[Section]


def chinese(page: Path) -> Path:
    """Where the Chinese counterpart of an English page is."""
    return page.with_name(page.name.removesuffix(".md") + CHINESE)


def english(page: Path) -> Path:
    """Where the English counterpart of a Chinese page is."""
    return page.with_name(page.name.removesuffix(CHINESE) + ".md")


def anchors(text: str) -> list[str]:
    """The anchors that GitHub gives to the headings of a page, then those that the page sets itself.

    Letters become small, what is neither letter, digit, `_` nor `-` is dropped, a space becomes `-`, and a repeated one
    gets a number (docs.github.com/en/get-started/writing-on-github, "Section links", read 2026-11-27).
    """
    made: list[str] = []
    seen: Counter[str] = Counter()
    for _, title in _HEADING.findall(_FENCE.sub("", text)):
        plain = re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")
        made.append(f"{plain}-{seen[plain]}" if seen[plain] else plain)
        seen[plain] += 1
    return made + re.findall(r'<a id="([^"]+)">', text)


def read(page: Path) -> Page:
    """A page taken apart. Raises ValueError for a link to an anchor that is not there."""
    text = page.read_text(encoding="utf-8")
    prose = _FENCE.sub("", text)
    return Page(
        headings=[len(level) for level, _ in _HEADING.findall(prose)],
        items=len(_ITEM.findall(prose)),
        tables=list(_tables(prose)),
        blocks=[Block(language, _block(language, inside)) for _, language, inside in _FENCE.findall(text)],
        links=Counter(_target(page, link) for link in _LINK.findall(prose)),
        code=set(_code(prose)),
        sections=[_section(part) for part in _HEADING.split(_FENCE.sub("block", text))[::3]],
    )


def _tables(prose: str) -> Iterator[list[Row]]:
    for table in re.findall(r"(?:^ *\|.*\n)+", prose + "\n", re.MULTILINE):
        yield [_row(line) for line in table.splitlines()]


def _section(text: str) -> Section:
    figures = {figure for figure in _figures(text) if len(figure) > 1}
    return Section(len(re.findall(r"(?:.+\n?)+", text)), figures | set(_SIZE.findall(text)))


def _row(line: str) -> Row:
    return Row(len(re.findall(r"(?<!\\)\|", line)), _figures(line), sorted({*_code(line)}))


def _code(prose: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", prose):
        for code in _CODE.findall(paragraph):
            yield _PLACE.sub("<>", " ".join(code.split())).replace(CHINESE, ".md")


def _figures(text: str) -> list[str]:
    return sorted(_FIGURE.findall(_MONTH.sub(r"\1", _LINK.sub("", text))))


def _block(language: str, inside: str) -> str:
    if not language:
        return str(inside.count("\n"))
    return "\n".join(line.rstrip() for line in _OWN_WORDS.sub("", inside).splitlines() if line.strip())


def _target(page: Path, link: str) -> str:
    path, _, anchor = link.partition("#")
    if "://" in path or path.startswith("mailto:"):
        return link
    target = page.parent / path if path else page
    where = re.sub(r"\.zh-CN(?=\.\w+$)", "", path) or "this page"
    if not anchor:
        return where
    known = anchors(target.read_text(encoding="utf-8"))
    if anchor not in known:
        message = f"{page.name}: {link} leads to no heading of {target.name}"
        raise ValueError(message)
    return f"{where}, heading {known.index(anchor) + 1}"


def differences(ours: Page, theirs: Page) -> Iterator[str]:
    """What one page has and the other does not, as sentences."""
    if ours.headings != theirs.headings:
        yield f"the headings have the levels {ours.headings} in English and {theirs.headings} in Chinese"
    if ours.items != theirs.items:
        yield f"the lists have {ours.items} items in English and {theirs.items} in Chinese"
    no_rows: list[Row] = []
    for number, (table, other) in enumerate(zip_longest(ours.tables, theirs.tables, fillvalue=no_rows), 1):
        for line, (row, its) in enumerate(zip_longest(table, other), 1):
            if row != its:
                yield f"line {line} of table {number} is {row} in English and {its} in Chinese"
    for number, (block, copy) in enumerate(zip_longest(ours.blocks, theirs.blocks), 1):
        if block != copy:
            yield f"block {number} is {block} in English and {copy} in Chinese"
    for name, missing in (("Chinese", ours.links - theirs.links), ("English", theirs.links - ours.links)):
        if missing:
            yield f"the {name} page lacks the links {sorted(missing.elements())}"
    for name, left in (("Chinese", ours.code - theirs.code), ("English", theirs.code - ours.code)):
        if left:
            yield f"the {name} page does not have {sorted(left)}"
    for number, (section, its_section) in enumerate(zip(ours.sections, theirs.sections, strict=False)):
        if section.paragraphs != its_section.paragraphs:
            counts = f"{section.paragraphs} paragraphs in English and {its_section.paragraphs} in Chinese"
            yield f"below heading {number} are {counts}"
        if figures := section.figures ^ its_section.figures:
            yield f"below heading {number}, only one page has {sorted(figures)}"
