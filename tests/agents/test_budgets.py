"""Coding agents with a key that has a budget: what they send has a bound, and what they used is booked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.agents.conftest import Through
from tests.support.agents_cases import calls_of, carry_out_through, check
from tests.support.agents_routes import BUDGET, ONLY_CHAT

pytestmark = pytest.mark.any_python("the agents are programs of their own; tests/cost covers what serves them")
# Codex lists the provider's own web search in every call. A translation leaves it out; elsewhere its user does.
NATIVE = ("claude", "codex-no-search", "gemini", "opencode-chat")
TRANSLATED = ("claude", "codex")


@pytest.mark.parametrize(
    ("name", "way"), [*((name, BUDGET) for name in NATIVE), *((name, BUDGET + ONLY_CHAT) for name in TRANSLATED)]
)
def test_an_agent_works_within_a_budget(name: str, way: str, through: Through, tmp_path: Path) -> None:
    outcome, lines = carry_out_through(through(way), name, "tool", calls_of(name, "tool"), tmp_path / "run")
    check(name, "tool", outcome)
    calls = [line for line in lines if line["method"] == "POST"]
    assert all(line["cost_usd"] > 0 and line.get("usage_source") != "reserved" for line in calls), calls
