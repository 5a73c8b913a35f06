"""docs/providers.md says what the table says, and each line in it works as it stands."""

from __future__ import annotations

import re
import shlex

import pytest

from proxy import startup
from proxy.cli.providers import table
from tests.support.documents import blocks
from tools import providers

pytestmark = pytest.mark.any_python("the documents are the same on every Python")


@pytest.mark.parametrize("language", providers.DOCUMENTS)
def test_the_page_says_what_the_table_says(language: str) -> None:
    written = providers.DOCUMENTS[language].read_text(encoding="utf-8")
    assert written == providers.filled(written, language), "the table has changed: run `python -m tools.providers`"
    marks = re.findall(r"<!-- ([a-z-]+) -->", written)
    assert marks == [mark for name in ("overview", *table.GROUPS) for mark in (name, "end")]


@pytest.mark.parametrize("name", ["docs/providers.md", "docs/providers.zh-CN.md"])
def test_every_line_of_the_page_loads(name: str) -> None:
    found = [line for block in blocks(name, "sh") for line in block.splitlines()]
    assert len(found) == len(table.ENTRIES)
    for line, entry in zip(found, table.ENTRIES, strict=True):
        export, *settings = shlex.split(line)
        config = startup.load(dict(setting.split("=", 1) for setting in settings))
        assert export == "export" and config.providers[0].keys == (entry.sample_key,), line


def test_both_pages_have_the_same_sections() -> None:
    english, chinese = (path.read_text(encoding="utf-8") for path in providers.DOCUMENTS.values())
    assert english.count("\n#") == chinese.count("\n#")
    assert len(re.findall(r"^\|", english, re.MULTILINE)) == len(re.findall(r"^\|", chinese, re.MULTILINE))
