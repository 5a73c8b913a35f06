"""httpx to the upstream: outbound proxies, and what is set inside it."""

from __future__ import annotations

import asyncio
import ssl

import httpcore
import httpx
import pytest

from proxy.errors import ConfigError
from proxy.upstreams import httpx as through_httpx
from proxy.upstreams.httpx import HttpxUpstream
from tests.support.upstream import Upstream, whole
from tests.test_upstreams import read, run

CONTEXT = ssl.create_default_context()


@pytest.mark.parametrize(
    ("name", "value"),
    [("ALL_PROXY", "socks5://127.0.0.1:1"), ("HTTPS_PROXY", "proxy:3128")],
)
def test_what_the_environment_names_and_cannot_be_used_is_told_at_start_up(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=name):
        HttpxUpstream()


def test_tls_streams_are_listened_to_as_well() -> None:
    class Stream(httpcore.AsyncMockStream):
        async def start_tls(self, *args: object, **kwargs: object) -> httpcore.AsyncNetworkStream:
            return Stream([b"x"])

    async def go() -> bool:
        reused = through_httpx._Reused()
        through_httpx._attempt.set(reused)
        secured = await through_httpx._Heard(Stream([])).start_tls(CONTEXT)
        assert await secured.read(10) == b"x"
        return reused.received

    assert asyncio.run(go())


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
    assert through_httpx._proxy(httpx.URL("https://api.example.com/v1")) == found


def test_calls_go_through_the_outbound_proxy(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream.play(whole(b"1"))
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{upstream.port}")
    monkeypatch.setenv("NO_PROXY", "")
    assert run(HttpxUpstream, lambda one: read(one, "http://api.example.com/v1")) == b"1"
    assert upstream.received[0].target == "http://api.example.com/v1/models/a%2Fb?x=%7E"
