"""The page about keys: its commands on a store work, and print what the page shows."""

from __future__ import annotations

import io
import re
import shlex
import sys
import time
from pathlib import Path

import pytest

from proxy import __main__ as main
from proxy.store.base import Store
from tests.support.documents import blocks
from tests.support.stores import NOW, UNLIMITED, Backend, holder, spending

pytestmark = pytest.mark.any_python("the page and what it shows are the same on every Python")
DAY = 86_400


async def use_keys(store: Store) -> None:
    """The calls that the page's list is of: 25 and 0 days ago."""
    alice, xiaoming = holder("alice", "d03095", NOW + 30 * DAY), holder("王小明", "7b21f4", NOW + 33 * DAY)
    await store.settle(alice, UNLIMITED, "c1", spending(3_500_000_000), NOW - 25 * DAY)
    await store.settle(alice, UNLIMITED, "c2", spending(250_000_000), NOW)
    await store.settle(xiaoming, UNLIMITED, "c3", spending(500_000_000), NOW)


def test_the_lines_about_a_store_do_what_the_page_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, mint, revoking = (block.splitlines() for block in blocks("docs/keys.md", "sh"))
    settings = {"STORE": f"sqlite:{tmp_path / 'budgets.db'}", "SIGNING_SECRET": "s" * 32}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PROXY_KEY", raising=False)
    monkeypatch.setattr(time, "time", lambda: NOW)
    Backend("sqlite", {"STORE": settings["STORE"]}).run(use_keys)

    def run(line: str) -> str:
        assert main.main(shlex.split(line.partition("<")[0], comments=True)[3:]) == 0
        return capsys.readouterr().out

    key = run(mint[0]).strip()
    monkeypatch.setattr(sys, "stdin", io.StringIO(key))
    assert revoking[0].startswith("export STORE=")
    printed = [run(line) for line in revoking[1:]]
    assert [re.findall(r"\d known key", text) for text in printed[:3]] == [["1 known key"], ["1 known key"], []]
    assert run(f"python -m proxy keys inspect {key}").split()[3] in printed[2]
    assert blocks("docs/keys.md", "text") == printed[3:]
