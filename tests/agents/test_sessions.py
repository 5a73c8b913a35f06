"""Agents in a session of five turns at an upstream that serves nothing but chat completions."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from tests.agents.conftest import Through
from tests.support import agents_session as session
from tests.support.agents_cases import calls_of, carry_out_through, check
from tests.support.agents_chat import check_request, results
from tests.support.agents_outcomes import Outcome
from tests.support.agents_routes import ONLY_CHAT, ROUTES, WORKER
from tests.support.agents_tools import OUTPUT

pytestmark = pytest.mark.any_python("the agents are programs of their own; tests/contract covers what serves them")
CASES = [(name, way) for name in ("claude", "codex") for way in (*ROUTES, WORKER)]
CASES += [("codex-gpt-5.5", "own-key"), ("codex-gpt-6", "own-key")]


@pytest.mark.parametrize(("name", "way"), CASES)
def test_a_session_of_five_turns(name: str, way: str, through: Through, tmp_path: Path) -> None:
    calls = calls_of(name, session.SESSION)
    outcome, lines = carry_out_through(through(way + ONLY_CHAT), name, session.SESSION, calls, tmp_path / "run")
    check(name, session.SESSION, outcome)
    assert "".join(session.THOUGHT) in outcome.run.output
    assert (outcome.run.work / session.FILE).read_text(encoding="utf-8") == session.AFTER
    assert (outcome.run.work / "gate.txt").read_text() == f"{OUTPUT}\n"
    assert len(outcome.received) == calls
    for received in outcome.received:
        check_request(received)
    check_history(outcome)
    check_log([line for line in lines if line["method"] == "POST"])


def check_history(outcome: Outcome) -> None:
    """Every request repeats what came before it, so providers can cache it, and at the end nothing is missing."""
    histories = [received.body["messages"] for received in outcome.received]
    for before, after in itertools.pairwise(histories):
        assert after[: len(before)] == before
    last = histories[-1]
    assert [message["role"] for message in last].count("system") == 1
    found = results(last)
    assert found.keys() == session.RESULTS.keys()
    for identifier, wanted in session.RESULTS.items():
        assert wanted in found[identifier]
    (remark,) = [message for message in last if session.REMARK in str(message.get("content"))]
    assert [call["id"] for call in remark["tool_calls"]] == ["call_read"]


def check_log(lines: list[dict[str, Any]]) -> None:
    """Every call ended well, and the log has what the upstream reported of it."""
    assert {(line["status"], line["ending"]) for line in lines} == {(200, "complete")}
    for turn, line in enumerate(lines):
        usage = session.usage(turn)
        assert line["gen_ai.usage.input_tokens"] == usage["prompt_tokens"]
        assert line["gen_ai.usage.output_tokens"] == usage["completion_tokens"]
        assert line.get("gen_ai.usage.cache_read.input_tokens") == usage["prompt_tokens_details"]["cached_tokens"]
        reasoning = usage["completion_tokens_details"]["reasoning_tokens"]
        assert line.get("gen_ai.usage.reasoning.output_tokens") == reasoning
