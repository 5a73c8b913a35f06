"""Requests that are too long, cut short or no HTTP: each is refused in JSON, and none goes up."""

from __future__ import annotations

import socket

import pytest

from proxy.adapters.http_rules import MAX_HEAD_BYTES
from tests.support.raw import KEY, Raw, error_of
from tests.support.server import Running
from tests.support.talk import wait_for
from tests.support.upstream import Upstream, Wait, stream

LONG = {
    "one field": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"y" * MAX_HEAD_BYTES + b"\r\n\r\n",
    "one field without an end": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 5_000_000,
    "a name without an end": b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"y" * 5_000_000,
    "many fields": b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
    "many fields without an end": b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 800_000,
    "a target": b"GET /" + b"y" * 5_000_000,
}


@pytest.mark.parametrize("shape", LONG)
def test_headers_above_64_kb_are_refused_before_the_log_in(shape: str, relay: Running) -> None:
    connection = Raw(relay.port)
    connection.send(LONG[shape])
    raw = connection.rest()
    assert raw.startswith(b"HTTP/1.1 431 ") and b"\r\nconnection: close\r\n" in raw
    assert error_of(raw)["code"] == "headers_too_large"
    connection.close()


def test_headers_just_below_64_kb_pass(relay: Running) -> None:
    connection = Raw(relay.port)
    connection.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"y" * (MAX_HEAD_BYTES - 100) + b"\r\n\r\n")
    assert connection.answer()[0] == 200
    connection.close()


@pytest.mark.parametrize(
    "data",
    [
        b"GET /healthz HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.0\r\nHost: x\r\nhost: y\r\n\r\n",
    ],
)
def test_one_host(data: bytes, relay: Running) -> None:
    connection = Raw(relay.port)
    connection.send(data)
    raw = connection.rest()
    assert raw.startswith(b"HTTP/1.1 400 ") and "Host" in error_of(raw)["message"]
    connection.close()


def test_an_old_client_needs_no_host(relay: Running) -> None:
    connection = Raw(relay.port)
    connection.send(b"GET /healthz HTTP/1.0\r\n\r\n")
    assert connection.answer()[0] == 200
    connection.close()


@pytest.mark.parametrize(
    "body",
    [b"Content-Length: 9\r\n\r\n{}", b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", b"Content-Length: 9\r\n\r\n"],
)
def test_a_body_shorter_than_announced_is_a_400(body: bytes, relay: Running, upstream: Upstream) -> None:
    connection = Raw(relay.port)
    connection.send(b"POST /v1/chat/completions HTTP/1.1\r\n" + KEY + body)
    connection.socket.shutdown(socket.SHUT_WR)
    raw = connection.rest()
    assert raw.startswith(b"HTTP/1.1 400 ") and error_of(raw)["code"] == "incomplete_body"
    assert upstream.received == []
    connection.close()


@pytest.mark.parametrize("rest", [b"", b"xyz\r\n"])
def test_a_request_gets_one_answer(rest: bytes, relay: Running) -> None:
    """It was refused before its body had come, and the body is then cut or broken."""
    connection = Raw(relay.port)
    connection.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n")
    assert connection.answer()[0] == 401
    connection.send(rest)
    connection.socket.shutdown(socket.SHUT_WR)
    assert connection.rest() == b""
    connection.close()


BROKEN = {
    "no HTTP": (b"\x16\x03\x01 hello\r\n\r\n", 400),
    "a chunk's size": (
        b"POST /v1/files HTTP/1.1\r\n" + KEY + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
        400,
    ),
    "a chunk's extension without an end": (
        b"POST /v1/files HTTP/1.1\r\n" + KEY + b"Transfer-Encoding: chunked\r\n\r\n2;" + b"x" * 1_000_000,
        431,
    ),
    "a trailer without an end": (
        b"POST /v1/files HTTP/1.1\r\n" + KEY + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"x" * 1_000_000,
        431,
    ),
}


@pytest.mark.parametrize("shape", BROKEN)
def test_what_cannot_be_read_is_refused_in_json(shape: str, relay: Running, upstream: Upstream) -> None:
    data, status = BROKEN[shape]
    connection = Raw(relay.port)
    connection.send(data)
    raw = connection.rest()
    assert raw.startswith(b"HTTP/1.1 %d " % status) and error_of(raw)["type"] == "invalid_request_error"
    assert upstream.received == []
    connection.close()


def test_an_answer_under_way_is_finished_before_broken_bytes_end_the_connection(
    relay: Running, upstream: Upstream
) -> None:
    """An error within another answer's body would be taken for a part of it."""
    upstream.play((*stream(end=())[:1], Wait(), *stream(b"data: x\n\n")[1:]))
    connection = Raw(relay.port)
    body = b'{"model":"m","stream":true}'
    connection.send(b"POST /v1/chat/completions HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n%b" % (KEY, len(body), body))
    wait_for(lambda: bool(upstream.received))
    connection.send(b"\x00\x01 no HTTP\r\n\r\n")
    upstream.proceed()
    assert connection.answer()[::2] == (200, b"data: x\n\n")
    assert connection.rest()[:13] in (b"", b"HTTP/1.1 400 ")  # h11 reads it afterwards
    connection.close()


def test_connect_is_refused(relay: Running, upstream: Upstream) -> None:
    """What follows it would be for another host; h11 answers it with a 404 and reads on."""
    connection = Raw(relay.port)
    connection.send(
        b"CONNECT x.example:443 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nGET /v1/hidden HTTP/1.1\r\n\r\n"
    )
    raw = connection.rest()
    assert raw[:13] in (b"HTTP/1.1 400 ", b"HTTP/1.1 404 ") and raw.count(b"HTTP/1.1 ") == 1
    assert upstream.received == []
    connection.close()
