"""An upgrade that a request offers is ignored, and its body read, wherever the network cuts (RFC 9110, section 7.8)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from proxy.adapters import server
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


class Heard:
    """An app's side of a protocol, without a socket: what each request was, its body included."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, bytes]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.requests.append((scope["method"], scope["path"], body))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


class Wire(asyncio.Transport):
    """The other side of it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""

    def write(self, data: Any) -> None:
        self.sent += data

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Nothing: the test ends the connection."""

    pause_reading = resume_reading = close


def heard(http: str, packets: list[bytes]) -> tuple[list[tuple[str, str, bytes]], bytes]:
    """The requests that an app gets to see of these packets, and the answer's bytes."""
    import uvicorn
    from uvicorn.server import ServerState

    app, wire = Heard(), Wire()

    async def go() -> None:
        kind: Any = server.protocol(http == "httptools")
        connection = kind(uvicorn.Config(app, **server.settings(lifespan="off")), ServerState(), {})
        connection.connection_made(wire)
        for packet in packets:
            connection.data_received(packet)
            await asyncio.sleep(0)
        for _ in range(10):  # the app's own steps
            await asyncio.sleep(0)
        connection.connection_lost(None)

    asyncio.run(go())
    return app.requests, wire.sent


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("http", ["httptools", "h11"])
def test_an_upgrade_is_ignored_wherever_the_network_cuts(http: str, offer: str, frame: str) -> None:
    last = b"GET /last HTTP/1.1\r\nHost: x\r\n\r\n"
    data = b"".join(offering(offer, frame)) + last
    expected = [("POST", "/v1/chat/completions", HIDDEN), ("GET", "/last", b"")]
    for at in range(1, len(data)):
        assert heard(http, [data[:at], data[at:]])[0] == expected, data[:at]
    assert heard(http, [data[at : at + 1] for at in range(len(data))])[0] == expected


def test_trailers_are_no_headers(relay: Running, upstream: Upstream) -> None:
    connection = Raw(relay.port)
    connection.send(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\n{}\r\n0\r\nAuthorization: Bearer sk-trailer\r\n\r\n"
    )
    assert connection.answer()[0] == 401
    assert upstream.received == []
    connection.close()
