"""METERING on real uvicorn: what a stream used is logged however it ends, and however long it took."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.client import Connection
from tests.support.server import Server
from tests.support.talk import CHAT, KEY, event
from tests.support.upstream import Cut, Script, Sleep, Step, Upstream, Wait, stream

WORDS = ("One ", "two ", "three ", "four.")


@pytest.fixture(params=["httptools", "h11"])
def metered(request: pytest.FixtureRequest, upstream: Upstream) -> Iterator[Server]:
    server = Server({"OPENAI_BASE_URL": upstream.url, "METERING": "on"}, request.param)
    yield server
    server.close()


def lasting(seconds: float, *end: Step) -> Script:
    """A stream that says four words, takes so long for it, and tells no usage."""
    steps: list[Step] = []
    for step in stream(*map(event, WORDS), end=()):
        steps += [step, Sleep(seconds / len(WORDS))]
    return (*steps, *end)


def settled(server: Server, left_after: int | None = None) -> dict[str, Any]:
    """The log line of one call, which is read to its end or left after so many events."""
    connection = Connection(server.port)
    connection.send("POST", "/v1/chat/completions", KEY, CHAT)
    result = connection.head()
    for count, _ in enumerate(connection.writes(result), 1):
        if count == left_after:
            break
    connection.close()
    return server.line(result.header("x-sluice-request-id"))


FINISHED = stream(b"data: [DONE]\n\n")[1:]


@pytest.mark.parametrize("seconds", [0.015, 0.1, 2.0])
def test_a_finished_stream_is_settled(seconds: float, metered: Server, upstream: Upstream) -> None:
    for _ in range(1 if seconds > 1 else 5):  # a race, where there is one, is not lost each time
        upstream.play(lasting(seconds, *FINISHED))
        line = settled(metered)
        assert (line["ending"], line["usage_source"]) == ("complete", "estimate")
        assert line["gen_ai.usage.output_tokens"] >= 4 and line["cost_usd"] > 0


@pytest.mark.parametrize("seconds", [0.015, 0.1, 2.0])
def test_a_stream_that_is_cut_is_settled(seconds: float, metered: Server, upstream: Upstream) -> None:
    upstream.play(lasting(seconds, Cut()))
    line = settled(metered)
    assert (line["ending"], line["usage_source"]) == ("upstream_disconnected", "estimate")
    assert line["gen_ai.usage.output_tokens"] >= 4


@pytest.mark.parametrize("seconds", [0.015, 0.1, 2.0])
def test_a_stream_whose_caller_leaves_is_settled(seconds: float, metered: Server, upstream: Upstream) -> None:
    upstream.play(lasting(seconds, Wait()))
    line = settled(metered, left_after=1)
    assert (line["ending"], line["usage_source"]) == ("client_disconnected", "estimate")
    assert line["gen_ai.usage.output_tokens"] >= 1
