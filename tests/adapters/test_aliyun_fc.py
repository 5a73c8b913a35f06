"""Aliyun's web function: what the platform adds to requests and takes in replies."""

from __future__ import annotations

import json

import pytest

from proxy.adapters import aliyun_fc, header_limit
from proxy.adapters.aliyun_fc import FcApp
from proxy.adapters.scf_web import ScfWebApp
from proxy.errors import ConfigError
from proxy.messages import Headers, Request
from tests.conftest import Serve
from tests.support.aliyun import ADDED
from tests.support.client import call
from tests.support.server import config_of
from tests.support.talk import KEY
from tests.support.upstream import SSE_HEAD, Upstream, Wait, chunk, stream, whole

TEXT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'


def test_what_the_platform_adds_goes_neither_up_nor_into_the_log(upstream: Upstream, serve: Serve) -> None:
    upstream.play(whole(b"{}"))
    server = serve(FcApp)
    result = call(server.port, "POST", "/v1/chat/completions", (*KEY, *ADDED), b"{}")
    assert result.status == 200 and server.line(result.header("x-sluice-request-id"))
    sent = upstream.received[0].headers
    assert not [name for name, _ in sent if name.lower().startswith("x-fc")]
    assert not [line for line in server.raw_lines if "canary" in line or "192.0.2.7" in line]


def test_no_setting_lets_the_platform_s_secrets_through() -> None:
    lines: list[str] = []
    app = FcApp({"FORWARD_HEADERS": "x-fc-security-token"}, write=lines.append)
    with pytest.raises(ConfigError, match="FORWARD_HEADERS"):
        app.start()


def test_the_platform_s_time_out_is_the_deadline(upstream: Upstream, serve: Serve) -> None:
    upstream.play((SSE_HEAD, chunk(TEXT), Wait()))
    asked = (*KEY, ("X-Fc-Function-Timeout", "1"))
    result = call(serve(FcApp).port, "POST", "/v1/chat/completions", asked, b'{"stream":true}')
    assert result.body.endswith(b"data: [DONE]\n\n") and b'"finish_reason":"length"' in result.body


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        *(("300", 300.0), ("3", 3.0), ("86400", 86400.0)),
        *((value, None) for value in ("", "0", "x", "-1", "1.5", "9" * 20, "\u0663", None)),
    ],
)
def test_the_time_out_counts_seconds(value: str | None, seconds: float | None) -> None:
    headers = Headers([("x-fc-function-timeout", value)] if value is not None else [])
    request = Request("GET", "/", "", headers)
    FcApp({}).adapt_request(request)
    assert request.deadline == seconds


def test_the_api_s_three_seconds_are_said_in_readyz(serve: Serve) -> None:
    result = call(serve(FcApp).port, "GET", "/readyz", (("X-Fc-Function-Timeout", "3"),))
    assert result.json()["warnings"] == ["This function's time-out is 3 s; set it to 300."]
    assert result.json()["platform"] == "aliyun-fc"


@pytest.mark.parametrize(("region", "warned"), [("cn-hongkong", True), ("cn-hangzhou", True), ("us-west-1", False)])
def test_a_region_that_openai_does_not_serve_is_warned_of(region: str, warned: bool) -> None:
    lines: list[str] = []
    app = FcApp({"FC_REGION": region, "OPENAI_BASE_URL": "https://api.openai.com/v1"}, write=lines.append)
    app.start()
    assert [region in json.loads(line)["message"] for line in lines] == [True] * warned


def test_headers_above_the_ceiling_are_dropped(upstream: Upstream, serve: Serve) -> None:
    many = [(f"x-ratelimit-{i}", "v" * 60) for i in range(60)]
    some = [(f"openai-{i}", "v" * 60) for i in range(60)]
    upstream.play(whole(b"{}", 200, *many, *some, ("x-request-id", "req_1"), ("retry-after", "2")))
    result = call(serve(FcApp).port, "GET", "/v1/models", KEY)
    names = {name for name, _ in result.headers}
    assert 4096 < sum(len(name) + len(value) for name, value in result.headers) <= 8192
    assert not [name for name in names if name.startswith("openai-")]
    assert {"x-request-id", "retry-after", "x-sluice-request-id", "x-ratelimit-1"} <= names


@pytest.mark.parametrize("rounds", range(1, len(header_limit.DROP_ORDER) + 1))
@pytest.mark.parametrize(("app", "limit"), [(FcApp, 8192), (ScfWebApp, 4096)])
def test_no_more_headers_are_dropped_than_must_be(rounds: int, app: type[FcApp | ScfWebApp], limit: int) -> None:
    names = [f"{name}x" if name.endswith("-") else name for name in header_limit.DROP_ORDER]
    size = (limit - 496) // rounds
    headers = Headers([(name, "v" * (size if i < rounds else 1)) for i, name in enumerate(names)])
    headers.add("content-type", "application/json")
    headers.add("location", "v" * 400)
    app({}).fit_headers(headers)
    left = {name for name, _ in headers}
    assert names[0] not in left
    assert {"content-type", "location", *names[rounds:]} <= left


def test_a_request_above_the_platform_s_limit_is_refused(upstream: Upstream, serve: Serve) -> None:
    result = call(serve(FcApp, MAX_BODY_MB="50").port, "POST", "/v1/files", KEY, b"x" * 32_000_001)
    assert result.status == 413 and "32 MB" in result.json()["error"]["message"]


def test_a_stream_is_sent_in_chunks_and_an_answer_in_one_piece_has_no_limit(upstream: Upstream, serve: Serve) -> None:
    """The platform streams what has Transfer-Encoding: chunked, and names no limit for the rest."""
    port = serve(FcApp).port
    upstream.play(stream(TEXT, b"data: [DONE]\n\n"))
    result = call(port, "POST", "/v1/chat/completions", (*KEY, *ADDED), b'{"stream":true}')
    assert result.header("transfer-encoding") == "chunked" and result.header("content-length") is None
    upstream.play(whole(b"x" * 7_000_000, kind="image/png"))
    assert call(port, "GET", "/v1/files/f/content", KEY).body == b"x" * 7_000_000


@pytest.mark.parametrize(("given", "port"), [(None, 9000), ("", 9000), ("8080", 8080)])
def test_the_server_is_started_as_the_platform_wants_it(
    monkeypatch: pytest.MonkeyPatch, given: str | None, port: int
) -> None:
    config = config_of(aliyun_fc.main, {"FC_CUSTOM_LISTEN_PORT": given}, monkeypatch)
    assert (config.host, config.port, config.timeout_keep_alive) == ("0.0.0.0", port, 900)
