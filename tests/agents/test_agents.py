"""Coding agents as their users have them: through Sluice they do what they do without it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.agents.conftest import Through
from tests.support import agents
from tests.support.agents_cases import CASES, IN_CLOUDS, calls_of, carry_out_through, check, check_calls
from tests.support.agents_outcomes import DirectRuns
from tests.support.agents_routes import HOLDS_KEYS, ROUTES
from tests.support.paths import ROOT

pytestmark = pytest.mark.any_python("the agents are programs of their own; tests/contract covers what serves them")
# Only a run that hangs takes so much longer: a busy machine may, and pauses before another try are random.
MORE_SECONDS = 30.0
# Not all is run everywhere: opencode takes most of the time, and Qwen Code speaks the same API.
WITH_HELD_KEYS = [case for case in CASES if case[0] not in ("opencode-messages", "opencode-responses", "qwen")]
BY_ROUTE = {"own-key": CASES, "held-key": WITH_HELD_KEYS, "lambda": IN_CLOUDS, "scf": IN_CLOUDS}
# test_differences.py has these.
ELSEWHERE = {("claude", "cut"), ("gemini", "cut")}


def routed() -> list[tuple[str, str, str]]:
    """The parameters of each run through Sluice."""
    return [
        (*case, way)
        for way in ROUTES
        for case in BY_ROUTE[way]
        if case not in ELSEWHERE and not (case[1] == "wrong_key" and way in HOLDS_KEYS)
    ]


@pytest.mark.parametrize(("name", "scenario"), CASES)
def test_what_agents_do_without_sluice(name: str, scenario: str, direct: DirectRuns) -> None:
    """All else is compared with this."""
    outcome = direct(name, scenario)
    check(name, scenario, outcome)
    assert len(outcome.calls()) == calls_of(name, scenario)


@pytest.mark.parametrize(("name", "scenario", "way"), routed())
def test_agents_do_the_same_through_sluice(
    name: str, scenario: str, way: str, direct: DirectRuns, through: Through, tmp_path: Path
) -> None:
    expected = direct(name, scenario)
    calls = calls_of(name, scenario)
    outcome, lines = carry_out_through(through(way), name, scenario, calls, tmp_path / "run")
    check(name, scenario, outcome)
    check_calls(name, expected, outcome)
    assert outcome.run.code == expected.run.code
    assert outcome.run.seconds < expected.run.seconds + MORE_SECONDS
    if scenario != "cut":
        assert outcome.plain(outcome.run.error) == expected.plain(expected.run.error)
    if scenario == "silence":
        pings = sum(line["bytes_out"] for line in lines) - sum(one.sent for one in outcome.received)
        assert pings >= 2, "one before the first event and one in the middle; Gemini's is a single line end"
    if name == "codex-websockets":
        assert [line["status"] for line in lines] == [426] + [200] * calls
        assert "Reconnecting" not in outcome.run.output


def test_the_table_names_the_versions_that_are_tested() -> None:
    table = (agents.FOLDER / "README.md").read_text(encoding="utf-8")
    documents = [(ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("agents.md", "agents.zh-CN.md")]
    wanted = json.loads((agents.FOLDER / "package.json").read_text())["dependencies"]
    locked = json.loads((agents.FOLDER / "package-lock.json").read_text())["packages"]
    for name, version in wanted.items():
        assert f"`{name}` {version}" in table
        assert all(f" {version} |" in document for document in documents)
        assert locked[f"node_modules/{name}"]["version"] == version
