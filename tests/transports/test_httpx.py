"""httpx to the upstream: outbound proxies, and what is set inside it."""

from __future__ import annotations

import asyncio
import socket
import ssl

import httpcore
import pytest

from proxy import startup, transports
from proxy.errors import ConfigError, UpstreamUnreachable
from proxy.transports.httpcore_attempt import Attempt, ObservedStream
from proxy.transports.httpx import HttpxUpstream
from proxy.transports.outbound import proxy_for
from tests.support.core import host
from tests.support.engines import read, run
from tests.support.proxies import SOCKS, only_proxies
from tests.support.upstream import Upstream, whole

CONTEXT = ssl.create_default_context()


def test_a_proxy_that_cannot_be_used_is_told_at_start_up_with_the_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (SOCKS, "socks5h://user:secret@127.0.0.1:1", "ftp://host", "http://", "http://host:99999"):
        only_proxies(monkeypatch, {"all_proxy": value})
        with pytest.raises(
            ConfigError, match=r"^all_proxy names .*unset all_proxy, or set UPSTREAM_ENGINE=direct"
        ) as error:
            transports.make(startup.load({}), host())
        assert "secret" not in error.value.message


def test_tls_streams_are_observed_as_well() -> None:
    class Stream(httpcore.AsyncMockStream):
        async def start_tls(self, *args: object, **kwargs: object) -> httpcore.AsyncNetworkStream:
            return Stream([b"x"])

    async def go() -> bool:
        attempt = Attempt()
        attempt.observe()
        secured = await ObservedStream(Stream([])).start_tls(CONTEXT)
        assert await secured.read(10) == b"x"
        return attempt.has_received

    assert asyncio.run(go())


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "http://proxy:3128"),
        ({"https_proxy": "http://proxy:3128"}, "http://proxy:3128"),
        ({"ALL_PROXY": "http://proxy:1"}, "http://proxy:1"),
        ({"https_proxy": "proxy:3128"}, "http://proxy:3128"),
        ({"https_proxy": "http://proxy:3128", "all_proxy": SOCKS}, "http://proxy:3128"),
        ({"HTTP_PROXY": "http://proxy:3128"}, None),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "api.example.com"}, None),
    ],
)
def test_an_outbound_proxy_is_taken_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], expected: str | None
) -> None:
    only_proxies(monkeypatch, environ)
    proxy = proxy_for("https://api.example.com/v1")
    assert (proxy and proxy.url) == expected
    assert proxy is None or proxy.variable == next(iter(environ))


def test_calls_go_through_the_outbound_proxy(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream.play(whole(b"1"))
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{upstream.port}")
    monkeypatch.setenv("NO_PROXY", "")
    assert run(HttpxUpstream, lambda client: read(client, "http://api.example.com/v1")) == b"1"
    assert upstream.received[0].target == "http://api.example.com/v1/models/a%2Fb?x=%7E"


@pytest.mark.parametrize("url", ["http://api.example.com/v1", "https://api.example.com/v1"])
def test_a_proxy_that_is_dead_is_blamed_itself(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # bound, and nobody listens
        port = reserved.getsockname()[1]
        only_proxies(monkeypatch, {"all_proxy": f"http://user:secret@127.0.0.1:{port}"})
        with pytest.raises(UpstreamUnreachable, match=r"proxy that all_proxy names .*cannot be reached") as error:
            run(HttpxUpstream, lambda client: read(client, url))
    assert "secret" not in error.value.message and "127.0.0.1" not in error.value.message


def test_a_proxy_that_refuses_the_way_is_blamed_itself(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream.play(whole(b"", 407))
    only_proxies(monkeypatch, {"HTTPS_PROXY": f"http://127.0.0.1:{upstream.port}"})
    with pytest.raises(UpstreamUnreachable, match=r"proxy that HTTPS_PROXY names .*refuses the connection: 407"):
        run(HttpxUpstream, lambda client: read(client, "https://api.example.com/v1"))
