"""Claude Code and Codex at an upstream that serves nothing but chat completions: Sluice translates."""

from __future__ import annotations

from pathlib import Path

import pytest
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from pydantic import TypeAdapter

from tests.agents.conftest import Through
from tests.support.agents_cases import calls_of, carry_out_through, check
from tests.support.agents_routes import ONLY_CHAT
from tests.support.agents_upstream import SCENARIOS, Received

pytestmark = pytest.mark.any_python("the agents are programs of their own; tests/contract covers what serves them")
CASES = [
    *((name, scenario, "own-key") for name in ("claude", "codex") for scenario in SCENARIOS),
    *((name, "tool", way) for name in ("claude", "codex") for way in ("held-key", "lambda", "scf")),
]


def check_request(received: Received) -> None:
    """The request is one that OpenAI's own types allow."""
    assert received.path == "/v1/chat/completions" and received.query == ""
    kind = CompletionCreateParamsStreaming if received.body.get("stream") else CompletionCreateParamsNonStreaming
    TypeAdapter(kind).validate_python(received.body, strict=False)
    assert not any(
        name.startswith(("anthropic-", "x-api-key", "x-codex-", "originator", "session")) for name in received.headers
    )
    roles = [message["role"] for message in received.body["messages"]]
    assert roles.count("system") <= 1 and set(roles) <= {"system", "user", "assistant", "tool"}
    assert "x-anthropic-billing-header" not in str(received.body["messages"])


@pytest.mark.parametrize(("name", "scenario", "way"), CASES)
def test_an_agent_works_with_an_upstream_of_chats(
    name: str, scenario: str, way: str, through: Through, tmp_path: Path
) -> None:
    calls = calls_of(name, scenario)
    outcome, _ = carry_out_through(through(way + ONLY_CHAT), name, scenario, calls, tmp_path / "run")
    check(name, scenario, outcome)
    assert len(outcome.received) == calls
    for received in outcome.received:
        check_request(received)
