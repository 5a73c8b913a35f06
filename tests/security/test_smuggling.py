"""Bytes that are nearly HTTP, over real sockets: none of them becomes a request that its sender did not show.

A request that is hidden in another one's body or headers would pass whatever stands in front of us unseen.
"""

from __future__ import annotations

import contextlib
import socket

import pytest

from proxy.adapters.asgi import App
from proxy.adapters.scf_web import ScfWebApp
from tests.conftest import Serve
from tests.support.client import call
from tests.support.server import Server
from tests.support.upstream import CEILING, Upstream, whole

HIDDEN = b"DELETE /v1/files/hidden HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-caller\r\n\r\n"
START = b"POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-caller\r\n"
SIZE = str(len(HIDDEN)).encode()


def framed(*lines: bytes, body: bytes = b"0\r\n\r\n" + HIDDEN) -> bytes:
    return START + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


SHAPES = {
    "both framings, chunks first": framed(b"Transfer-Encoding: chunked", b"Content-Length: 5"),
    "both framings, length first": framed(b"Content-Length: " + SIZE, b"Transfer-Encoding: chunked"),
    "two lengths": framed(b"Content-Length: 0", b"Content-Length: " + SIZE, body=HIDDEN),
    "two lengths, the longer one first": framed(b"Content-Length: " + SIZE, b"Content-Length: 0", body=HIDDEN),
    "a list of lengths": framed(b"Content-Length: 0, " + SIZE, body=HIDDEN),
    "a length with a sign": framed(b"Content-Length: +0", body=HIDDEN),
    "a length below zero": framed(b"Content-Length: -1", body=HIDDEN),
    "a length in hexadecimal": framed(b"Content-Length: 0x0", body=HIDDEN),
    "a length with a gap": framed(b"Content-Length: 0 0", body=HIDDEN),
    "a length without a number": framed(b"Content-Length:", body=HIDDEN),
    "a length that no number holds": framed(b"Content-Length: " + b"9" * 30, body=HIDDEN),
    "a space before the colon": framed(b"Content-Length : " + SIZE, body=HIDDEN),
    "a space before the coding's colon": framed(b"Transfer-Encoding : chunked"),
    "a coding that is unknown": framed(b"Transfer-Encoding: xchunked", b"Content-Length: " + SIZE, body=HIDDEN),
    "a coding behind another": framed(b"Transfer-Encoding: chunked, identity"),
    "a coding before another": framed(b"Transfer-Encoding: identity, chunked", b"Content-Length: 5"),
    "a coding named twice": framed(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"),
    "a coding with a vertical tab": framed(b"Transfer-Encoding: \x0bchunked", b"Content-Length: 5"),
    "a coding in quotes": framed(b'Transfer-Encoding: "chunked"', b"Content-Length: 5"),
    "a coding in a folded line": framed(b"Transfer-Encoding:", b" chunked", b"Content-Length: 5"),
    "a coding behind a bare line feed": framed(b"X: y\nTransfer-Encoding: chunked", b"Content-Length: 5"),
    "a coding behind a bare return": framed(b"X: y\rTransfer-Encoding: chunked", b"Content-Length: 5"),
    "a coding behind a NUL": framed(b"X: y\0", b"Transfer-Encoding: chunked", b"Content-Length: 5"),
    "bare line feeds alone": framed(b"Content-Length: 0", body=HIDDEN).replace(b"\r\n", b"\n"),
    "a chunk with a bad size": framed(b"Transfer-Encoding: chunked", body=b"0x0\r\n\r\n" + HIDDEN),
    "a chunk with a sign": framed(b"Transfer-Encoding: chunked", body=b"-1\r\n\r\n" + HIDDEN),
    "a chunk of more than can be": framed(b"Transfer-Encoding: chunked", body=b"f" * 20 + b"\r\n" + HIDDEN),
    "a chunk with a bare line feed": framed(b"Transfer-Encoding: chunked", body=b"0\n\n" + HIDDEN),
    "a chunk that is longer than it says": framed(b"Transfer-Encoding: chunked", body=b"1\r\nxx0\r\n\r\n" + HIDDEN),
    "a chunk's extension with a line feed": framed(b"Transfer-Encoding: chunked", body=b"0;a\n\n" + HIDDEN),
    "an old version with chunks": framed(b"Transfer-Encoding: chunked").replace(b"HTTP/1.1", b"HTTP/1.0", 1),
    "a version that is none": framed(b"Content-Length: 0", body=HIDDEN).replace(b"HTTP/1.1", b"HTTP/0.9", 1),
    "a version of the future": framed(b"Content-Length: 0", body=HIDDEN).replace(b"HTTP/1.1", b"HTTP/2.0", 1),
    "a target with a line break": HIDDEN.replace(b"hidden", b"x HTTP/1.1\r\nX: y\r\n\r\n" + HIDDEN, 1),
    "a target with a bare return": b"GET /v1/models\rX HTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN,
    "a target with a space": b"GET /v1/a b HTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN,
    "a target with a NUL": b"GET /v1/\0 HTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN,
    "a method with a colon": b"GET: /v1/models HTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN,
    "a header without a name": framed(b": x", b"Content-Length: 0", body=HIDDEN),
    "a header without a colon": framed(b"x", b"Content-Length: 0", body=HIDDEN),
    "a header with a NUL in its name": framed(b"X\0: y", b"Content-Length: 0", body=HIDDEN),
    "a first line that is folded": b"GET /v1/models HTTP/1.1\r\n Host: x\r\n\r\n" + HIDDEN,
    "the start of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + HIDDEN,
    "the start of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + HIDDEN,
    "an upgrade": framed(b"Connection: Upgrade", b"Upgrade: h2c", b"Content-Length: " + SIZE, body=HIDDEN),
    "a tunnel": b"CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN,
    "lines of nothing": b"\r\n" * 50_000,
    "bytes of nothing": b"\0" * 100_000,
}
IN_PLAIN_SIGHT = frozenset(("bare line feeds alone", "a version of the future", "a tunnel"))
LAST = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
WAITS_SECONDS = 0.3


def told(port: int, data: bytes) -> bytes:
    """All that a server says to these bytes until it closes, which a last request in plain sight asks it to.

    One that takes that for a part of a body waits for the rest of it: its silence is an end, too.
    """
    got = b""
    with socket.create_connection(("127.0.0.1", port), CEILING) as connection, contextlib.suppress(OSError):
        connection.sendall(data + LAST)
        connection.settimeout(WAITS_SECONDS)
        while piece := connection.recv(65_536):
            got += piece
    return got


@pytest.fixture(params=[App, ScfWebApp], ids=["httptools", "h11"])
def server(request: pytest.FixtureRequest, serve: Serve) -> Server:
    """One for each of uvicorn's two parsers."""
    return serve(request.param)


@pytest.mark.parametrize("shape", SHAPES)
def test_no_hidden_request_goes_up(shape: str, server: Server, upstream: Upstream) -> None:
    upstream.play(whole(b'{"ok":1}'))
    said = told(server.port, SHAPES[shape])
    after = call(server.port, "GET", "/v1/models", (("Authorization", "Bearer sk-caller"),))
    assert (after.status, after.body) == (200, b'{"ok":1}'), "the server does not live"
    # A lenient parser takes these for two requests, which is what stands there for everybody to see.
    if shape not in IN_PLAIN_SIGHT:
        assert not [one.target for one in upstream.received if "hidden" in one.target], said


def test_requests_in_plain_sight_are_answered_one_by_one(server: Server, upstream: Upstream) -> None:
    upstream.play(whole(b'{"ok":1}'))
    assert told(server.port, HIDDEN + HIDDEN).count(b"HTTP/1.1 200") == 3
    assert [one.target for one in upstream.received] == ["/v1/files/hidden"] * 2


def test_a_body_that_is_framed_twice_is_refused_and_the_connection_closed(serve: Serve, upstream: Upstream) -> None:
    upstream.play(whole(b'{"ok":1}'))
    said = told(serve(ScfWebApp).port, SHAPES["both framings, chunks first"])
    assert said.startswith(b"HTTP/1.1 400") and b'"code": "bad_framing"' in said
    assert said.count(b"HTTP/1.1") == 1 and upstream.received == []


@pytest.mark.parametrize(
    "target",
    [
        "http://evil.example/v1/models",
        "//evil.example/v1/models",
        "/http://evil.example/v1/models",
        "/v1/models@evil.example",
    ],
)
@pytest.mark.parametrize("field", ["Host", "X-Forwarded-Host", "X-Original-URL", "Forwarded", "X-Forwarded-Server"])
def test_no_caller_chooses_the_host(target: str, field: str, server: Server, upstream: Upstream) -> None:
    upstream.play(whole(b'{"ok":1}', 307, ("Location", "http://evil.example/")))
    call(server.port, "GET", target, (("Authorization", "Bearer sk-caller"), (field, "evil.example")))
    for one in upstream.received:
        assert one.header("host") == f"127.0.0.1:{upstream.port}" and one.target.startswith("/v1/models")
        assert not [value for name, value in one.headers if "evil" in value]
    assert len(upstream.received) <= 1


@pytest.mark.parametrize(
    "fields",
    [[b"X-%d: y" % number for number in range(20_000)], [b"X: " + b"y" * 1_000_000], [b"Cookie: " + b"a=b;" * 100_000]],
    ids=["20,000 headers", "a header of a megabyte", "a cookie of 400 KB"],
)
def test_headers_without_measure_stay_here(fields: list[bytes], server: Server, upstream: Upstream) -> None:
    upstream.play(whole(b'{"ok":1}'))
    told(server.port, framed(*fields, b"Content-Length: 2", body=b"{}"))
    after = call(server.port, "GET", "/v1/models", (("Authorization", "Bearer sk-caller"),))
    assert after.status == 200
    assert max(len(one.headers) for one in upstream.received) < 12
