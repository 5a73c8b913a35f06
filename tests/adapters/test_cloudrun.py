"""Cloud Run's service: what Google's front end adds to requests and takes in replies, and how the server is started."""

from __future__ import annotations

import json

import pytest

from proxy.adapters import cloudrun
from proxy.adapters.cloudrun import CloudRunApp
from proxy.errors import ConfigError
from proxy.messages import Headers, Request
from tests.conftest import Serve
from tests.support.client import call
from tests.support.cloudrun import ADDED
from tests.support.server import config_of
from tests.support.talk import KEY
from tests.support.upstream import SSE_HEAD, Upstream, Wait, chunk, stream, whole

TEXT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'


def test_what_google_adds_goes_neither_up_nor_into_the_log(upstream: Upstream, serve: Serve) -> None:
    upstream.play(whole(b"{}"))
    server = serve(CloudRunApp)
    result = call(server.port, "POST", "/v1/chat/completions", (*KEY, *ADDED), b"{}")
    assert result.status == 200 and server.line(result.header("x-sluice-request-id"))
    sent = {name.lower() for name, _ in upstream.received[0].headers}
    assert not sent & {name.lower() for name, _ in ADDED}
    assert not [line for line in server.raw_lines if "canary" in line or "192.0.2.7" in line]


@pytest.mark.parametrize("name", ["x-serverless-authorization", "x-cloud-trace-context"])
def test_no_setting_lets_a_caller_s_google_identity_through(name: str) -> None:
    with pytest.raises(ConfigError, match="FORWARD_HEADERS"):
        CloudRunApp({"FORWARD_HEADERS": name}, write=lambda _: None).start()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        *(("3600", 3600.0), ("300", 300.0), ("1", 1.0)),
        *((value, 300.0) for value in (None, "", "0", "x", "-1", "1.5", "300s", "9" * 20, "\u0663")),
    ],
)
def test_the_deadline_is_the_service_s_time_out_or_else_the_platform_s_default(
    value: str | None, seconds: float
) -> None:
    request = Request("GET", "/", "", Headers())
    environ = {} if value is None else {"CLOUD_RUN_TIMEOUT_SECONDS": value}
    CloudRunApp(environ, write=lambda _: None).adapt_request(request)
    assert request.deadline == seconds


def test_a_stream_ends_properly_before_the_platform_cuts_it(upstream: Upstream, serve: Serve) -> None:
    upstream.play((SSE_HEAD, chunk(TEXT), Wait()))
    port = serve(CloudRunApp, CLOUD_RUN_TIMEOUT_SECONDS="5").port
    result = call(port, "POST", "/v1/chat/completions", (*KEY, *ADDED), b'{"stream":true}')
    assert result.body.endswith(b"data: [DONE]\n\n") and b'"finish_reason":"length"' in result.body


@pytest.mark.parametrize(("region", "warned"), [("asia-east2", True), ("asia-east1", False), ("us-central1", False)])
def test_a_region_that_openai_does_not_serve_is_warned_of(region: str, warned: bool) -> None:
    lines: list[str] = []
    environ = {"CLOUD_RUN_REGION": region, "OPENAI_BASE_URL": "https://api.openai.com/v1"}
    CloudRunApp(environ, write=lines.append).start()
    assert [region in json.loads(line)["message"] for line in lines] == [True] * warned
    assert not warned or "asia-southeast1" in lines[0]


def test_a_request_above_the_platform_s_limit_is_refused(upstream: Upstream, serve: Serve) -> None:
    result = call(serve(CloudRunApp, MAX_BODY_MB="50").port, "POST", "/v1/files", KEY, b"x" * 33_554_433)
    assert result.status == 413 and "33.554432 MB" in result.json()["error"]["message"]


@pytest.mark.parametrize(("size", "chunked"), [(33_554_432, False), (33_554_433, True)])
def test_an_answer_too_large_for_one_piece_is_sent_in_chunks(
    upstream: Upstream, serve: Serve, size: int, chunked: bool
) -> None:
    upstream.play(whole(b"x" * size, kind="image/png"))
    result = call(serve(CloudRunApp).port, "GET", "/v1/files/f/content", KEY)
    assert result.body == b"x" * size
    assert (result.header("transfer-encoding") == "chunked") == chunked
    assert (result.header("content-length") is None) == chunked


@pytest.mark.parametrize("length", ["", "x", "\u0663", "-1"])
def test_other_lengths_are_left_alone(length: str) -> None:
    headers = Headers([("content-length", length)])
    CloudRunApp({}, write=lambda _: None).fit_headers(headers)
    assert headers.get("content-length") == length


def test_a_stream_is_sent_in_chunks(upstream: Upstream, serve: Serve) -> None:
    upstream.play(stream(TEXT, b"data: [DONE]\n\n"))
    result = call(serve(CloudRunApp).port, "POST", "/v1/chat/completions", (*KEY, *ADDED), b'{"stream":true}')
    assert result.header("transfer-encoding") == "chunked" and result.header("x-accel-buffering") == "no"
    assert result.body == TEXT + b"data: [DONE]\n\n"


def test_a_line_is_written_at_once_and_by_no_thread(capsys: pytest.CaptureFixture[str]) -> None:
    app = CloudRunApp({"DEMO": "1"})
    app.start()
    app.log("warning", {"event": "made-up"})
    assert json.loads(capsys.readouterr().out)["event"] == "made-up"


@pytest.mark.parametrize(("given", "port"), [(None, 8080), ("", 8080), ("9999", 9999)])
def test_the_server_is_started_as_the_platform_wants_it(
    monkeypatch: pytest.MonkeyPatch, given: str | None, port: int
) -> None:
    config = config_of(cloudrun.main, {"PORT": given}, monkeypatch)
    assert (config.host, config.port, config.timeout_keep_alive) == ("0.0.0.0", port, 3900)
    grace = config.timeout_graceful_shutdown
    assert grace is not None and grace + 5 < 10, "running calls and bookings end before the process does"
