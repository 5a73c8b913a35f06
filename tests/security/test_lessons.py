"""What one caller's call teaches of an upstream is proved, is kept for that upstream and model, and is forgotten."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from proxy import config
from proxy.aio import AsyncioClock
from proxy.host import Host
from proxy.messages import Headers
from proxy.relay import relay
from proxy.upstream import Answer, Outgoing
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
            told = json.dumps(self._refusal).encode()
            return Answer(400, Headers((("content-type", "application/json"),)), Body(told))
        return Answer(200, Headers(SSE), Body(DONE))


class Clock(AsyncioClock):
    """Time that a test sets."""

    time = 0.0

    def now(self) -> float:
        return self.time


def call(upstream: Picky, place: Host, model: str = "m", role: str = "user") -> None:
    body = json.dumps({"model": model, "stream": True, "messages": [{"role": role, "content": "x"}]}).encode()

    async def go() -> None:
        asked = request(body=body.replace(b": ", b":"), headers=KEY)
        reply = await relay(asked, config.load({"METERING": "on"}), upstream, place)
        if not isinstance(reply.body, bytes):
            async for _ in reply.body:
                pass
            await reply.body.aclose()

    asyncio.run(go())


def at(clock: Clock) -> Host:
    place = host()
    place.clock = clock
    return place


@pytest.mark.parametrize("refusal", [PARAM, PLACE])
def test_a_refusal_that_names_the_field_is_learnt_when_the_second_try_has_worked(refusal: Any) -> None:
    clock, upstream = Clock(), Picky(refusal)
    place = at(clock)
    call(upstream, place)
    call(upstream, place)
    assert upstream.asked == [True, False, False]  # asked once more, and not again
    call(upstream, place, model="other")
    assert upstream.asked == [True, False, False, True, False]  # another model has not refused
    clock.time = 4_000
    call(upstream, place)
    assert upstream.asked[5:] == [True, False]  # an hour later it is tried again


@pytest.mark.parametrize(
    "refusal", [TEXT, INNER, {"detail": "stream_options"}, {"detail": [3, "stream_options"]}, "stream_options"]
)
def test_a_refusal_that_only_mentions_it_proves_nothing(refusal: Any) -> None:
    upstream, place = Picky(refusal), at(Clock())
    call(upstream, place, role="stream_options")
    call(upstream, place)
    assert upstream.asked == [True, False, True, False] and not place.no_usage


def test_a_refusal_of_the_second_try_as_well_proves_nothing() -> None:
    upstream, place = Picky(PARAM, always=True), at(Clock())
    call(upstream, place)
    assert upstream.asked == [True, False] and not place.no_usage
