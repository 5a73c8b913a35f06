"""Our HTTP server over real sockets: which parser it takes, and answers of every kind, each there at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from uvicorn.importer import import_from_string

from proxy.adapters import server
from proxy.adapters.server_h11 import H11Parser
from proxy.adapters.server_httptools import HttptoolsParser
from proxy.cli.lambda_simulator import LambdaFront
from proxy.messages import Headers, Reply, Request
from tests.conftest import Serve
from tests.support.driven import Answers, pieces
from tests.support.raw import KEY, Raw
from tests.support.server import Running
from tests.support.talk import opened
from tests.support.upstream import Upstream, Wait, stream, whole


def test_httptools_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert server.protocol().parser is HttptoolsParser
    assert import_from_string(server.PROTOCOL).parser is HttptoolsParser
    with pytest.raises(AttributeError):
        server.Nothing  # noqa: B018
    assert server.protocol(httptools=False).parser is H11Parser
    monkeypatch.setitem(sys.modules, "proxy.adapters.server_httptools", None)
    assert server.protocol().parser is H11Parser
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


class Fixed(Answers):
    """An app that gives one kind of answer after another: whatever a server may meet."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[Reply] = []

    async def respond(self, request: Request) -> Reply:
        return self.answers.pop(0)


@pytest.fixture(scope="module", params=["httptools", "h11"])
def fixed(request: pytest.FixtureRequest) -> Iterator[tuple[Fixed, Running]]:
    app = Fixed()
    running = Running(app, request.param)
    yield app, running
    running.close()


BODIES: dict[str, tuple[int | None, list[bytes] | bytes]] = {
    "length 0": (0, []),
    "a length": (4, [b"abcd"]),
    "a length in pieces": (4, [b"ab", b"", b"cd"]),
    "chunks": (None, [b"abcd"]),
    "no chunk": (None, []),
    "an empty piece": (None, [b""]),
    "whole": (None, b"abcd"),
    "whole with a length": (4, b"abcd"),
    "whole and empty": (None, b""),
}


def reply(status: int, length: int | None, body: list[bytes] | bytes) -> Reply:
    headers = Headers() if length is None else Headers([("content-length", str(length))])
    return Reply(status, headers, body if isinstance(body, bytes) else pieces(*body))


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("status", [200, 201, 204, 205, 206, 301, 304, 400, 404, 426, 500, 529])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "DELETE", "PUT"])
def test_every_kind_of_answer_is_there_at_once(
    method: str, status: int, body: str, fixed: tuple[Fixed, Running]
) -> None:
    """And the next one on the same connection, asked for when it has come and asked for together with it."""
    app, running = fixed
    length, parts = BODIES[body]
    ask = f"{method} / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode()
    app.answers = []
    for _ in range(2):
        app.answers += [reply(status, length, parts), reply(200, 4, [b"last"])]
    connection = Raw(running.port)
    has_body = method != "HEAD" and status not in (204, 304)
    expected = b"".join([parts] if isinstance(parts, bytes) else parts) if has_body else b""
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


def test_the_lambda_simulator_answers_at_once(upstream: Upstream) -> None:
    clean = {name: value for name, value in os.environ.items() if name.startswith(("PATH", "COVERAGE", "HOME"))}
    front = Running(LambdaFront({**clean, "LOG_LEVEL": "off", "OPENAI_BASE_URL": upstream.url}))
    try:
        connection = Raw(front.port)
        for method, status in (("HEAD", 200), ("OPTIONS", 204), ("GET", 200), ("HEAD", 200)):
            connection.send(b"%b /healthz HTTP/1.1\r\nHost: x\r\n\r\n" % method.encode())
            assert connection.answer(method)[0] == status
        connection.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n")
        assert connection.answer()[0] == 400
        connection.close()
    finally:
        front.close()
