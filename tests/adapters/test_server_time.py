"""How long the server waits for a caller: for its next request, for the rest of one, and not at all for its own app."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any, cast

import pytest

from proxy.adapters import server_connection, server_deadline
from proxy.adapters.server_deadline import INCOMPLETE_SECONDS, Deadline, Phase
from tests.support.driven import GET, PARSERS, Answers, Driven, post
from tests.support.raw import KEY, Raw
from tests.support.server import serving
from tests.support.upstream import Upstream

KEEP_ALIVE = 75.0
POST = post(4)


@pytest.mark.parametrize("http", PARSERS)
def test_a_request_that_is_left_half_sent_is_refused_after_a_while(
    http: str, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection would be held for good otherwise; one between two calls stays as long as it may."""
    monkeypatch.setattr(server_deadline, "INCOMPLETE_SECONDS", 1.0)
    call = b"POST /v1/chat/completions HTTP/1.1\r\n" + KEY + b"Content-Length: 12\r\n\r\n"
    with serving(http, OPENAI_BASE_URL=upstream.url) as running, contextlib.ExitStack() as stack:
        between, *halves = [stack.enter_context(contextlib.closing(Raw(running.port))) for _ in range(5)]
        between.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert between.answer()[0] == 200
        for half, data in zip(halves, (b"", b"GET /he", call, call + b"{"), strict=True):
            half.send(data)
        for half in halves:
            status, _, body = half.answer()
            assert (status, json.loads(body)["error"]["code"]) == (408, "request_timeout")
            assert half.rest() == b""
        between.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert between.answer()[0] == 200
        between.send(b"GET /he")
        assert between.answer()[0] == 408


class Timer:
    def __init__(self, when: float, call: Callable[[], None]) -> None:
        self._when = when
        self.call = call
        self.cancelled = False

    def when(self) -> float:
        return self._when

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """A loop's clock that a test sets forward."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        self.timers.append(Timer(self.now + seconds, call))
        return self.timers[-1]

    def forward(self, seconds: float) -> None:
        """Fire what is due on the way."""
        end = self.now + seconds
        while due := [timer for timer in self.timers if not timer.cancelled and timer.when() <= end]:
            timer = min(due, key=Timer.when)
            self.timers.remove(timer)
            self.now = max(self.now, timer.when())
            timer.call()
        self.now = end


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def passed() -> list[Phase]:
    return []


@pytest.fixture
def deadline(clock: Clock, passed: list[Phase]) -> Deadline:
    return Deadline(cast(asyncio.AbstractEventLoop, clock), KEEP_ALIVE, passed.append)


def test_a_head_has_its_time_in_all(deadline: Deadline, clock: Clock, passed: list[Phase]) -> None:
    for _ in range(6):
        deadline.enter(Phase.HEAD)
        clock.forward(INCOMPLETE_SECONDS / 6 - 0.1)
    assert passed == []
    clock.forward(1)
    assert passed == [Phase.HEAD]
    clock.forward(1000)
    assert len(passed) == 1


def test_a_body_may_take_as_long_as_something_of_it_comes(
    deadline: Deadline, clock: Clock, passed: list[Phase]
) -> None:
    for _ in range(9):
        deadline.enter(Phase.BODY)
        clock.forward(INCOMPLETE_SECONDS - 1)
    assert passed == []
    clock.forward(1)
    assert passed == [Phase.BODY]


def test_an_answer_takes_as_long_as_it_needs(deadline: Deadline, clock: Clock, passed: list[Phase]) -> None:
    deadline.enter(Phase.HEAD)
    deadline.enter(Phase.ANSWER)
    clock.forward(10_000)
    assert passed == [] and clock.timers == []


def test_between_calls_the_keep_alive_time_counts_from_the_last(
    deadline: Deadline, clock: Clock, passed: list[Phase]
) -> None:
    for _ in range(9):
        deadline.enter(Phase.IDLE)
        clock.forward(KEEP_ALIVE - 1)
        deadline.enter(Phase.ANSWER)
        assert len(clock.timers) <= 1
    deadline.enter(Phase.IDLE)
    clock.forward(KEEP_ALIVE)
    assert passed == [Phase.IDLE]


def test_a_shorter_phase_moves_the_timer(deadline: Deadline, clock: Clock, passed: list[Phase]) -> None:
    deadline.enter(Phase.IDLE)
    deadline.enter(Phase.HEAD)
    clock.forward(INCOMPLETE_SECONDS)
    assert passed == [Phase.HEAD]


def test_a_closed_connection_holds_no_timer(deadline: Deadline, clock: Clock, passed: list[Phase]) -> None:
    deadline.cancel()
    deadline.enter(Phase.HEAD)
    deadline.cancel()
    assert all(timer.cancelled for timer in clock.timers)


def driven(monkeypatch: pytest.MonkeyPatch, http: str, app: Any, steps: list[bytes]) -> tuple[Driven, list[Phase]]:
    """A connection after these packets, and the phases it has been in."""
    phases: list[Phase] = []

    class Noted(Deadline):
        def enter(self, phase: Phase) -> None:
            if not phases or phases[-1] is not phase:
                phases.append(phase)
            super().enter(phase)

    monkeypatch.setattr(server_connection, "Deadline", Noted)

    async def go() -> Driven:
        made = Driven(app, http)
        for step in steps:
            made.receive(step)
            await made.settle()
        made.connection.connection_lost(None)
        return made

    return asyncio.run(go()), phases


@pytest.mark.parametrize("http", PARSERS)
def test_the_phases_of_a_connection(http: str, monkeypatch: pytest.MonkeyPatch) -> None:
    head, body, answer, idle = Phase.HEAD, Phase.BODY, Phase.ANSWER, Phase.IDLE
    for steps, phases in (
        ([GET], [head, answer, idle]),
        ([GET[:9], GET[9:]], [head, answer, idle]),
        ([GET, GET[:9], GET[9:]], [head, answer, idle, head, answer, idle]),
        ([GET + GET[:9], GET[9:]], [head, answer, head, answer, idle]),
        ([POST, b"ab", b"cd"], [head, body, answer, idle]),
    ):
        assert driven(monkeypatch, http, Answers(), steps)[1] == phases, steps


@pytest.mark.parametrize("http", PARSERS)
def test_an_idle_connection_is_closed_without_a_word_and_a_slow_one_with_408(http: str) -> None:
    async def go() -> None:
        made = Driven(Answers(), http)
        made.receive(GET)
        await made.settle()
        made.wire.sent = b""
        made.connection._time_out(Phase.IDLE)
        assert made.wire.closed and made.wire.sent == b""
        for data in (b"", b"GET /", POST, POST + b"a"):
            made = Driven(Answers(), http)
            made.receive(data)
            await made.settle()
            made.connection._time_out(Phase.BODY)
            await made.settle()
            assert made.wire.sent.startswith(b"HTTP/1.1 408 ") and made.wire.ended
            assert not made.state.tasks

    asyncio.run(go())
