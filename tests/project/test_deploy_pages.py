"""Each deploy page says, in both languages and with the same commands, how to report, to upgrade and to roll back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from proxy.platforms.registry import BUNDLES
from tests.support.paths import ROOT

pytestmark = pytest.mark.any_python("only files are read")
ENGLISH = sorted(path for path in (ROOT / "docs").glob("deploy-*.md") if ".zh-CN" not in path.name)
SECTIONS = {"Report that it works": "报告结果", "Upgrade": "升级", "Roll back": "回滚"}
ONE_CLICK = ("One-click deploy", "一键部署")
PLATFORMS = ("tencent", "aws", "cloudflare", "azure")


def chinese(page: Path) -> Path:
    return page.with_name(page.name.replace(".md", ".zh-CN.md"))


def sections(page: Path) -> dict[str, str]:
    """The text below each heading of the second level."""
    parts = re.split(r"^## (.*)\n", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def commands(text: str) -> list[str]:
    found = "".join(re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    return [line.partition("  #")[0].strip() for line in found.splitlines()]


def test_there_are_pages() -> None:
    assert {f"deploy-{name}.md" for name in PLATFORMS} < {page.name for page in ENGLISH}
    assert all(chinese(page).is_file() for page in ENGLISH)


@pytest.mark.parametrize("page", ENGLISH, ids=lambda page: page.name)
@pytest.mark.parametrize("section", SECTIONS)
def test_a_page_has_the_section_with_the_same_commands_in_both_languages(page: Path, section: str) -> None:
    ours, theirs = sections(page), sections(chinese(page))
    assert section in ours and SECTIONS[section] in theirs, page.name
    assert commands(ours[section]) and commands(ours[section]) == commands(theirs[SECTIONS[section]])
    names = [re.findall(r"`([^`\n]+)`", text) for text in (ours[section], theirs[SECTIONS[section]])]
    assert set(names[0]) == set(names[1])


@pytest.mark.parametrize("page", ENGLISH, ids=lambda page: page.name)
def test_a_page_leads_to_the_reports_and_to_what_has_changed(page: Path) -> None:
    for one, language, names in ((page, "", SECTIONS), (chinese(page), ".zh-CN", SECTIONS.values())):
        report, upgrade, _ = (sections(one)[name] for name in names)
        assert f"(verified{language}.md)" in report and "(../CHANGELOG.md)" in upgrade
        assert any("--report report.md" in command for command in commands(report))


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_cloud_s_page_says_whether_it_can_be_deployed_with_one_click(name: str) -> None:
    page = ROOT / "docs" / f"deploy-{name}.md"
    ours, theirs = sections(page)[ONE_CLICK[0]], sections(chinese(page))[ONE_CLICK[1]]
    dates = [re.findall(r"20\d\d-\d\d-\d\d", text) for text in (ours, theirs)]
    assert dates[0] and dates[0] == dates[1]
    links = [re.findall(r"https://\S+", text) for text in (ours, theirs)]
    assert links[0] == links[1] and all("OWNER/REPOSITORY" in link for link in links[0])


@pytest.mark.parametrize("page", ENGLISH, ids=lambda page: page.name)
def test_an_upgrade_builds_what_it_deploys(page: Path) -> None:
    lines = commands(sections(page)["Upgrade"])
    built = next(number for number, line in enumerate(lines) if re.match(r"make bundle|docker build", line))
    assert lines[0] == "git pull" and 0 < built < len(lines) - 1
    for path in re.findall(r"build/[\w-]+(?:\.\w+)?", "\n".join(lines)):
        if path.endswith((".json", "build/scf-")):  # a request, which has the zip in it, or all of them
            continue
        name = path.removeprefix("build/").removeprefix("sluice-").removesuffix(".zip")
        assert name in BUNDLES, path
