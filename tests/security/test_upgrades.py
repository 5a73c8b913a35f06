"""An upgrade that a request offers is ignored, and its body read, wherever the network cuts (RFC 9110, section 7.8)."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.driven import Answers, Driven
from tests.support.raw import KEY, Raw
from tests.support.server import Running
from tests.support.upstream import Upstream, whole

HIDDEN = b"GET /v1/models/hidden HTTP/1.1\r\n" + KEY + b"\r\n"
OFFERS = {
    "h2c, as Java offers it": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n",
    "unknown": b"Connection: upgrade\r\nUpgrade: something/9\r\n",
    "several": b"Upgrade: h2c\r\nUpgrade: IRC/6.9, TLS/1.0\r\nConnection: keep-alive, UPGRADE\r\n",
    "empty": b"Connection: Upgrade\r\nUpgrade:\r\n",
    "without Connection": b"Upgrade: h2c\r\n",
}
FRAMES = {
    "a length": (b"Content-Length: %d\r\n" % len(HIDDEN), HIDDEN),
    "chunks": (b"Transfer-Encoding: chunked\r\n", b"%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)),
}


def offering(offer: str, frame: str) -> tuple[bytes, bytes]:
    """Head and body of a request whose body looks like one."""
    fields, body = FRAMES[frame]
    return b"POST /v1/chat/completions HTTP/1.1\r\n" + KEY + OFFERS[offer] + fields + b"\r\n", body


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("offer", OFFERS)
def test_an_upgrade_that_is_offered_is_ignored_and_the_body_read(
    offer: str, frame: str, relay: Running, upstream: Upstream
) -> None:
    head, body = offering(offer, frame)
    for packets in ([head + body], [head, body], [head + body[:9], body[9:]], [head[:40], head[40:], body]):
        upstream.play(whole(b'{"ok":1}'))
        connection = Raw(relay.port)
        for packet in packets:
            connection.send(packet)
        assert connection.answer()[::2] == (200, b'{"ok":1}')
        connection.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.answer()[2] == b'{"status": "ok"}'
        connection.close()
        assert [(one.target, one.body) for one in upstream.received] == [("/v1/chat/completions", HIDDEN)]


def heard(http: str, packets: list[bytes]) -> list[tuple[str, str, bytes]]:
    """The requests that an app gets to see of these packets."""
    app = Answers()

    async def go() -> None:
        driven = Driven(app, http)
        for packet in packets:
            driven.receive(packet)
            await asyncio.sleep(0)
        await driven.settle()
        driven.connection.connection_lost(None)

    asyncio.run(go())
    return app.requests


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("http", ["httptools", "h11"])
def test_an_upgrade_is_ignored_wherever_the_network_cuts(http: str, offer: str, frame: str) -> None:
    last = b"GET /last HTTP/1.1\r\nHost: x\r\n\r\n"
    data = b"".join(offering(offer, frame)) + last
    expected = [("POST", "/v1/chat/completions", HIDDEN), ("GET", "/last", b"")]
    for at in range(1, len(data)):
        assert heard(http, [data[:at], data[at:]]) == expected, data[:at]
    assert heard(http, [data[at : at + 1] for at in range(len(data))]) == expected


def test_trailers_are_no_headers(relay: Running, upstream: Upstream) -> None:
    connection = Raw(relay.port)
    connection.send(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\n{}\r\n0\r\nAuthorization: Bearer sk-trailer\r\n\r\n"
    )
    assert connection.answer()[0] == 401
    assert upstream.received == []
    connection.close()
