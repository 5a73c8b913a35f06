"""Coding agents as their users have them: through Sluice they do what they do without it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import agents
from tests.support.agents_dialects import TEXT
from tests.support.agents_outcomes import DirectRuns, Outcome, carry_out
from tests.support.agents_routes import HOLDS_KEYS, ROUTES, Route, route
from tests.support.agents_upstream import OUTPUT, SCENARIOS, SILENCE_SECONDS, AgentUpstream, agent_upstream, dialect_of
from tests.support.bundles import Bundles
from tests.support.talk import wait_for

pytestmark = pytest.mark.any_python("the agents are programs of their own; tests/contract covers what serves them")
Through = Callable[[str], tuple[Route, AgentUpstream]]
# The scenarios of each agent. opencode's other packages and Codex's WebSocket only repeat what may differ there.
RUN = {
    "claude": SCENARIOS,
    "codex": SCENARIOS,
    "codex-websockets": ("tool",),
    "gemini": SCENARIOS,
    "opencode-chat": SCENARIOS,
    "opencode-messages": ("tool", "cut"),
    "opencode-responses": ("tool", "cut"),
}
CASES = [(name, scenario) for name, scenarios in RUN.items() for scenario in scenarios]
# opencode takes most of the time, and its other packages have met each answer before.
IN_CLOUDS = [
    (name, scenario)
    for name in ("claude", "codex", "gemini", "opencode-chat")
    for scenario in ("question", "tool", "silence")
    if (name, scenario) != ("opencode-chat", "question")
]
# Each call is tried so often, opencode's for a title not counted. Where it says nothing, twice if the first fails.
TRIES = {
    ("claude", "wrong_key"): 3,
    ("codex", "wrong_key"): 3,
    ("codex", "busy"): 1,
    ("gemini", "cut"): 1,
    ("gemini", "wrong_key"): 1,
    ("opencode-chat", "wrong_key"): 1,
}
# Where Sluice itself refuses a key, its answer says that another try is useless, and Claude Code believes it.
TRIES_REFUSED = {**TRIES, ("claude", "wrong_key"): 1}
# Whom the scenario's failure stops, with or without Sluice.
FAILS = {("codex", "busy"), ("gemini", "cut")} | {case for case in CASES if case[1] == "wrong_key"}
# What does not go up: names of sessions and products, of which no API says that it reads them.
NOT_PASSED: dict[str, set[str]] = {
    "claude": set(),
    "codex": {
        *("originator", "session-id", "thread-id"),
        *("x-codex-beta-features", "x-codex-turn-metadata", "x-codex-window-id"),
    },
    "gemini": {"accept-language", "sec-fetch-mode", "x-goog-api-client"},
    "opencode": {"x-session-affinity", "x-session-id"},
}
# More than any agent should need through Sluice; its own pauses before it tries again are random.
MORE_SECONDS = 15.0
# What Sluice should not change, but does.
_GIVES_UP = "opencode gives up at the error event that Sluice sends; after a bare cut it tries again"
DIFFERENT = {(f"opencode-{api}", "cut"): _GIVES_UP for api in ("chat", "messages", "responses")}


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    agents.need()


@pytest.fixture(scope="module")
def direct(tmp_path_factory: pytest.TempPathFactory) -> DirectRuns:
    return DirectRuns(tmp_path_factory)


@pytest.fixture(scope="module")
def through(bundles: Bundles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Through]:
    """through(name): that route with an upstream of its own, started once."""
    started: dict[str, tuple[Route, AgentUpstream]] = {}
    with contextlib.ExitStack() as stack:

        def start(name: str) -> tuple[Route, AgentUpstream]:
            if name not in started:
                upstream = stack.enter_context(agent_upstream())
                folder = tmp_path_factory.mktemp(name)
                started[name] = (stack.enter_context(route(name, upstream.url, folder, bundles)), upstream)
            return started[name]

        yield start


def check(name: str, scenario: str, outcome: Outcome) -> None:
    """What holds with and without Sluice."""
    run = outcome.run
    if (name, scenario) in FAILS:
        assert run.code != 0 and run.error and run.text in ("", TEXT[0] + TEXT[1]), run.output
    else:
        assert (run.code, run.text, run.error) == (0, "".join(TEXT), ""), run.output
    if scenario == "tool":
        assert (run.work / "gate.txt").read_text() == f"{OUTPUT}\n"
        last = outcome.received[-1]
        dialect = dialect_of(last.path, last.headers)
        assert dialect is not None and OUTPUT in str(dialect.outputs(last.body))
    if scenario == "silence":
        assert run.seconds > 2 * SILENCE_SECONDS


def tries(name: str, scenario: str, refused: bool = False) -> int:
    """How many calls the agent makes."""
    usual = 2 if scenario in ("tool", "cut", "busy") else 1
    return (TRIES_REFUSED if refused else TRIES).get((name, scenario), usual) + name.startswith("opencode")


@pytest.mark.parametrize(("name", "scenario"), CASES)
def test_agents_do_without_sluice_what_the_others_are_compared_with(
    name: str, scenario: str, direct: DirectRuns
) -> None:
    outcome = direct(name, scenario)
    check(name, scenario, outcome)
    assert len(outcome.calls()) == tries(name, scenario)


@pytest.mark.parametrize(
    ("name", "scenario", "way"),
    [(*case, way) for way in ROUTES for case in (CASES if way.endswith("key") else IN_CLOUDS)],
)
def test_agents_do_the_same_through_sluice(
    name: str,
    scenario: str,
    way: str,
    direct: DirectRuns,
    through: Through,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    if reason := DIFFERENT.get((name, scenario)):
        request.applymarker(pytest.mark.xfail(reason=reason))
    expected = direct(name, scenario)
    sluice, upstream = through(way)
    before = len(sluice.lines())
    outcome = carry_out(name, scenario, tmp_path / "run", upstream, sluice.url, sluice.key)
    check(name, scenario, outcome)
    assert outcome.run.code == expected.run.code
    assert outcome.run.seconds < expected.run.seconds + MORE_SECONDS
    refused = scenario == "wrong_key" and way in HOLDS_KEYS
    calls = tries(name, scenario, refused)
    wait_for(lambda: len(sluice.lines()) - before >= calls)
    lines = sluice.lines()[before:]
    assert len([line for line in lines if line["method"] == "POST"]) == calls
    if refused:
        assert outcome.received == [] and "is not one of this endpoint's" in outcome.run.error
        return
    if (name, scenario) == ("claude", "cut"):  # at an error event, Claude Code asks for a whole answer
        assert [one.body["stream"] for one in outcome.received] == [True, False]
        return
    check_calls(name, expected, outcome)
    if scenario != "cut":
        assert outcome.plain(outcome.run.error) == expected.plain(expected.run.error)
    if scenario == "silence":
        pings = sum(line["bytes_out"] for line in lines) - sum(one.sent for one in outcome.received)
        assert pings >= 2 * len(": ping\n\n"), "one before the first event and one in the middle"
    if name == "codex-websockets":
        assert [line["status"] for line in lines] == [426] + [200] * calls
        assert "Reconnecting" not in outcome.run.output


def test_claude_code_s_bearer_token_opens_a_server_with_keys(
    direct: DirectRuns, through: Through, tmp_path: Path
) -> None:
    """ANTHROPIC_AUTH_TOKEN is what gateways ask for. Anthropic itself refuses it, so Sluice must send its own key."""
    sluice, upstream = through("held-key")
    outcome = carry_out("claude-token", "tool", tmp_path / "run", upstream, sluice.url, sluice.key)
    check("claude", "tool", outcome)
    check_calls("claude", direct("claude", "tool"), outcome)


def test_the_table_names_the_versions_that_are_tested() -> None:
    table = (agents.FOLDER / "README.md").read_text(encoding="utf-8")
    wanted = json.loads((agents.FOLDER / "package.json").read_text())["dependencies"]
    locked = json.loads((agents.FOLDER / "package-lock.json").read_text())["packages"]
    for name, version in wanted.items():
        assert f"`{name}` {version}" in table
        assert locked[f"node_modules/{name}"]["version"] == version


def check_calls(name: str, expected: Outcome, outcome: Outcome) -> None:
    """The upstream sees the same calls, with the same headers but those that Sluice keeps."""
    dropped = NOT_PASSED[name.partition("-")[0]]
    for (text, headers), (wanted, direct_headers) in zip(outcome.calls(), expected.calls(), strict=True):
        assert text == wanted
        assert headers == {name: value for name, value in direct_headers.items() if name not in dropped}
