"""What one caller's call teaches of an upstream is proved, is kept for that upstream and model, and is forgotten."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy import startup
from proxy.adapters.asyncio_host import AsyncioClock
from proxy.host import Host
from proxy.messages import Headers
from proxy.relay import relay
from proxy.upstream import Answer, Outgoing
from tests.support import fake_clock
from tests.support.core import KEY, SSE, Body, host, request

DONE = b"data: [DONE]\n\n"
PARAM = {"error": {"message": "no", "type": "invalid_request_error", "param": "stream_options", "code": None}}
PLACE = {"detail": [{"loc": ["body", "stream_options"], "msg": "extra fields not permitted"}]}
TEXT = {"error": {"message": "unknown role stream_options", "type": "invalid_request_error", "param": None}}
INNER = {"detail": [{"loc": ["body", "messages", 0, "stream_options"], "msg": "extra"}]}


class Picky:
    """Refuses what has stream_options with `refusal`, and everything with it where `always`."""

    def __init__(self, refusal: Any, always: bool = False) -> None:
        self._refusal = refusal
        self._always = always
        self.asked: list[bool] = []

    async def send(self, outgoing: Outgoing) -> Answer:
        asked = b"stream_options" in outgoing.body.replace(b'"role":"stream_options"', b"")
        self.asked.append(asked)
        if asked or self._always:
            told = self._refusal if isinstance(self._refusal, bytes) else json.dumps(self._refusal).encode()
            return Answer(400, Headers((("content-type", "application/json"),)), Body(told))
        return Answer(200, Headers(SSE), Body(DONE))


class Clock(AsyncioClock):
    """Time that a test sets."""

    time = 0.0

    def now(self) -> float:
        return self.time


# What puts `stream_options` into a request: counting streams, and asking for a stream to put together.
METERING, ASSEMBLE = {"METERING": "on"}, {"ASSEMBLE": "always"}


def call(
    upstream: Picky, place: Host, model: str = "m", role: str = "user", settings: dict[str, str] = METERING
) -> None:
    asked_for = {"model": model, "stream": settings is METERING, "messages": [{"role": role, "content": "x"}]}
    body = json.dumps(asked_for).encode()

    async def go() -> None:
        asked = request(body=body.replace(b": ", b":"), headers=KEY)
        reply = await relay(asked, startup.load(settings), upstream, place)
        if not isinstance(reply.body, bytes):
            async for _ in reply.body:
                pass
            await reply.body.aclose()

    fake_clock.run(go())


def at(clock: Clock) -> Host:
    place = host()
    place.clock = clock
    return place


@pytest.mark.parametrize("settings", [METERING, ASSEMBLE], ids=["metering", "assemble"])
@pytest.mark.parametrize("refusal", [PARAM, PLACE])
def test_a_refusal_that_names_the_field_is_learnt_when_the_second_try_has_worked(
    refusal: Any, settings: dict[str, str]
) -> None:
    clock, upstream = Clock(), Picky(refusal)
    place = at(clock)
    call(upstream, place, settings=settings)
    call(upstream, place, settings=settings)
    assert upstream.asked == [True, False, False]  # asked once more, and not again
    call(upstream, place, model="other", settings=settings)
    assert upstream.asked == [True, False, False, True, False]  # another model has not refused
    clock.time = 4_000
    call(upstream, place, settings=settings)
    assert upstream.asked[5:] == [True, False]  # an hour later it is tried again


@pytest.mark.parametrize("settings", [METERING, ASSEMBLE], ids=["metering", "assemble"])
@pytest.mark.parametrize(
    "refusal",
    [
        *(TEXT, INNER, "stream_options", {"detail": "stream_options"}, {"detail": [3, "stream_options"]}),
        {"detail": [{"loc": 1}, "stream_options"]},
        json.dumps(PLACE).encode()[:-1],
        json.dumps(PLACE).encode() + b" " * 20_000,  # longer than what is parsed of a refusal
    ],
)
def test_a_refusal_that_only_mentions_it_proves_nothing(refusal: Any, settings: dict[str, str]) -> None:
    upstream, place = Picky(refusal), at(Clock())
    call(upstream, place, role="stream_options", settings=settings)
    call(upstream, place, settings=settings)
    assert upstream.asked == [True, False, True, False] and not place.no_usage and not place.no_events


@pytest.mark.parametrize("settings", [METERING, ASSEMBLE], ids=["metering", "assemble"])
def test_a_refusal_of_the_second_try_as_well_proves_nothing(settings: dict[str, str]) -> None:
    upstream, place = Picky(PARAM, always=True), at(Clock())
    call(upstream, place, settings=settings)
    assert upstream.asked == [True, False] and not place.no_usage and not place.no_events
