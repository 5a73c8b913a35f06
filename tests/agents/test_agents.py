"""Coding agents as their users have them: through Sluice they do what they do without it."""

from __future__ import annotations

import contextlib
import os
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import agents
from tests.support.agents import Run, plain
from tests.support.agents_dialects import TEXT
from tests.support.agents_routes import HOLDS_KEYS, ROUTES, Route, route
from tests.support.agents_settings import AGENTS
from tests.support.agents_upstream import (
    KEY,
    OUTPUT,
    SCENARIOS,
    SILENCE_SECONDS,
    AgentUpstream,
    Received,
    agent_upstream,
    dialect_of,
)
from tests.support.bundles import Bundles
from tests.support.lock import locked
from tests.support.talk import wait_for

pytestmark = pytest.mark.any_python("the agents are programs of their own; tests/contract covers what serves them")
WRONG_KEY = "sk-wrong-0123456789abcdef"


@dataclass(frozen=True)
class Outcome:
    """A run, and what the upstream saw of it."""

    run: Run
    received: list[Received]
    url: str


    def bodies(self) -> list[str]:
        return sorted(plain([one.method, one.path, one.query, one.body], self.run.folder, self.url) for one in self.received if one.method == 'POST')


def carried_out(name: str, scenario: str, folder: Path, upstream: AgentUpstream, url: str, key: str) -> Outcome:
    upstream.play(scenario)
    run = agents.run(name, folder, url, WRONG_KEY if scenario == "wrong_key" else key)
    return Outcome(run, list(upstream.received), url)


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("name", AGENTS)
def test_direct(name: str, scenario: str, tmp_path: Path) -> None:
    with agent_upstream() as upstream:
        outcome = carried_out(name, scenario, tmp_path / "run", upstream, upstream.url, KEY)
    print(name, scenario, outcome.run.code, outcome.run.text, outcome.run.error, len(outcome.received), outcome.run.seconds)
