"""The network upstream by itself: what it keeps, what it drops, whom it trusts."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import certifi
import httpcore
import httpx
import pytest

from proxy.errors import ConfigError, UpstreamDisconnected, UpstreamUnreachable
from proxy.upstream import Outgoing, Patience, Target
from proxy.upstreams import httpx as direct
from proxy.upstreams.httpx import HttpxUpstream, tls_context
from tests.support.upstream import Cut, Sleep, Upstream, head, whole

T = TypeVar("T")
CONTEXT = ssl.create_default_context()


class Wall:
    """A wall clock that the test turns."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds


def outgoing(base_url: str, method: str = "GET", body: bytes = b"") -> Outgoing:
    target = Target("default", base_url, "sk-x")
    return Outgoing(target, method, "models/a%2Fb", "x=%7E", [("accept", "*/*")], body, Patience(2, 2, 2))


def run(go: Callable[[HttpxUpstream], Awaitable[T]], wall: Wall | None = None) -> T:
    async def inner() -> T:
        upstream = HttpxUpstream(wall or Wall(), CONTEXT)
        await upstream.warm()
        try:
            return await go(upstream)
        finally:
            await upstream.aclose()

    return asyncio.run(inner())


async def read(upstream: HttpxUpstream, base_url: str) -> bytes:
    answer = await upstream.send(outgoing(base_url))
    try:
        return b"".join([piece async for piece in answer.body])
    finally:
        await answer.body.aclose()
        await answer.body.aclose()


def test_the_target_stands_on_the_wire_as_it_was_given(upstream: Upstream) -> None:
    upstream.play(whole(b"1"))
    assert run(lambda one: read(one, upstream.url)) == b"1"
    assert upstream.received[0].target == "/v1/models/a%2Fb?x=%7E"
    assert upstream.received[0].header("content-length") is None
    assert upstream.received[0].header("host") == f"127.0.0.1:{upstream.port}"


@pytest.mark.parametrize(("idle", "connections"), [(29.0, 1), (31.0, 2)])
def test_connections_that_have_been_idle_by_the_wall_clock_are_dropped(
    upstream: Upstream, idle: float, connections: int
) -> None:
    """A function that was frozen for minutes has no other clock that shows it."""
    upstream.play(whole(b"1"))
    wall = Wall()

    async def go(one: HttpxUpstream) -> None:
        wall.seconds += idle
        await read(one, upstream.url)
        wall.seconds += idle
        await read(one, upstream.url)

    before = upstream.connections
    run(go, wall)
    assert upstream.connections - before == connections


def test_an_answer_under_way_survives_the_dropping(upstream: Upstream) -> None:
    upstream.choose = lambda request: (
        (head(200, ("Content-Length", "2")) + b"a", Sleep(0.2), b"b") if len(upstream.received) == 1 else whole(b"2")
    )
    wall = Wall()

    async def go(one: HttpxUpstream) -> bytes:
        answer = await one.send(outgoing(upstream.url))
        wall.seconds += 100
        assert await read(one, upstream.url) == b"2"
        rest = b"".join([piece async for piece in answer.body])
        await answer.body.aclose()
        return rest

    assert run(go, wall) == b"ab"


def test_many_stale_connections_cost_one_new_one(upstream: Upstream) -> None:
    """Ten kept connections that all close on their next request: each call still gets its answer."""
    upstream.choose = lambda request: (
        (Sleep(0.2), *whole(b"1"))
        if len(upstream.received) <= 10
        else (Cut(),)
        if len(upstream.received) == 11
        else whole(b"2")
    )

    async def go(one: HttpxUpstream) -> bytes:
        await asyncio.gather(*(read(one, upstream.url) for _ in range(10)))
        return await read(one, upstream.url)

    assert run(go) == b"2"


def test_a_second_failure_is_told(upstream: Upstream) -> None:
    upstream.play(whole(b"1"), (Cut(),))

    async def go(one: HttpxUpstream) -> None:
        await read(one, upstream.url)
        with pytest.raises(UpstreamDisconnected):
            await read(one, upstream.url)

    run(go)
    assert len(upstream.received) == 3


@pytest.mark.parametrize("how", [Cut(), Cut(reset=True)])
@pytest.mark.parametrize("begun", [b"H", b"HTTP/1.1 200 OK\r\nContent-Ty"])
def test_an_answer_that_has_begun_is_never_asked_for_twice(upstream: Upstream, begun: bytes, how: Cut) -> None:
    upstream.play(whole(b"1"), (begun, Sleep(0.1), how))

    async def go(one: HttpxUpstream) -> None:
        await read(one, upstream.url)
        with pytest.raises(UpstreamDisconnected):
            await read(one, upstream.url)

    run(go)
    assert len(upstream.received) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [("ALL_PROXY", "socks5://127.0.0.1:1"), ("HTTPS_PROXY", "proxy:3128"), ("SSL_CERT_FILE", "/nothing")],
)
def test_what_the_environment_names_and_cannot_be_used_is_told_at_start_up(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=name):
        HttpxUpstream()


def test_a_body_makes_a_length_even_for_delete(upstream: Upstream) -> None:
    upstream.play(whole(b"1"))

    async def go(one: HttpxUpstream) -> None:
        await (await one.send(outgoing(upstream.url, "DELETE", b"{}"))).body.aclose()

    run(go)
    assert upstream.received[0].body == b"{}"


def test_tls_streams_are_listened_to_as_well() -> None:
    class Stream(httpcore.AsyncMockStream):
        async def start_tls(self, *args: object, **kwargs: object) -> httpcore.AsyncNetworkStream:
            return Stream([b"x"])

    async def go() -> bool:
        reused = direct._Reused()
        direct._attempt.set(reused)
        secured = await direct._Heard(Stream([])).start_tls(CONTEXT)
        assert await secured.read(10) == b"x"
        return reused.received

    assert asyncio.run(go())


def test_a_certificate_that_nobody_signed_is_refused() -> None:
    async def go(one: HttpxUpstream) -> None:
        server = await asyncio.start_server(
            lambda reader, writer: writer.close(), "127.0.0.1", 0, ssl=_self_signed(Path(certifi.where()))
        )
        port = server.sockets[0].getsockname()[1]
        try:
            with pytest.raises(UpstreamUnreachable):
                await one.send(outgoing(f"https://127.0.0.1:{port}/v1"))
        finally:
            server.close()

    run(go)


def _self_signed(_: Path) -> ssl.SSLContext:
    """A server side without any certificate at all fails the handshake like one with a wrong one."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "http://proxy:3128"),
        ({"https_proxy": "http://proxy:3128"}, "http://proxy:3128"),
        ({"ALL_PROXY": "http://proxy:1"}, "http://proxy:1"),
        ({"HTTP_PROXY": "http://proxy:3128"}, None),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "api.example.com"}, None),
    ],
)
def test_an_outbound_proxy_is_taken_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], found: str | None
) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert direct._proxy(httpx.URL("https://api.example.com/v1")) == found


def test_calls_go_through_the_outbound_proxy(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream.play(whole(b"1"))
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{upstream.port}")
    monkeypatch.setenv("NO_PROXY", "")
    assert run(lambda one: read(one, "http://api.example.com/v1")) == b"1"
    assert upstream.received[0].target == "http://api.example.com/v1/models/a%2Fb?x=%7E"


def test_other_certificates_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    assert len(tls_context().get_ca_certs()) > 100
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    context = tls_context()
    assert context.get_ca_certs() == [] and context.verify_mode == ssl.CERT_REQUIRED
