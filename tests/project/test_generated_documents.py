"""What tools write from the code and from the pages is as they would write it now."""

from __future__ import annotations

import pytest

from proxy.cli.doctor import messages_en
from proxy.endpoints.console import help as help_page
from tests.support.documents import anchors
from tools import llms, troubleshooting

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
