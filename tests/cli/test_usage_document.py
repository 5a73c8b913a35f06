"""The pages about usage show what the command prints, and say the same in both languages."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from proxy import __main__ as main
from proxy.cli.usage.from_store import DEFAULT_DAYS
from proxy.cli.usage.grouping import MAX_GROUPS, WINDOW_CALLS
from proxy.cli.usage.options import GROUPS
from proxy.store import base
from tests.support.documents import blocks
from tests.support.log_exports import line
from tests.support.paths import ROOT
from tests.support.stores import Backend

pytestmark = pytest.mark.any_python("the pages and what they show are the same on every Python")
PAGES = ("docs/usage.md", "docs/usage.zh-CN.md")


def example() -> str:
    """The log that the pages' table was made of."""
    groups = [
        ("alice/3fa2c1", "gpt-5.4", 210, 3, (2_100, 450, 300), 0.00975, "upstream"),
        ("bob/11aa07", "deepseek-flash", 950, 12, (800, 0, 100), 0.00032, "upstream"),
        ("proxy-key-1", "my-model", 40, 0, (500, 0, 200), None, "estimate"),
    ]
    lines: list[str] = []
    for key, model, calls, failed, (prompt, cached, output), cost, source in groups:
        for number in range(calls):
            changes = {
                "key_id": key,
                "gen_ai.request.model": model,
                "gen_ai.usage.input_tokens": prompt,
                "gen_ai.usage.cache_read.input_tokens": cached,
                "gen_ai.usage.output_tokens": output,
                "cost_usd": cost,
                "ending": "deadline" if number < failed else "complete",
                "usage_source": "estimate" if number < failed else source,
            }
            lines.append(line(len(lines), **changes))
    return "\n".join(lines)


@pytest.mark.parametrize("page", PAGES)
def test_the_table_is_what_the_command_prints(
    page: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sluice.log").write_text(example())
    command = next(text for text in blocks(page, "sh")[0].splitlines() if "usage" in text)
    assert main.main(shlex.split(command)[3:]) == 0
    assert blocks(page, "text") == [capsys.readouterr().out]


def test_the_other_commands_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "000000").write_text(example())
    (tmp_path / "sluice.log").write_text(example())
    monkeypatch.chdir(tmp_path)
    commands = [text for block in blocks(PAGES[0], "sh") for text in block.splitlines() if "proxy usage" in text]
    store = Backend("sqlite", {"STORE": f"sqlite:{tmp_path / 'budgets.db'}"})
    store.run(lambda opened: opened.keys())
    monkeypatch.setenv("STORE", store.settings["STORE"])
    assert len(commands) == 4
    for command in commands:
        assert main.main(shlex.split(command.partition(" > ")[0])[3:]) == 0


def test_both_pages_say_the_same() -> None:
    english, chinese = ((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
    for language in ("sh", "text"):
        assert blocks(PAGES[0], language) == blocks(PAGES[1], language)
    for pattern in (
        r"\n## ",
        r"\n- ",
        r"\n\| `--",
        r"\n\*\*",
        r"20,000|500,000|1,000|10,000|1,500,000|113 MB",
    ):
        assert len(re.findall(pattern, english)) == len(re.findall(pattern, chinese)), pattern
    for text in (english, chinese):
        assert all(f"`{name}`" in text for name in GROUPS)
        assert f"{MAX_GROUPS:,}" in text and f"{WINDOW_CALLS:,}" in text
        for figure in (DEFAULT_DAYS, base.KEPT_DAYS, base.MAX_MODELS, base.MAX_MODEL_LENGTH):
            assert f" {figure} " in text


def test_the_example_s_json_adds_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log").write_text(example())
    assert main.main(["usage", "--json", str(tmp_path / "log")]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["total"]["calls"] == sum(group["calls"] for group in document["groups"]) == 1_200
