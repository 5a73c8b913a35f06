"""Tencent's web function: what the platform adds to requests and takes in replies."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from proxy.adapters import scf_web
from proxy.adapters.scf_web import ScfWebApp
from proxy.messages import Headers, Request
from tests.conftest import Serve
from tests.support.client import call
from tests.support.server import config_of
from tests.support.talk import KEY
from tests.support.upstream import SSE_HEAD, Upstream, Wait, chunk, stream, whole

TEXT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
SCF = (
    ("X-Scf-Timeout", "300000"),
    ("X-Scf-Region", "ap-singapore"),
    ("X-Scf-Secret-Id", "canary-id"),
    ("X-Scf-Secret-Key", "canary-key"),
    ("X-Scf-Session-Token", "canary-token"),
    ("X-Scf-Remote-Addr", "[2001:db8::1]:443"),
)


def test_what_the_platform_adds_goes_neither_up_nor_into_the_log(upstream: Upstream, serve: Serve) -> None:
    upstream.play(whole(b"{}"))
    server = serve(ScfWebApp)
    result = call(server.port, "POST", "/v1/chat/completions", (*KEY, *SCF), b"{}")
    assert result.status == 200 and server.line(result.header("x-sluice-request-id"))
    sent = upstream.received[0].headers
    assert not [name for name, _ in sent if name.lower().startswith("x-scf")]
    assert not [line for line in server.raw_lines if "canary" in line or "2001:db8" in line]


def test_the_platform_s_time_out_is_the_deadline(upstream: Upstream, serve: Serve) -> None:
    upstream.play((SSE_HEAD, chunk(TEXT), Wait()))
    asked = (*KEY, ("X-Scf-Timeout", "1000"))
    result = call(serve(ScfWebApp).port, "POST", "/v1/chat/completions", asked, b'{"stream":true}')
    assert result.body.endswith(b"data: [DONE]\n\n") and b'"finish_reason":"length"' in result.body


@pytest.mark.parametrize(
    ("value", "seconds"), [("300000", 300.0), ("3000", 3.0), ("", None), ("x", None), ("9" * 20, None), (None, None)]
)
def test_the_time_out_counts_milliseconds(value: str | None, seconds: float | None) -> None:
    headers = Headers([("x-scf-timeout", value)] if value is not None else [])
    request = Request("GET", "/", "", headers)
    ScfWebApp({}).adapt_request(request)
    assert request.deadline == seconds


def test_a_three_second_time_out_is_said_in_readyz(serve: Serve) -> None:
    result = call(serve(ScfWebApp).port, "GET", "/readyz", (("X-Scf-Timeout", "3000"),))
    assert result.json()["warnings"] == ["This function's time-out is 3 s; set it to 300."]
    assert result.json()["platform"] == "tencent-scf-web"


def test_headers_above_the_ceiling_are_dropped_in_order(upstream: Upstream, serve: Serve) -> None:
    many = [(f"x-ratelimit-{i}", "v" * 60) for i in range(30)]
    some = [(f"openai-{i}", "v" * 60) for i in range(30)]
    upstream.play(whole(b"{}", 200, *many, *some, ("x-request-id", "req_1"), ("retry-after", "2")))
    result = call(serve(ScfWebApp).port, "GET", "/v1/models", KEY)
    names = {name for name, _ in result.headers}
    assert sum(len(name) + len(value) for name, value in result.headers) <= 4096
    assert not [name for name in names if name.startswith("openai-")]
    assert {"x-request-id", "retry-after", "x-sluice-request-id", "access-control-allow-origin"} <= names


def test_few_headers_are_left_alone() -> None:
    headers = Headers([("openai-version", "1")])
    ScfWebApp({}).fit_headers(headers)
    assert "openai-version" in headers


def test_a_request_above_the_platform_s_limit_is_refused(upstream: Upstream, serve: Serve) -> None:
    result = call(serve(ScfWebApp, MAX_BODY_MB="50").port, "POST", "/v1/files", KEY, b"x" * 6_000_001)
    assert result.status == 413 and "6 MB" in result.json()["error"]["message"]


def start(app: ScfWebApp) -> list[Any]:
    """What the app sends when its server starts it up and shuts it down."""
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app({"type": "lifespan"}, receive, send))
    return sent


def test_an_answer_in_one_piece_has_a_limit_and_a_stream_has_none(upstream: Upstream, serve: Serve) -> None:
    """The platform would answer 407 for itself, which no client understands."""
    port = serve(ScfWebApp).port
    for size, status in ((6_000_000, 200), (6_000_001, 502)):
        upstream.play(whole(b"x" * size, kind="image/png"))
        result = call(port, "GET", "/v1/files/f/content", KEY)
        assert result.status == status
    assert result.json()["error"]["code"] == "response_too_large" and result.header("x-should-retry") == "false"
    upstream.play(stream(*([TEXT * 1000] * 100)))
    result = call(port, "POST", "/v1/chat/completions", KEY, b'{"stream":true}')
    assert result.body == TEXT * 100_000


def test_a_wrong_setting_does_not_end_the_process_but_is_logged() -> None:
    lines: list[str] = []
    sent = start(ScfWebApp({"TIMEOUT_SECONDS": "x"}, write=lines.append))
    assert sent[0] == {"type": "lifespan.startup.complete"}
    assert "TIMEOUT_SECONDS must be" in json.loads(lines[0])["message"]


def test_a_region_that_openai_does_not_serve_is_warned_of_at_start_up() -> None:
    lines: list[str] = []
    start(ScfWebApp({"TENCENTCLOUD_REGION": "ap-guangzhou", "LOG_LEVEL": "warning"}, write=lines.append))
    assert len(lines) == 1
    assert "ap-guangzhou" in json.loads(lines[0])["message"]


def test_a_region_that_only_the_first_request_tells_is_warned_of_once(upstream: Upstream, serve: Serve) -> None:
    server = serve(ScfWebApp, OPENAI_BASE_URL="https://api.openai.com/v1")
    for _ in range(2):
        told = call(server.port, "GET", "/readyz", (("X-Scf-Region", "ap-hongkong"),)).json()["warnings"]
        assert "ap-hongkong" in told[0]
    assert len([line for line in server.lines if line.get("event") == "region"]) == 1
    unstarted = ScfWebApp({})
    unstarted.adapt_request(Request("GET", "/", "", Headers([("x-scf-region", "ap-hongkong")])))
    assert unstarted.host.region == "ap-hongkong"


@pytest.mark.parametrize(
    "claimed",
    [
        "ap-hongkong\u00fc",
        "AP-HONGKONG",
        "ap-hongkong; buy at evil.example",
        "x" * 60_000,
        "ap-" + "x" * 21,
        "ap-x",
        "",
    ],
)
def test_a_region_is_believed_only_where_it_can_be_one(claimed: str) -> None:
    app = ScfWebApp({}, write=lambda _: None)
    app.adapt_request(Request("GET", "/", "", Headers([("x-scf-region", claimed)])))
    assert app.host.region is None


def test_a_caller_cannot_change_the_region_that_is_known() -> None:
    told = ScfWebApp({"TENCENTCLOUD_REGION": "ap-singapore"}, write=lambda _: None)
    told.start()
    learnt = ScfWebApp({}, write=lambda _: None)
    for app, known in ((told, "ap-singapore"), (learnt, "ap-tokyo")):
        for claimed in ("ap-tokyo", "ap-hongkong"):
            app.adapt_request(Request("GET", "/", "", Headers([("x-scf-region", claimed)])))
        assert app.host.region == known


def test_the_server_is_started_as_the_platform_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of(scf_web.main, {}, monkeypatch)
    assert (config.host, config.port, config.loop, config.access_log) == ("0.0.0.0", 9000, "asyncio", False)


def test_what_cannot_be_dropped_stays() -> None:
    headers = Headers([("location", "v" * 5000), ("etag", "1")])
    ScfWebApp({}).fit_headers(headers)
    assert [name for name, _ in headers] == ["location"]
