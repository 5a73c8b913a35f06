"""What is done to uvicorn: heads that do not wait, upgrades that are ignored, bounded heads, refusals in JSON."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import sys
import types
from collections.abc import Iterator
from typing import Any, cast

import pytest
from uvicorn.importer import import_from_string
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from proxy.adapters import server, server_connection
from proxy.adapters.server_connection import READ_BYTES, Refusing, Transport
from proxy.cli.lambda_simulator import LambdaFront
from proxy.errors import ProxyError
from tests.conftest import Serve
from tests.support.raw import KEY, Raw
from tests.support.server import Running, serving
from tests.support.talk import opened
from tests.support.upstream import Upstream, Wait, stream, whole

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


class Written:
    """A transport that only notes what is done to it."""

    def __init__(self) -> None:
        self.done: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def write_eof(self) -> None:
        self.done.append(b"(end)")

    def close(self) -> None:
        self.done.append(b"(closed)")

    def is_closing(self) -> bool:
        return False


class Reading(Written):
    max_size = 262_144


def through(*steps: list[bytes | str], inner: Written | None = None) -> list[bytes]:
    """What a transport has been told after each step of the loop, in which these things were written."""
    inner = inner or Written()

    async def go() -> None:
        transport = Transport(cast(asyncio.Transport, inner))
        for step in steps:
            for data in step:
                if isinstance(data, bytes):
                    transport.write(data)
                else:
                    getattr(transport, data)()
            await asyncio.sleep(0)
        assert transport.is_closing() is False

    asyncio.run(go())
    return inner.done


@pytest.mark.parametrize(
    ("steps", "sent"),
    [
        ([[HEAD, b"body"]], [HEAD + b"body"]),
        ([[HEAD, b"", b"piece"]], [HEAD, b"piece"]),
        ([[HEAD], [b"piece"]], [HEAD, b"piece"]),
        ([[HEAD]], [HEAD]),
        ([[HEAD, HEAD], []], [HEAD + HEAD]),
        ([[b"HTTP/1.1 100 Continue\r\n\r\n", HEAD, b"x"]], [b"HTTP/1.1 100 Continue\r\n\r\n", HEAD + b"x"]),
        ([[HEAD, b"a", HEAD, b"b"]], [HEAD + b"a", HEAD + b"b"]),
        ([[HEAD, "close", "close"]], [HEAD, b"(closed)", b"(closed)"]),
        ([[HEAD, "write_eof"]], [HEAD, b"(end)"]),
    ],
)
def test_a_head_goes_out_with_what_follows_in_its_step_or_alone(steps: list[list[Any]], sent: list[bytes]) -> None:
    assert through(*steps) == sent


def test_reads_are_made_smaller_where_the_loop_lets_them() -> None:
    inner = Reading()
    through([], inner=inner)
    assert inner.max_size == READ_BYTES


def test_httptools_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert issubclass(server.protocol(), HttpToolsProtocol)
    assert issubclass(import_from_string(server.PROTOCOL), HttpToolsProtocol)
    with pytest.raises(AttributeError):
        server.Nothing  # noqa: B018
    assert issubclass(server.protocol(httptools=False), H11Protocol)
    monkeypatch.setitem(sys.modules, "proxy.adapters.server_httptools", None)
    assert issubclass(server.protocol(), H11Protocol)
    assert server.settings(port=1)["port"] == 1


def test_a_stream_s_head_is_there_before_its_first_event(upstream: Upstream, serve: Serve) -> None:
    """Kept back until there is a body, it would make an app wait for the model's first word."""
    upstream.play((*stream(end=())[:1], Wait(), *stream(b"data: x\n\n")[1:]))
    connection = opened(serve, {})
    result = connection.head()
    assert result.status == 200
    upstream.proceed()
    assert b"".join(connection.writes(result)) == b"data: x\n\n"
    connection.close()


class Fixed:
    """An ASGI app that gives one kind of answer after another: what a transport may meet, whoever the app is."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, list[tuple[bytes, bytes]], list[bytes]]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        status, headers, pieces = self.answers.pop(0)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture(scope="module", params=["httptools", "h11"])
def fixed(request: pytest.FixtureRequest) -> Iterator[tuple[Fixed, Running]]:
    app = Fixed()
    running = Running(app, request.param)
    yield app, running
    running.close()


BODIES: dict[str, tuple[list[tuple[bytes, bytes]], list[bytes]]] = {
    "length 0": ([(b"content-length", b"0")], []),
    "a length": ([(b"content-length", b"4")], [b"abcd"]),
    "a length in pieces": ([(b"content-length", b"4")], [b"ab", b"", b"cd"]),
    "chunks": ([], [b"abcd"]),
    "no chunk": ([], []),
    "an empty piece": ([], [b""]),
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("status", [200, 201, 204, 205, 206, 301, 304, 400, 404, 426, 500])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "DELETE", "PUT"])
def test_every_kind_of_answer_is_there_at_once(
    method: str, status: int, body: str, fixed: tuple[Fixed, Running]
) -> None:
    """And the next one on the same connection, asked for when it has come and asked for together with it."""
    app, running = fixed
    headers, pieces = BODIES[body]
    if status in (204, 304):
        headers, pieces = [], []
    ask = f"{method} / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode()
    last = (200, [(b"content-length", b"4")], [b"last"])
    app.answers = [(status, headers, pieces), last, (status, headers, pieces), last]
    connection = Raw(running.port)
    expected = b"" if method == "HEAD" else b"".join(pieces)
    connection.send(ask)
    assert connection.answer(method)[::2] == (status, expected)
    connection.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert connection.answer()[::2] == (200, b"last")
    connection.send(ask + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert connection.answer(method)[::2] == (status, expected)
    assert connection.answer()[::2] == (200, b"last")
    connection.close()


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/", "/nothing", "/v1/models", "/v1/files/x"])
def test_head_is_answered_at_once(path: str, relay: Any, upstream: Upstream) -> None:
    upstream.play(whole(b""))
    connection = Raw(relay.port)
    for _ in range(2):
        connection.send(b"HEAD %b HTTP/1.1\r\n%b\r\n" % (path.encode(), KEY))
        status, fields, _ = connection.answer("HEAD")
        assert status == (404 if path == "/nothing" else 200)
        assert relay.line(fields[b"x-sluice-request-id"].decode())["bytes_out"] == 0
    connection.close()


@pytest.mark.parametrize("status", [204, 304, 200])
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_an_upstream_s_empty_answer_is_there_at_once(
    method: str, status: int, relay: Running, upstream: Upstream
) -> None:
    upstream.play((f"HTTP/1.1 {status} X\r\n{'Content-Length: 0' if status == 200 else 'X: y'}\r\n\r\n".encode(),))
    connection = Raw(relay.port)
    for _ in range(2):
        connection.send(b"%b /v1/files/x HTTP/1.1\r\n%b\r\n" % (method.encode(), KEY))
        assert connection.answer(method)[::2] == (status, b"")
    connection.close()


def test_the_lambda_simulator_answers_head_at_once(upstream: Upstream) -> None:
    clean = {name: value for name, value in os.environ.items() if name.startswith(("PATH", "COVERAGE", "HOME"))}
    front = Running(LambdaFront({**clean, "LOG_LEVEL": "off", "OPENAI_BASE_URL": upstream.url}))
    try:
        connection = Raw(front.port)
        for method, status in (("HEAD", 200), ("OPTIONS", 204), ("GET", 200), ("HEAD", 200)):
            connection.send(b"%b /healthz HTTP/1.1\r\nHost: x\r\n\r\n" % method.encode())
            assert connection.answer(method)[0] == status
        connection.close()
    finally:
        front.close()


@pytest.mark.parametrize("http", ["httptools", "h11"])
def test_a_request_that_is_left_half_sent_is_refused_after_a_while(
    http: str, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection would be held for good otherwise; one between two calls stays as long as it may."""
    monkeypatch.setattr(server_connection, "INCOMPLETE_SECONDS", 1.0)
    call = b"POST /v1/chat/completions HTTP/1.1\r\n" + KEY + b"Content-Length: 12\r\n\r\n"
    with serving(http, OPENAI_BASE_URL=upstream.url) as running, contextlib.ExitStack() as stack:
        between, *halves = [stack.enter_context(contextlib.closing(Raw(running.port))) for _ in range(5)]
        between.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert between.answer()[0] == 200
        for half, data in zip(halves, (b"", b"GET /he", call, call + b"{"), strict=True):
            half.send(data)
        for half in halves:
            status, _, body = half.answer()
            assert (status, json.loads(body)["error"]["code"]) == (408, "request_timeout")
            assert half.rest() == b""
        between.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert between.answer()[0] == 200
        between.send(b"GET /he")
        assert between.answer()[0] == 408


@dataclasses.dataclass
class Cycle:
    response_complete: bool = False
    more_body: bool = True
    response_started: bool = False


class Lost:
    """Where uvicorn's own class would be."""

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True


class Watched(Refusing, Lost):
    """A connection whose time is told by hand."""

    def __init__(self, cycle: Cycle | None) -> None:
        self.cycle, self.flow, self.timeout_keep_alive_task = cycle, types.SimpleNamespace(read_paused=False), None
        self.transport = cast(asyncio.Transport, Written())
        self.refusals: list[ProxyError] = []
        self._seen: Any = None

    def refuse(self, error: ProxyError) -> None:
        self.refusals.append(error)

    def look(self) -> bool:
        """Whether it is refused after one more span of time."""

        async def go() -> None:
            self._watcher = cast("asyncio.TimerHandle | None", None)
            self.watch(self._seen)
            if self._watcher is not None:
                self._seen = self._watcher._args[0]
                self._watcher.cancel()

        asyncio.run(go())
        return bool(self.refusals)


def test_a_body_may_take_as_long_as_something_of_it_comes() -> None:
    connection = Watched(Cycle())
    for _ in range(9):
        connection._received += 1
        assert not connection.look()
    connection.flow.read_paused = True  # the upstream takes no more for the moment
    assert not connection.look() and not connection.look()
    connection.flow.read_paused = False
    assert not connection.look() and connection.look()


def test_a_head_has_its_time_in_all_and_an_answer_as_much_as_it_needs() -> None:
    answering = Watched(Cycle(more_body=False))
    assert not answering.look() and not answering.look() and not answering.look()
    for cycle in (None, Cycle(response_complete=True, more_body=False)):
        connection = Watched(cycle)
        assert not connection.look()
        connection._received += 1
        assert connection.look()
    kept = Watched(Cycle(response_complete=True, more_body=False))
    kept.timeout_keep_alive_task = object()  # between two calls: uvicorn's own clock runs
    assert not kept.look() and not kept.look()


def test_a_connection_that_closes_is_not_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answer may still be on the way, and nothing may come after it."""
    connection = Watched(None)
    monkeypatch.setattr(connection.transport, "is_closing", lambda: True)
    assert not connection.look() and not connection.look()
    connection.connection_lost(None)
    assert connection.lost
