"""The ASGI app behind a server that is not ours: uvicorn as it comes, over real sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from proxy.adapters.asgi_http import check_head
from proxy.adapters.http_rules import MAX_HEAD_BYTES
from proxy.errors import HeadersTooLarge
from proxy.messages import Headers
from tests.support.client import Connection, call
from tests.support.raw import KEY, Raw, error_of
from tests.support.server import Server
from tests.support.talk import CHAT, event, wait_for
from tests.support.talk import KEY as FIELDS
from tests.support.upstream import CEILING, SSE_HEAD, Cut, Upstream, Wait, chunk, head, stream, whole


@pytest.fixture(scope="module")
def _plain(_upstream: Upstream) -> Iterator[Server]:
    server = Server({"OPENAI_BASE_URL": _upstream.url}, "plain")
    yield server
    server.close()


@pytest.fixture
def plain(_plain: Server, upstream: Upstream) -> Server:
    return _plain


def test_calls_are_relayed(plain: Server, upstream: Upstream) -> None:
    upstream.play(whole(b'{"ok":1}'))
    assert call(plain.port, "GET", "/v1/models/a%2Fb?x=%20", FIELDS).body == b'{"ok":1}'
    assert upstream.received[0].target == "/v1/models/a%2Fb?x=%20"
    upstream.play(stream(event("one"), b"data: [DONE]\n\n"))
    assert call(plain.port, "POST", "/v1/chat/completions", FIELDS, CHAT).body == event("one") + b"data: [DONE]\n\n"


def test_a_stream_s_head_is_there_before_its_first_event(plain: Server, upstream: Upstream) -> None:
    upstream.play((*stream(end=())[:1], Wait(), *stream(b"data: x\n\n")[1:]))
    connection = Connection(plain.port)
    connection.send("POST", "/v1/chat/completions", FIELDS, CHAT)
    result = connection.head()
    assert result.status == 200
    upstream.proceed()
    assert b"".join(connection.writes(result)) == b"data: x\n\n"
    connection.close()


@pytest.mark.parametrize("begun", [False, True])
def test_leaving_cancels_the_upstream_call(begun: bool, plain: Server, upstream: Upstream) -> None:
    upstream.play((SSE_HEAD, chunk(event("one")), Wait()) if begun else (Wait(),))
    connection = Connection(plain.port)
    connection.send("POST", "/v1/chat/completions", FIELDS, CHAT)
    wait_for(lambda: bool(upstream.received))
    if begun:
        assert connection.head().status == 200
    connection.close()
    assert upstream.gone.wait(CEILING)


def test_a_file_that_is_cut_stays_incomplete(plain: Server, upstream: Upstream) -> None:
    upstream.play((head(200, ("Transfer-Encoding", "chunked")) + chunk(b"ID3"), Wait(), Cut()))
    connection = Connection(plain.port)
    connection.send("GET", "/v1/files/f/content", FIELDS)
    result = connection.head()
    upstream.proceed()
    assert list(connection.writes(result)) and result.broken
    connection.close()


def test_a_body_that_is_cut_goes_nowhere(plain: Server, upstream: Upstream) -> None:
    connection = Raw(plain.port)
    connection.send(b"POST /v1/files HTTP/1.1\r\n" + KEY + b"Content-Length: 9\r\n\r\nabc")
    connection.socket.shutdown(socket.SHUT_WR)
    assert connection.rest() == b""
    assert upstream.received == []
    connection.close()


def test_a_head_that_breaks_a_rule_is_refused(plain: Server) -> None:
    connection = Raw(plain.port)
    lines = b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"
    connection.send(b"GET /healthz HTTP/1.1\r\n" + KEY + lines + b"\r\n")
    raw = connection.rest()
    assert raw.startswith(b"HTTP/1.1 400 ") and error_of(raw)["code"] == "bad_framing"
    connection.close()


def test_a_server_may_let_pass_too_large_a_head() -> None:
    with pytest.raises(HeadersTooLarge):
        check_head({"headers": [(b"x", b"y" * MAX_HEAD_BYTES)]}, Headers())
