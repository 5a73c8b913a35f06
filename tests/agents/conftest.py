"""What each agent does without Sluice, once for the whole run, and the routes through Sluice."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from tests.support import agents
from tests.support.agents_outcomes import DirectRuns
from tests.support.agents_routes import ONLY_CHAT, WORKER, Route, route, worker_route
from tests.support.agents_upstream import AgentUpstream, agent_upstream
from tests.support.bundles import Bundles

Through = Callable[[str], tuple[Route, AgentUpstream]]


@pytest.fixture(scope="session", autouse=True)
def _installed() -> None:
    agents.need()


@pytest.fixture(scope="session")
def direct(tmp_path_factory: pytest.TempPathFactory) -> DirectRuns:
    """direct(agent, scenario): the outcome without Sluice."""
    return DirectRuns(tmp_path_factory)


@pytest.fixture(scope="session")
def through(
    bundles: Bundles, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Through]:
    """through(name): that route with an upstream of its own, started once."""
    started: dict[str, tuple[Route, AgentUpstream]] = {}
    with contextlib.ExitStack() as stack:

        def start(name: str) -> tuple[Route, AgentUpstream]:
            if name not in started:
                upstream = stack.enter_context(agent_upstream())
                if name == WORKER + ONLY_CHAT:
                    # Other routes need no Worker, which takes seconds to start.
                    started[name] = (worker_route(request.getfixturevalue("workers"), upstream.url), upstream)
                    return started[name]
                folder = tmp_path_factory.mktemp(name)
                started[name] = (stack.enter_context(route(name, upstream.url, folder, bundles)), upstream)
            return started[name]

        yield start
