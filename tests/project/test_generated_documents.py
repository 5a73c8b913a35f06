"""What tools write from the code and from the pages is as they would write it now."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from proxy.cli.doctor import messages_en
from proxy.endpoints.console import help as help_page
from proxy.platforms.limits import LIMITS
from proxy.platforms.registry import DOORS
from tests.support.document_pairs import anchors
from tools import llms, pictures, troubleshooting

pytestmark = pytest.mark.any_python("the documents are the same on every Python")


@pytest.mark.parametrize("language", troubleshooting.DOCUMENTS)
def test_troubleshooting_has_each_error_and_each_finding(language: str) -> None:
    text = troubleshooting.DOCUMENTS[language].read_text(encoding="utf-8")
    assert text == troubleshooting.filled(text, language), "run `python -m tools.troubleshooting`"
    found = anchors(text)
    assert {error["code"] for group in help_page.groups() for error in group["errors"]} <= set(found)
    findings = {code for code, (state, *_) in messages_en.TEXTS.items() if state in ("warning", "failed")}
    assert text.count('<a id="doctor-') == len(findings)
    assert len(found) == len(set(found))


def test_llms_txt_is_made_from_the_pages() -> None:
    for name, text in (("llms.txt", llms.index()), ("llms-full.txt", llms.full())):
        assert (llms.FOLDER / name).read_text(encoding="utf-8") == text, "run `python -m tools.llms`"


def test_llms_full_txt_has_the_pages_that_users_need() -> None:
    text = llms.full()
    for path in ("README.md", "docs/deploy-tencent.md", "docs/configuration.md", "docs/troubleshooting.md"):
        assert f"<!-- {path} -->" in text
    assert "zh-CN.md -->" not in text and "docs/style.md -->" not in text


@pytest.mark.parametrize("language", pictures.LANGUAGES)
def test_the_pictures_show_the_tables_as_they_are(language: str) -> None:
    for name, draw in (("flow", pictures.flow), ("platforms", pictures.platforms)):
        drawn = draw(language)
        written = pictures.place(name, language).read_text(encoding="utf-8")
        assert written == drawn, "run `python -m tools.pictures`"
        ET.fromstring(drawn)


def test_the_picture_of_platforms_has_every_way_in() -> None:
    drawn = pictures.platforms("en")
    doors = {
        door for door in DOORS if any((row.platform, row.door, row.what) == (*door, "request body") for row in LIMITS)
    }
    assert drawn.count('class="pipe"') == len(doors) > 10
    assert drawn.count('class="held"') == sum(not DOORS[door].streams for door in doors) > 0
