"""Claude Code and Codex at an upstream that serves nothing but chat completions: Sluice translates."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.agents.conftest import Through
from tests.support.agents_cases import calls_of, carry_out_through, check
from tests.support.agents_chat import check_request
from tests.support.agents_routes import ONLY_CHAT
from tests.support.agents_upstream import SCENARIOS

pytestmark = pytest.mark.any_python("the agents are programs of their own; tests/contract covers what serves them")
# test_sessions.py has the other ways.
CASES = [(name, scenario) for name in ("claude", "codex") for scenario in SCENARIOS]


@pytest.mark.parametrize(("name", "scenario"), CASES)
def test_an_agent_works_with_an_upstream_of_chats(name: str, scenario: str, through: Through, tmp_path: Path) -> None:
    calls = calls_of(name, scenario)
    outcome, _ = carry_out_through(through("own-key" + ONLY_CHAT), name, scenario, calls, tmp_path / "run")
    check(name, scenario, outcome)
    assert len(outcome.received) == calls
    for received in outcome.received:
        check_request(received)
