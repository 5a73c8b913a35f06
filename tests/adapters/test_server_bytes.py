"""Both parsers get the same bytes, cut anywhere: the app sees the same requests, and the caller the same answers."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.messages import Reply, Request
from tests.support.driven import PARSERS, Answers, Driven, pieces
from tests.support.hostile import times

METHODS = st.sampled_from(["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
TARGETS = st.sampled_from(
    ["/", "/v1/chat/completions", "/a%2Fb?x=%20&y", "//evil.example/", "http://x.example/v1?a", "HTTP://h", "*", "/x#y"]
)
FIELDS = st.lists(
    st.sampled_from(
        [
            "Authorization: Bearer sk-x",
            "X-Empty:",
            "X-Spaces: \t a b \t ",
            "x-latin: \xfc\xff",
            "Connection: keep-alive",
            "Connection: Upgrade\r\nUpgrade: h2c",
            "Upgrade: websocket\r\nConnection: keep-alive, upgrade",
            "X-Forwarded-Proto: https",
        ]
    ),
    max_size=3,
    unique=True,
)
BODIES = st.binary(max_size=40)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """One request, with a body that has a length, comes in chunks or is none."""
    lines = [f"{draw(METHODS)} {draw(TARGETS)} HTTP/1.1", "Host: x", *draw(FIELDS)]
    framing = draw(st.sampled_from(["none", "length", "chunks"]))
    if framing == "none":
        return _head(lines)
    if framing == "length":
        body = draw(BODIES)
        return _head([*lines, f"Content-Length: {len(body)}"]) + body
    data = b""
    for piece in draw(st.lists(st.binary(min_size=1, max_size=20), max_size=3)):
        data += b"%x%b\r\n%b\r\n" % (len(piece), draw(st.sampled_from([b"", b";a=b"])), piece)
    trailers = draw(st.sampled_from([b"", b"X-Trailer: y\r\nAuthorization: sk-trailer\r\n"]))
    return _head([*lines, "Transfer-Encoding: chunked"]) + data + b"0\r\n" + trailers + b"\r\n"


def _head(lines: list[str]) -> bytes:
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


ENDS = st.sampled_from(
    [
        b"",
        b"GET /half HTTP/1.1\r\nHo",
        b"POST /half HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
        b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nGET /dropped HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /old HTTP/1.0\r\nContent-Length: 2\r\n\r\nokGET /dropped HTTP/1.0\r\n\r\n",
        b"POST /bad HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\nGET /dropped HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01 no HTTP at all\r\n\r\n",
    ]
)


def reply(request: Request) -> Reply | None:
    """Streams for some, whole answers for others."""
    return Reply(200, body=pieces(b"a", b"", b"bc")) if request.method in ("POST", "GET") else None


class Outcome(NamedTuple):
    """What an app and a caller see, and how the connection is left."""

    requests: list[tuple[str, str, bytes]]
    headers: list[list[tuple[str, str]]]
    origins: list[str | None]
    refused: list[str | None]
    sent: bytes
    ended: bool
    closed: bool
    reading: bool


def outcome(http: str, packets: list[bytes]) -> Outcome:
    """What comes of these packets."""
    app = Answers(reply)

    async def go() -> Outcome:
        driven = Driven(app, http)
        for packet in packets:
            driven.receive(packet)
            await asyncio.sleep(0)
        for _ in range(20):
            await driven.settle()
        wire = driven.wire
        driven.connection.connection_lost(None)
        await driven.settle()
        assert not driven.state.tasks and not driven.state.connections
        seen = app.requests, app.headers, app.origins, app.refused
        return Outcome(*seen, wire.sent, wire.ended, wire.closed, wire.is_reading())

    return asyncio.run(go())


@times(300)
@given(st.lists(requests(), max_size=3), ENDS, st.lists(st.integers(0, 400), max_size=8))
def test_neither_the_parser_nor_the_network_s_cuts_change_anything(
    before: list[bytes], end: bytes, cuts: list[int]
) -> None:
    data = b"".join(before) + end
    places = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
    packets = [data[start:stop] for start, stop in pairwise(places)]
    whole = outcome("httptools", [data])
    assert len(whole.requests) >= len(before)
    assert outcome("httptools", packets) == outcome("h11", packets) == outcome("h11", [data]) == whole


@pytest.mark.parametrize("http", PARSERS)
@pytest.mark.parametrize(
    "lines",
    [
        b"Host: x\r\nHost: x\r\n",
        b"Content-Length: 0\r\n",
        b"Host: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    ],
)
def test_a_head_that_breaks_a_rule_is_the_last_one(lines: bytes, http: str) -> None:
    """Either the parser or the server sees it: the code is another, the status is not."""
    good = b"GET /good HTTP/1.1\r\nHost: x\r\n\r\n"
    seen = outcome(http, [good + b"POST /bad HTTP/1.1\r\n" + lines + b"\r\n0\r\n\r\n" + good])
    assert seen.requests == [("GET", "/good", b"")]
    assert (seen.sent.count(b"HTTP/1.1 200 "), seen.sent.count(b"HTTP/1.1 400 ")) == (1, 1)
    assert b"connection: close\r\n" in seen.sent and seen.ended


@pytest.mark.parametrize("http", PARSERS)
@pytest.mark.parametrize(
    ("target", "seen"),
    [
        ("/a?b?c", "/a?b?c"),
        ("http://x.example", ""),
        ("http://x.example?q", "?q"),
        ("https://x.example:1/v1/models?q#f", "/v1/models?q"),
        ("*", "*"),
        ("/\xff", None),
        ("foo", None),
        ("http:///v1", None),
    ],
)
def test_targets(target: str, seen: str | None, http: str) -> None:
    app = Answers()

    async def go() -> bytes:
        driven = Driven(app, http)
        driven.receive(f"OPTIONS {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode("latin-1"))
        await driven.settle()
        return driven.wire.sent

    sent = asyncio.run(go())
    assert [path for _, path, _ in app.requests] == ([] if seen is None else [seen])
    assert sent.startswith(b"HTTP/1.1 400 " if seen is None else b"HTTP/1.1 200 ")
