"""Where an agent does something else through Sluice, and rightly so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.agents.conftest import Through
from tests.support.agents_cases import calls_of, carry_out_through, check, check_calls
from tests.support.agents_dialects import TEXT
from tests.support.agents_outcomes import DirectRuns

pytestmark = pytest.mark.any_python("the agents are programs of their own; tests/contract covers what serves them")
SERVED = ("own-key", "held-key")


@pytest.mark.parametrize("way", SERVED)
def test_after_a_cut_claude_code_asks_for_a_whole_answer(way: str, through: Through, tmp_path: Path) -> None:
    """It does so at any error event, Anthropic's own included. After a bare cut it asks for a stream again."""
    outcome, _ = carry_out_through(through(way), "claude", "cut", 2, tmp_path / "run")
    check("claude", "cut", outcome)
    assert [one.body["stream"] for one in outcome.received] == [True, False]


@pytest.mark.parametrize("way", SERVED)
def test_after_a_cut_gemini_cli_asks_again(way: str, direct: DirectRuns, through: Through, tmp_path: Path) -> None:
    """Without Sluice it gives up: its fetch fails. Here the stream ends in order, but without a finish reason."""
    outcome, _ = carry_out_through(through(way), "gemini", "cut", 2, tmp_path / "run")
    assert (outcome.run.code, outcome.run.error) == (0, "")
    assert outcome.run.text == TEXT[0] + TEXT[1] + "".join(TEXT), "what came before the cut has been printed"
    first, second = outcome.calls()
    assert first == second and first[0] == direct("gemini", "cut").calls()[0][0]


@pytest.mark.parametrize("way", ["held-key"])
@pytest.mark.parametrize("name", ["claude", "codex", "gemini", "opencode-chat", "qwen"])
def test_sluice_s_own_refusal_of_a_key_ends_the_run(name: str, way: str, through: Through, tmp_path: Path) -> None:
    """Nothing goes up. Sluice says that another try is useless; Claude Code believes it."""
    calls = 1 if name == "claude" else calls_of(name, "wrong_key")
    outcome, lines = carry_out_through(through(way), name, "wrong_key", calls, tmp_path / "run")
    check(name, "wrong_key", outcome)
    assert outcome.received == [] and {line["status"] for line in lines} == {401}
    assert "is not one of this endpoint's" in outcome.run.error


def test_claude_code_s_bearer_token_opens_a_server_with_keys(
    direct: DirectRuns, through: Through, tmp_path: Path
) -> None:
    """ANTHROPIC_AUTH_TOKEN is what gateways ask for. Anthropic itself refuses it, so Sluice must send its own key."""
    outcome, _ = carry_out_through(through("held-key"), "claude-token", "tool", 2, tmp_path / "run")
    check("claude", "tool", outcome)
    check_calls("claude", direct("claude", "tool"), outcome)
