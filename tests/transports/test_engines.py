"""What every engine does: reuse connections, keep the contract of Upstream, and add nothing to a request."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest

from proxy import startup, transports
from proxy.errors import ConfigError, UpstreamDisconnected, UpstreamTimeout
from proxy.transports import ClosableUpstream
from proxy.transports.demo import DemoUpstream
from proxy.transports.direct import DirectUpstream
from proxy.transports.httpx import HttpxUpstream
from proxy.transports.tls import tls_context
from proxy.upstream import Target, Timeouts
from tests.support.core import host
from tests.support.engines import Wall, outgoing, read, run
from tests.support.proxies import SOCKS, only_proxies
from tests.support.talk import until
from tests.support.upstream import Cut, Sleep, Upstream, Wait, head, whole

ENGINES: tuple[Any, ...] = (DirectUpstream, HttpxUpstream)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Any:
    """Each engine in turn."""
    return request.param


def test_an_empty_key_adds_no_credential_to_those_that_the_call_brings(engine: Any, upstream: Upstream) -> None:
    upstream.play(whole(b"1"))

    async def go(client: ClosableUpstream) -> None:
        for headers in ([], [("authorization", "TC3-HMAC-SHA256 x")]):
            call = outgoing(upstream.url, "POST", b"{}")._replace(target=Target("x", upstream.url, ""), headers=headers)
            answer = await client.send(call)
            async for _ in answer.body:
                pass
            await answer.body.aclose()

    run(engine, go)
    assert [call.header("authorization") for call in upstream.received] == [None, "TC3-HMAC-SHA256 x"]


def test_an_empty_path_is_the_base_address_itself(engine: Any, upstream: Upstream) -> None:
    upstream.play(whole(b"1"))
    address = upstream.url.removesuffix("/v1")

    async def go(client: ClosableUpstream) -> None:
        call = outgoing(address, "POST", b"{}")._replace(target=Target("x", address, ""), path="", query="")
        await (await client.send(call)).body.aclose()

    run(engine, go)
    assert upstream.received[0].target == "/"


def test_tls_is_made_ready_where_only_moderation_needs_it() -> None:
    plain = {"OPENAI_BASE_URL": "http://127.0.0.1:1/v1", "UPSTREAM_ENGINE": "direct"}
    keys = {"TMS_SECRET_ID": "a", "TMS_SECRET_KEY": "b", "MODERATION_OPENAI_KEY": "k", "PROXY_KEY": "p"}
    tencent = {**plain, **keys, "MODERATION": "tencent"}
    there = {**plain, **keys, "MODERATION": "openai", "MODERATION_OPENAI_BASE_URL": "https://api.openai.com"}
    for settings, wanted in ((plain, False), (tencent, True), (there, True)):
        transport = transports.make(startup.load(settings), host())
        assert isinstance(transport, DirectUpstream) and (transport._context is not None) == wanted


def test_the_target_stands_on_the_wire_as_it_was_given(engine: Any, upstream: Upstream) -> None:
    upstream.play(whole(b"1"))
    assert run(engine, lambda client: read(client, upstream.url)) == b"1"
    assert upstream.received[0].target == "/v1/models/a%2Fb?x=%7E"
    assert upstream.received[0].header("content-length") is None
    assert upstream.received[0].header("host") == f"127.0.0.1:{upstream.port}"


@pytest.mark.parametrize(("idle", "connections"), [(29.0, 1), (31.0, 2)])
def test_connections_that_have_been_idle_by_the_wall_clock_are_dropped(
    engine: Any, upstream: Upstream, idle: float, connections: int
) -> None:
    """A function that was frozen for minutes has no other clock that shows it."""
    upstream.play(whole(b"1"))
    wall = Wall()

    async def go(client: ClosableUpstream) -> None:
        wall.seconds += idle
        await read(client, upstream.url)
        wall.seconds += idle
        await read(client, upstream.url)

    before = upstream.connections
    run(engine, go, wall)
    assert upstream.connections - before == connections


def test_an_answer_under_way_survives_the_dropping(engine: Any, upstream: Upstream) -> None:
    upstream.choose = lambda request: (
        (head(200, ("Content-Length", "2")) + b"a", Wait(), b"b") if len(upstream.received) == 1 else whole(b"2")
    )
    wall = Wall()

    async def go(client: ClosableUpstream) -> bytes:
        answer = await client.send(outgoing(upstream.url))
        wall.seconds += 100
        assert await read(client, upstream.url) == b"2"
        upstream.proceed()
        rest = b"".join([piece async for piece in answer.body])
        await answer.body.aclose()
        return rest

    assert run(engine, go, wall) == b"ab"


def test_many_stale_connections_cost_one_new_one(engine: Any, upstream: Upstream) -> None:
    """Ten kept connections that all close on their next request: each call still gets its answer."""
    upstream.choose = lambda request: (
        (Wait(), *whole(b"1"))
        if len(upstream.received) <= 10
        else (Cut(),)
        if len(upstream.received) == 11
        else whole(b"2")
    )

    async def go(client: ClosableUpstream) -> bytes:
        calls = [asyncio.ensure_future(read(client, upstream.url)) for _ in range(10)]
        await until(lambda: len(upstream.received) == 10)
        for _ in calls:
            upstream.proceed()
        await asyncio.gather(*calls)
        return await read(client, upstream.url)

    assert run(engine, go) == b"2"


def test_a_second_failure_is_told(engine: Any, upstream: Upstream) -> None:
    upstream.play(whole(b"1"), (Cut(),))

    async def go(client: ClosableUpstream) -> None:
        await read(client, upstream.url)
        with pytest.raises(UpstreamDisconnected):
            await read(client, upstream.url)

    run(engine, go)
    assert len(upstream.received) == 3


@pytest.mark.parametrize("how", [Cut(), Cut(reset=True)])
@pytest.mark.parametrize("begun", [b"H", b"HTTP/1.1 200 OK\r\nContent-Ty"])
def test_an_answer_that_has_begun_is_never_asked_for_twice(
    engine: Any, upstream: Upstream, begun: bytes, how: Cut
) -> None:
    upstream.play(whole(b"1"), (begun, Sleep(0.1), how))

    async def go(client: ClosableUpstream) -> None:
        await read(client, upstream.url)
        with pytest.raises(UpstreamDisconnected):
            await read(client, upstream.url)

    run(engine, go)
    assert len(upstream.received) == 2


def test_a_body_makes_a_length_even_for_delete(engine: Any, upstream: Upstream) -> None:
    upstream.play(whole(b"1"))

    async def go(client: ClosableUpstream) -> None:
        await (await client.send(outgoing(upstream.url, "DELETE", b"{}"))).body.aclose()

    run(engine, go)
    assert upstream.received[0].body == b"{}"


@pytest.mark.parametrize("begun", [False, True])
def test_silence_is_told_with_its_limit(engine: Any, upstream: Upstream, begun: bool) -> None:
    upstream.play((head(200, ("Content-Length", "2")) + b"a", Wait()) if begun else (Wait(),))
    timeouts = Timeouts(2, 0.2, 0.3)

    async def go(client: ClosableUpstream) -> None:
        answer = await client.send(outgoing(upstream.url)._replace(timeouts=timeouts))
        try:
            async for _ in answer.body:
                pass
        finally:
            await answer.body.aclose()

    with pytest.raises(UpstreamTimeout, match=r"0\.3 s" if begun else r"0\.2 s"):
        run(engine, go)


@pytest.mark.parametrize(
    ("environ", "settings", "kind"),
    [
        ({}, {}, DirectUpstream),
        ({}, {"UPSTREAM_ENGINE": "httpx"}, HttpxUpstream),
        ({"HTTPS_PROXY": "http://127.0.0.1:1"}, {}, HttpxUpstream),
        ({"all_proxy": "http://127.0.0.1:1"}, {}, HttpxUpstream),
        ({"all_proxy": SOCKS, "https_proxy": "127.0.0.1:7890"}, {}, HttpxUpstream),
        ({"all_proxy": SOCKS}, {"UPSTREAM_ENGINE": "direct"}, DirectUpstream),
        ({"all_proxy": SOCKS, "no_proxy": "api.openai.com,.api2d.net"}, {}, DirectUpstream),
        ({"http_proxy": SOCKS}, {}, DirectUpstream),
        ({"HTTPS_PROXY": "http://127.0.0.1:1"}, {"UPSTREAM_ENGINE": "direct"}, DirectUpstream),
        ({}, {"DEMO": "1"}, DemoUpstream),
    ],
)
def test_the_settings_and_an_outbound_proxy_choose_the_engine(
    environ: dict[str, str], settings: dict[str, str], kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_proxies(monkeypatch, environ)
    assert type(transports.make(startup.load(settings), host())) is kind


@pytest.mark.parametrize("kind", ENGINES)
def test_certificates_that_cannot_be_read_are_told_at_start_up(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nothing")
    with pytest.raises(ConfigError, match="SSL_CERT_FILE"):
        kind()


def test_other_certificates_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    assert len(tls_context().get_ca_certs()) > 100
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    context = tls_context()
    assert context.get_ca_certs() == [] and context.verify_mode == ssl.CERT_REQUIRED
