"""Upstreams that fail in every way, on real sockets, before one that works: every call that could be answered is.

And none is answered twice: the one that works is asked once a call, the caller gets one answer, whole.
"""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Iterator

import pytest

from tests.conftest import Serve
from tests.support.case import JSON
from tests.support.client import Result, call
from tests.support.server import Server
from tests.support.upstream import (
    END,
    SSE_HEAD,
    Cut,
    Received,
    Script,
    Sleep,
    Upstream,
    Wait,
    chunk,
    head,
    stream,
    whole,
)

CALLER = (("Authorization", "Bearer any"), JSON)
EVENTS = tuple(b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"%d"}}]}\n\n' % i for i in range(5))
DONE = b"data: [DONE]\n\n"
ANSWER = b'{"id":"1","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}'
FIRST_BYTE_SECONDS = "1"

# What may go wrong before an answer begins; the last three only show by their silence.
CHAOS: dict[str, Script] = {
    "resets at once": (Cut(reset=True),),
    "hangs up": (Cut(),),
    "resets inside the head": (b"HTTP/1.1 200 OK\r\nContent-", Cut(reset=True)),
    "429": whole(b'{"error":{"message":"slow down","code":"rate_limit_exceeded"}}', 429, ("Retry-After", "1")),
    "401": whole(b'{"error":{"message":"no","code":"invalid_api_key"}}', 401),
    "500": whole(b'{"error":{"message":"oops"}}', 500),
    "502 as a page": whole(b"<html>bad gateway</html>", 502, kind="text/html"),
    "503 that is cut": (head(503, ("Content-Length", "100")) + b"{", Cut()),
    "garbage": (b"\x16\x03\x01 this is no HTTP\r\n\r\n", Cut()),
    "a wrong status": (b"HTTP/1.1 abc OK\r\n\r\n", Cut()),
}
SILENT: dict[str, Script] = {
    "hangs": (Wait(),),
    "hangs inside the head": (b"HTTP/1.1 200 OK\r\n", Wait()),
    "drips its head": (
        b"HTTP/1.1 200 OK\r\n",
        *(step for _ in range(40) for step in (Sleep(0.1), b"x-a: b\r\n")),
        Cut(),
    ),
}


@pytest.fixture
def bad() -> Iterator[Upstream]:
    upstream = Upstream()
    yield upstream
    upstream.close()


@pytest.fixture(params=["direct", "httpx"])
def server(request: pytest.FixtureRequest, serve: Serve, upstream: Upstream, bad: Upstream) -> Server:
    """Two that fail, one that nobody listens for, and the one that works, in an order of chance."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = free.getsockname()[1]
    upstreams = [
        {"name": "good", "base_url": upstream.url, "keys": "sk-good"},
        {"name": "bad", "base_url": bad.url, "keys": ["sk-1", "sk-2"]},
        {"name": "closed", "base_url": f"http://127.0.0.1:{closed}/v1", "keys": "sk-3"},
    ]
    settings = {"FIRST_BYTE_SECONDS": FIRST_BYTE_SECONDS, "ALLOW_ANONYMOUS": "1", "UPSTREAM_ENGINE": request.param}
    settings |= {"OPENAI_BASE_URL": "", "UPSTREAMS": json.dumps(upstreams)}
    return serve(**settings)


def ask(server: Server, streamed: bool, fresh: bool = True) -> Result:
    """One call; `fresh` has the instance forget what it has learnt of the upstreams, as a new one would not know it."""
    if fresh:
        server.app.host.resting.clear()
    body = json.dumps({"model": "m", "stream": streamed, "messages": []}).encode()
    return call(server.port, "POST", "/v1/chat/completions", CALLER, body)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_every_call_is_answered_once(server: Server, upstream: Upstream, bad: Upstream, streamed: bool) -> None:
    dice = random.Random(3)
    names: list[str] = []

    def misbehave(_: Received) -> Script:
        names.append(dice.choice(list(CHAOS)))
        return CHAOS[names[-1]]

    bad.choose = misbehave
    upstream.play(stream(*EVENTS, DONE) if streamed else whole(ANSWER))
    asked = 60
    for _ in range(asked):
        result = ask(server, streamed)
        assert result.status == 200 and not result.broken
        assert result.body == (b"".join(EVENTS) + DONE if streamed else ANSWER)
    assert len(upstream.received) == asked
    assert {one.header("authorization") for one in upstream.received} == {"Bearer sk-good"}
    assert set(names) == set(CHAOS), "each kind of failure was met"


@pytest.mark.parametrize("name", SILENT)
def test_a_silent_upstream_costs_a_streamed_call_its_first_byte_s_time_and_no_more(
    server: Server, upstream: Upstream, bad: Upstream, name: str
) -> None:
    bad.play(SILENT[name])
    upstream.play(stream(*EVENTS, DONE))
    for _ in range(6):  # until chance has put the silent one first; from then on it comes last
        assert ask(server, streamed=True, fresh=False).body == b"".join(EVENTS) + DONE
    assert len(upstream.received) == 6 and len(bad.received) <= 2


def test_no_answer_that_has_begun_is_asked_for_again(server: Server, upstream: Upstream, bad: Upstream) -> None:
    cut: Script = (SSE_HEAD, chunk(EVENTS[0]), Cut())
    upstream.play(cut)
    bad.play(whole(b"{}", 500))
    for asked in range(1, 6):
        result = ask(server, streamed=True)
        assert result.body.startswith(EVENTS[0]) and b"upstream_disconnected" in result.body
        assert result.body.count(EVENTS[0]) == 1 and DONE not in result.body
        assert len(upstream.received) == asked


def test_what_a_caller_gets_when_nobody_can_answer_is_the_last_one_s_own_error(
    server: Server, upstream: Upstream, bad: Upstream
) -> None:
    refusal = whole(b'{"error":{"message":"slow down" }}', 429, ("Retry-After", "9"))
    bad.play(refusal)
    upstream.play(refusal)
    result = ask(server, streamed=False)
    # Whatever the order: two hosts answer 429; one cannot be reached, and might be the last to be tried.
    assert (result.status, result.body) in ((429, refusal[0].partition(b"\r\n\r\n")[2]), (502, result.body))  # type: ignore[union-attr]
    assert len(upstream.received) == 1 and len(bad.received) == 2


def test_a_stream_s_end_is_its_own(server: Server, upstream: Upstream, bad: Upstream) -> None:
    bad.play(whole(b"{}", 500))
    upstream.play(stream(*EVENTS[:2], end=(END,)))
    result = ask(server, streamed=True)
    assert result.body == b"".join(EVENTS[:2]) and not result.broken
