"""Which agent runs which scenario, and what must come of it with and without Sluice."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path
from typing import Any

from tests.support.agents_dialects import TEXT
from tests.support.agents_outcomes import Outcome, carry_out
from tests.support.agents_routes import Route
from tests.support.agents_session import SESSION, TURNS
from tests.support.agents_tools import OUTPUT
from tests.support.agents_upstream import SCENARIOS, SILENCE_SECONDS, AgentUpstream, dialect_of
from tests.support.talk import wait_for

# The scenarios of each agent. opencode's other packages and Codex's WebSocket only repeat what may differ there,
# and Qwen Code speaks chat completions as opencode does.
RUN = {
    "claude": SCENARIOS,
    "codex": SCENARIOS,
    "codex-websockets": ("tool",),
    "gemini": SCENARIOS,
    "opencode-chat": SCENARIOS,
    "opencode-messages": ("tool", "cut"),
    "opencode-responses": ("tool", "cut"),
    "qwen": ("tool", "silence", "wrong_key"),
}
CASES = [(name, scenario) for name, scenarios in RUN.items() for scenario in scenarios]
IN_CLOUDS = [
    (name, scenario)
    for name in ("claude", "codex", "gemini", "opencode-chat")
    for scenario in ("question", "tool", "silence")
    if (name, scenario) != ("opencode-chat", "question")
]
# How often an agent calls, opencode's call for a title not counted, where it is not usual for the scenario.
CALLS = {
    ("claude", "wrong_key"): 3,
    ("codex", "wrong_key"): 3,
    ("codex", "busy"): 1,
    ("gemini", "cut"): 1,
    ("codex-gpt-6", SESSION): 6,  # it wants one call at a time
}
# Whom the scenario's failure stops.
FAILS = {("codex", "busy"), ("gemini", "cut")} | {case for case in CASES if case[1] == "wrong_key"}
# What does not go up: what Node's fetch adds.
NOT_PASSED: dict[str, set[str]] = {
    "claude": set(),
    "codex": set(),
    "gemini": {"accept-language", "sec-fetch-mode"},
    "opencode": set(),
    "qwen": {"accept-language", "sec-fetch-mode"},
}


def calls_of(name: str, scenario: str) -> int:
    """How many calls the agent makes without Sluice."""
    usual = 2 if scenario in ("tool", "cut", "busy") else len(TURNS) + 1 if scenario == SESSION else 1
    return CALLS.get((name, scenario), usual) + name.startswith("opencode")


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


def check_calls(name: str, expected: Outcome, outcome: Outcome) -> None:
    """The upstream sees the same calls, with the same headers but those that Sluice keeps."""
    dropped = NOT_PASSED[name.partition("-")[0]]
    for (text, headers), (wanted, direct_headers) in zip(outcome.calls(), expected.calls(), strict=True):
        pairs = zip_longest(text.splitlines(), wanted.splitlines())
        assert text == wanted, next((line, other) for line, other in pairs if line != other)
        assert headers == {name: value for name, value in direct_headers.items() if name not in dropped}


def carry_out_through(
    way: tuple[Route, AgentUpstream], name: str, scenario: str, calls: int, folder: Path
) -> tuple[Outcome, list[dict[str, Any]]]:
    """The outcome through Sluice and the lines of its log. It is called that often, and no more."""
    sluice, upstream = way
    before = len(sluice.lines())
    outcome = carry_out(name, scenario, folder, upstream, sluice.url, sluice.key)

    def lines() -> list[dict[str, Any]]:
        return sluice.lines()[before:]

    wait_for(lambda: len([line for line in lines() if line["method"] == "POST"]) >= calls)
    assert len([line for line in lines() if line["method"] == "POST"]) == calls
    return outcome, lines()
