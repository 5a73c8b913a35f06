"""`GET /metrics` over real servers: who gets it, and what everybody else is told."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import pytest

from proxy.adapters import asgi
from proxy.adapters.scf_web import ScfWebApp
from proxy.messages import Headers, Request
from tests.conftest import Serve
from tests.support.client import Result, call
from tests.support.core import Listed, error_of, request, run
from tests.support.metrics import USAGE, parsed, value
from tests.support.server import Running, Server, serving
from tests.support.upstream import Upstream, whole

KEY = (("Authorization", "Bearer sk-caller"), ("Content-Type", "application/json"))
ADMIN = "an-admin-key-of-the-owner"
PROXIED = (("X-Forwarded-For", "127.0.0.1"),)


def get(port: int, *headers: tuple[str, str], method: str = "GET") -> Result:
    return call(port, method, "/metrics", headers)


def code(result: Result) -> tuple[int, str]:
    return result.status, str(result.json()["error"]["code"])


@pytest.mark.parametrize("http", ["httptools", "h11"])
def test_a_server_shows_its_own_calls_to_its_machine(http: str, upstream: Upstream) -> None:
    upstream.play(whole(USAGE))
    with serving(http, OPENAI_BASE_URL=upstream.url) as server:
        answer = call(server.port, "POST", "/v1/chat/completions", KEY, b'{"model":"gpt-x"}')
        server.line(answer.header("x-sluice-request-id"))  # when it is written, the call is counted
        call(server.port, "GET", "/healthz")
        page = get(server.port)
        assert page.status == 200
        assert page.header("content-type") == "text/plain; version=0.0.4; charset=utf-8"
        assert page.header("cache-control") == "no-store"
        found = parsed(page.body.decode())
        assert value(found, "sluice_calls_total", path="chat/completions", status="200") == 1
        assert value(found, "sluice_calls_total") == 1
        assert value(found, "sluice_tokens_total", kind="output", model="gpt-x") == 12
        assert value(found, "sluice_calls_running") == 0
        assert "sk-caller" not in page.body.decode()
        assert get(server.port, method="HEAD").status == 200
        assert code(get(server.port, method="POST")) == (405, "method_not_allowed")


def test_what_a_proxy_passes_on_needs_the_key(serve: Serve, upstream: Upstream) -> None:
    server = serve(ADMIN_KEY=ADMIN)
    assert code(get(server.port, *PROXIED)) == (401, "missing_api_key")
    assert code(get(server.port, *PROXIED, ("Authorization", "Bearer guessed"))) == (401, "invalid_api_key")
    assert get(server.port, *PROXIED, ("Authorization", f"Bearer {ADMIN}")).status == 200
    assert ADMIN not in "".join(server.raw_lines)


def test_without_a_key_nobody_else_gets_it(serve: Serve, upstream: Upstream) -> None:
    server = serve()
    for headers in (PROXIED, (("Host", "evil.example"),), (("Origin", "https://evil.example"),)):
        assert code(get(server.port, *headers)) == (403, "path_not_allowed")


def test_as_any_asgi_app(upstream: Upstream) -> None:
    """uvicorn as it comes puts the address in X-Forwarded-For in the place of the peer's."""
    app = asgi.App({"OPENAI_BASE_URL": upstream.url}, write=lambda _: None)
    running = Running(app, "plain")
    try:
        assert get(running.port).status == 200
        assert code(get(running.port, *PROXIED)) == (403, "path_not_allowed")
    finally:
        running.close()


@pytest.mark.parametrize("path", ["/v1/metrics", "/metrics/", "//metrics", "/release/metrics", "/v1/v1/metrics"])
def test_no_other_spelling_leads_there_past_a_proxy_s_rule(path: str, serve: Serve, upstream: Upstream) -> None:
    assert code(call(serve().port, "GET", path)) == (404, "unknown_path")
    assert call(serve().port, "GET", "/metrics").status == 200


@pytest.mark.parametrize("client", [None, ("10.0.0.1", 1), ("", 0)])
def test_an_asgi_server_that_names_no_local_peer_needs_the_key(client: Any) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/metrics", "query_string": b"", "client": client}
    app = asgi.App({"DEMO": "1"}, write=lambda _: None)
    asyncio.run(app({**scope, "headers": [(b"host", b"localhost")]}, receive, send))
    assert sent[0]["status"] == 403


def test_a_function_says_why_it_has_none() -> None:
    reply, _ = run(Listed(b""), request("/metrics", b"", method="GET"))
    error = error_of(reply)
    assert (reply.status, error["code"]) == (404, "unknown_path") and "each instance" in error["message"]


def test_tencent_s_web_function_is_one_of_many_instances() -> None:
    lines: list[str] = []
    app = ScfWebApp({"DEMO": "1"}, write=lines.append)
    asked = Request("GET", "/metrics", "", Headers([("host", "localhost")]), peer="127.0.0.1")
    reply = asyncio.run(app.respond(asked))
    assert reply.status == 404 and app.host.observer is None


def test_without_the_package_a_server_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, upstream: Upstream) -> None:
    for name in [name for name in sys.modules if name.startswith("proxy.metrics.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    server = Server({"OPENAI_BASE_URL": upstream.url, "ADMIN_KEY": ADMIN})
    try:
        result = get(server.port)
        assert code(result) == (501, "metrics_not_installed")
        assert "pip install prometheus_client" in result.json()["error"]["message"]
        assert code(get(server.port, *PROXIED)) == (401, "missing_api_key")  # it tells nobody else
        assert server.app.host.observer is None
    finally:
        server.close()
    assert json.loads(server.raw_lines[-1])["path"] == "/metrics"
