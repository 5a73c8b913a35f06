"""Tencent's event function: every door's events, its one-piece answers, and what it must never raise."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import handler
from proxy.adapters import scf_event
from proxy.adapters.scf_event import EventFunction, door_of, to_request
from tests.support.events import recorded
from tests.support.upstream import CEILING, SSE_HEAD, Cut, Upstream, Wait, chunk, head, stream, whole

CONTEXT = {
    "memory_limit_in_mb": 256,
    "time_limit_in_ms": 300_000,
    "request_id": "r-1",
    "function_name": "sluice",
    "namespace": "default",
    "tencentcloud_region": "ap-singapore",
}
TEXT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"\xe5\xa5\xbd"}}]}\n\n'
DOORS = ("scf-function-url", "scf-api-gateway", "scf-clb")
Make = Callable[..., EventFunction]


@pytest.fixture
def make(upstream: Upstream) -> Iterator[Make]:
    made: list[EventFunction] = []

    def start(lines: list[str] | None = None, **settings: str) -> EventFunction:
        environ = {"OPENAI_BASE_URL": upstream.url, **settings}
        made.append(EventFunction(environ, write=(lines if lines is not None else []).append))
        return made[-1]

    yield start
    for function in made:
        function.close()


def error_of(answer: dict[str, Any]) -> dict[str, Any]:
    error: dict[str, Any] = json.loads(answer["body"])["error"]
    return error


@pytest.mark.parametrize("name", DOORS)
def test_a_recorded_event_is_relayed_and_its_stream_comes_in_one_piece(
    name: str, upstream: Upstream, make: Make
) -> None:
    upstream.play(stream(TEXT, TEXT, b"data: [DONE]\n\n"))
    event = recorded(name)
    answer = make()(event, CONTEXT)
    assert answer["statusCode"] == 200
    assert answer["body"] == (TEXT * 2 + b"data: [DONE]\n\n").decode()
    assert answer["headers"]["content-type"] == "text/event-stream"
    assert answer["headers"]["x-sluice-buffered"] == "1"
    assert answer.get("isBase64Encoded") == (None if name == "scf-function-url" else False)
    sent = upstream.received[0]
    assert sent.method == "POST" and sent.target.partition("?")[0] == "/v1/chat/completions"
    assert json.loads(sent.body)["messages"] == [{"role": "user", "content": "你好"}]
    assert sent.header("authorization") == "Bearer sk-caller"
    assert not [value for _, value in sent.headers if "192.0.2" in value]


@pytest.mark.parametrize(
    ("name", "query"),
    [("scf-function-url", "a=1&b=2"), ("scf-api-gateway", "foo=bar&bob=alice"), ("scf-clb", "a=1")],
)
def test_each_door_has_its_query(name: str, query: str) -> None:
    event = recorded(name)
    door = door_of(event)
    assert to_request(event, door, None).query == query


@pytest.mark.parametrize(
    "event",
    [recorded("scf-timer"), {}, None, [], "text", 5, {"headers": None}, {"Records": []}, {"headers": {"X-Uri": "/v1"}}],
)
def test_an_unknown_event_gets_a_clear_answer(event: Any, make: Make) -> None:
    answer = make()(event, CONTEXT)
    assert (answer["statusCode"], error_of(answer)["code"]) == (400, "unknown_event")
    assert "function URL" in error_of(answer)["message"]


def test_headers_of_any_case_and_lists_are_read(upstream: Upstream, make: Make) -> None:
    upstream.play(whole(b"{}"))
    event = recorded("scf-api-gateway")
    event["headers"] = {
        "AUTHORIZATION": "Bearer sk-x",
        "X-Stainless-A": ["1", "2"],
        "accept": None,
        "X-Scf-Secret-Key": "s",
    }
    make(FORWARD_HEADERS="x-mine")(event, None)
    assert not [name for name, _ in upstream.received[0].headers if name.lower().startswith("x-scf")]
    assert [pair for pair in upstream.received[0].headers if pair[0].lower() == "x-stainless-a"] == [
        ("x-stainless-a", "1"),
        ("x-stainless-a", "2"),
    ]
    assert upstream.received[0].header("authorization") == "Bearer sk-x"


@pytest.mark.parametrize(
    ("body", "flag", "sent"),
    [
        (None, None, b""),
        ("", None, b""),
        ("你好", "false", "你好".encode()),
        ({"a": "好"}, False, b'{"a": "\xe5\xa5\xbd"}'),
        ("AP8=", True, b"\x00\xff"),
        ("AP8=", "true", b"\x00\xff"),
    ],
)
def test_bodies_of_any_kind_are_read(body: Any, flag: Any, sent: bytes, upstream: Upstream, make: Make) -> None:
    upstream.play(whole(b"{}"))
    event = {**recorded("scf-api-gateway"), "body": body, "isBase64Encoded": flag, "path": "/v1/files"}
    assert make()(event, CONTEXT)["statusCode"] == 200
    assert upstream.received[0].body == sent


def test_a_binary_body_that_the_platform_took_for_text_is_refused(upstream: Upstream, make: Make) -> None:
    event = recorded("scf-function-url") | {"body": "ID3\ufffd\ufffd", "isBase64Encoded": False}
    event["headers"]["content-type"] = "multipart/form-data; boundary=b"
    event["headers"].pop("content-length", None)
    answer = make()(event, {})
    assert (answer["statusCode"], error_of(answer)["code"]) == (400, "body_damaged")
    assert "web function" in error_of(answer)["message"] and upstream.received == []


def test_a_body_that_says_it_is_base64_and_is_none_is_refused(make: Make) -> None:
    event = {**recorded("scf-api-gateway"), "body": "***", "isBase64Encoded": True}
    assert error_of(make()(event, CONTEXT))["code"] == "bad_event"


@pytest.mark.parametrize(
    "change",
    [
        {"body": "好", "isBase64Encoded": True},
        {"path": "/v1/\ud83d"},
        {"queryString": {"a": "\ud83d"}},
        {"queryString": "\ud83d"},
        {"body": {"a": "half an emoji \ud83d"}},
        {"body": "half an emoji \ud83d"},
        {"headers": {"a": "\ud83d", "authorization": "Bearer \ud83d"}},
        {"headers": {"host": "\ud83d"}},
        {"httpMethod": "\ud83d"},
        {"httpMethod": None},
        {"body": {"a": {1, 2}}},
    ],
)
def test_an_event_that_only_looks_like_one_is_answered_all_the_same(
    change: dict[str, Any], upstream: Upstream, make: Make
) -> None:
    upstream.play(whole(b"{}"))
    answer = make()({**recorded("scf-api-gateway"), **change}, CONTEXT)
    assert answer["statusCode"] in (200, 400, 401, 405)
    json.dumps(answer)


def test_queries_of_any_kind_are_read() -> None:
    for given, query in (
        ({"a": ["1", "2"], "b": None, "c": "x y&z"}, "a=1&a=2&b=&c=x+y%26z"),
        ("a=1&b=你", "a=1&b=%E4%BD%A0"),
        (None, "foo=bar"),
    ):
        event = {**recorded("scf-api-gateway"), "queryString": given}
        assert to_request(event, scf_event.API_GATEWAY, None).query == query


def test_a_path_that_the_door_has_decoded_is_encoded_again() -> None:
    event = {**recorded("scf-function-url"), "path": "/v1/models/模型 a%2Fb"}
    assert to_request(event, scf_event.FUNCTION_URL, None).path == "/v1/models/%E6%A8%A1%E5%9E%8B%20a%2Fb"


@pytest.mark.parametrize("name", DOORS)
def test_binary_answers_are_base64_or_a_clear_error(name: str, upstream: Upstream, make: Make) -> None:
    upstream.play(whole(b"ID3\xff\x00", kind="audio/mpeg"))
    event = recorded(name)
    answer = make()(event, CONTEXT)
    if name == "scf-function-url":
        assert (answer["statusCode"], error_of(answer)["code"]) == (502, "binary_not_carried")
        assert answer["headers"]["x-should-retry"] == "false"
        assert answer["headers"]["access-control-allow-origin"] == "*"
    else:
        assert (answer["isBase64Encoded"], answer["body"]) == (True, "SUQz/wA=")
        assert answer["headers"]["content-type"] == "audio/mpeg"


def test_an_answer_above_the_platform_s_limit_is_told(upstream: Upstream, make: Make) -> None:
    for text, status in ((b'"' + b"x" * 5_900_000 + b'"', 200), ('"' + "好" * 1_100_000 + '"', 502)):
        upstream.play(whole(text if isinstance(text, bytes) else text.encode()))
        answer = make()(recorded("scf-function-url"), CONTEXT)
        assert answer["statusCode"] == status, len(json.dumps(answer))
    assert error_of(answer)["code"] == "response_too_large" and "6 MB" in error_of(answer)["message"]
    assert answer["headers"]["x-should-retry"] == "false"


def test_a_large_file_is_let_go_once_it_is_above_the_limit(upstream: Upstream, make: Make) -> None:
    """Not collected first: a function of 256 MB would run out of memory before it could say so."""
    lines: list[str] = []
    fields = (("Content-Type", "text/plain"), ("Content-Length", "7000000"))
    upstream.play((head(200, *fields) + b"x" * 6_500_000, Wait()))
    answer = make(lines)(recorded("scf-function-url"), CONTEXT)
    assert (answer["statusCode"], error_of(answer)["code"]) == (502, "response_too_large")
    assert upstream.gone.wait(CEILING)
    line = json.loads(lines[-1])
    assert (line["status"], line["ending"]) == (502, "response_too_large")


def test_nothing_that_the_platform_or_the_caller_sends_is_logged(upstream: Upstream, make: Make) -> None:
    lines: list[str] = []
    function = make(lines, LOG_LEVEL="debug")
    event = recorded("scf-function-url")
    event["headers"] |= {"x-scf-secret-key": "canary-a", "x-scf-session-token": "canary-b", "authorization": "canary-c"}
    event["body"] = '{"model":"canary-d e","messages":["canary-f"]}'
    for script in (whole(b'{"content":"canary-g"}'), whole(b"canary-h", 500), (Cut(),)):
        upstream.play(script)
        function(event, {**CONTEXT, "secret": "canary-i"})
    assert len(lines) == 3 and "canary" not in "".join(lines)


def test_a_cut_before_any_text_keeps_its_status_and_behind_text_is_marked(upstream: Upstream, make: Make) -> None:
    lines: list[str] = []
    function = make(lines)
    upstream.play((SSE_HEAD, chunk(b'data: {"choices":[]}\n\n'), Cut()))
    answer = function(recorded("scf-function-url"), CONTEXT)
    assert (answer["statusCode"], error_of(answer)["code"]) == (502, "upstream_disconnected")
    upstream.play((SSE_HEAD, chunk(TEXT), Cut()))
    answer = function(recorded("scf-function-url"), CONTEXT)
    assert (answer["statusCode"], answer["headers"]["x-sluice-truncated"]) == (200, "upstream")
    assert answer["body"].startswith(TEXT.decode()) and "[DONE]" not in answer["body"]
    assert [json.loads(line)["ending"] for line in lines] == ["upstream_disconnected"] * 2
    upstream.play((head(200, ("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")), Cut()))
    assert function(recorded("scf-function-url"), CONTEXT)["statusCode"] == 502


def test_the_function_s_time_limit_is_the_deadline(upstream: Upstream, make: Make) -> None:
    upstream.play((SSE_HEAD, chunk(TEXT), Wait()))
    answer = make()(recorded("scf-function-url"), {**CONTEXT, "time_limit_in_ms": 1000})
    assert answer["headers"]["x-sluice-truncated"] == "deadline"
    assert answer["body"].endswith("data: [DONE]\n\n") and '"finish_reason":"length"' in answer["body"]
    upstream.play((Wait(),))
    answer = make()(recorded("scf-function-url"), {**CONTEXT, "time_limit_in_ms": 1000})
    assert answer["statusCode"] == 504 and "time-out is 1 s; set it to 300" in error_of(answer)["message"]


def test_a_stream_of_another_kind_keeps_what_has_come(upstream: Upstream, make: Make) -> None:
    upstream.play((SSE_HEAD, chunk(b'data: {"b64_json":"x"}\n\n'), Cut()))
    event = {**recorded("scf-function-url"), "path": "/v1/images/generations"}
    assert make()(event, CONTEXT)["headers"]["x-sluice-truncated"] == "upstream"


def test_no_pings_are_collected(upstream: Upstream, make: Make) -> None:
    upstream.play((SSE_HEAD, chunk(TEXT), Wait()))
    quick = make(KEEPALIVE_FIRST_SECONDS="0.05", KEEPALIVE_SECONDS="0.05")
    answer = quick(recorded("scf-function-url"), {**CONTEXT, "time_limit_in_ms": 1000})
    assert ": ping" not in answer["body"]


def test_a_wrong_setting_is_told_by_each_call_and_mended_by_none(make: Make) -> None:
    lines: list[str] = []
    function = make(lines, TIMEOUT_SECONDS="soon")
    for _ in range(2):
        answer = function(recorded("scf-clb"), CONTEXT)
        assert (answer["statusCode"], error_of(answer)["param"]) == (500, "TIMEOUT_SECONDS")
    assert "TIMEOUT_SECONDS" in lines[0]


@pytest.mark.parametrize(
    ("region", "settings", "warned"),
    [
        ("ap-guangzhou", {"OPENAI_BASE_URL": "https://api.openai.com/v1"}, True),
        ("ap-hongkong", {"OPENAI_BASE_URL": "https://eu.api.openai.com/v1"}, True),
        ("ap-hongkong", {"OPENAI_BASE_URL": "https://api.deepseek.com"}, False),
        ("ap-hongkong", {"OPENAI_BASE_URL": "https://notopenai.com/v1"}, False),
        ("ap-hongkong", {"DEMO": "1"}, False),
        ("ap-singapore", {"OPENAI_BASE_URL": "https://api.openai.com/v1"}, False),
        (None, {"OPENAI_BASE_URL": "https://api.openai.com/v1"}, False),
    ],
)
def test_a_region_that_openai_does_not_serve_is_warned_of(
    region: str | None, settings: dict[str, str], warned: bool, make: Make
) -> None:
    lines: list[str] = []
    event = {**recorded("scf-function-url"), "path": "/readyz", "httpMethod": "GET"}
    answer = make(lines, **settings)(event, {**CONTEXT, "tencentcloud_region": region})
    assert bool(json.loads(answer["body"])["warnings"]) == warned
    assert any('"event": "region"' in line for line in lines) == warned
    assert "Singapore" in lines[0] or not warned


def test_an_upstream_s_region_error_gets_a_hint_in_the_log_and_keeps_its_body(upstream: Upstream, make: Make) -> None:
    error = b'{"error":{"code":"unsupported_country_region_territory","message":"Country not supported"}}'
    upstream.play(whole(error, 403))
    lines: list[str] = []
    answer = make(lines)(recorded("scf-function-url"), CONTEXT)
    assert (answer["statusCode"], answer["body"]) == (403, error.decode())
    assert "Singapore" in json.loads(lines[-1])["hint"]


def test_ten_calls_share_one_loop_and_one_connection(upstream: Upstream, make: Make) -> None:
    upstream.play(whole(b"{}"))
    before = upstream.connections
    function = make()
    for _ in range(10):
        assert function(recorded("scf-function-url"), CONTEXT)["statusCode"] == 200
    assert upstream.connections - before == 1


def test_two_headers_of_one_name_are_joined(upstream: Upstream, make: Make) -> None:
    upstream.play(whole(b"{}", 200, ("openai-model", "a"), ("openai-model", "b")))
    assert make()(recorded("scf-function-url"), CONTEXT)["headers"]["openai-model"] == "a, b"


def test_the_entry_point_answers(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("DEMO", "1")
    event = {**recorded("scf-function-url"), "path": "/healthz", "httpMethod": "GET"}
    assert handler.main_handler(event, CONTEXT)["body"] == '{"status": "ok"}'
    assert json.loads(capsys.readouterr().out)["platform"] == "tencent-scf-event"
    handler._event_function().close()
    handler._event_function.cache_clear()
    with pytest.raises(AttributeError):
        handler.something_else  # noqa: B018


@pytest.mark.parametrize(
    ("environ", "built"),
    [
        ({}, None),
        ({"TENCENTCLOUD_RUNENV": "SCF"}, "_event_function"),
        ({"TENCENTCLOUD_RUNENV": "SCF", "TIMEOUT_SECONDS": "wrong"}, "_event_function"),
        ({"_HANDLER": "handler.lambda_handler", "AWS_LAMBDA_FUNCTION_NAME": "f"}, "_buffered_function"),
        (
            {"_HANDLER": "handler.lambda_handler", "AWS_LAMBDA_FUNCTION_NAME": "f", "TIMEOUT_SECONDS": "wrong"},
            "_buffered_function",
        ),
        ({"_HANDLER": "other.handler", "AWS_LAMBDA_FUNCTION_NAME": "f"}, None),
    ],
)
def test_the_function_is_built_while_its_instance_starts(
    environ: dict[str, str], built: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    handler._prepare()
    for name in ("_event_function", "_buffered_function"):
        cached = getattr(handler, name)
        assert cached.cache_info().currsize == (1 if name == built else 0)
        if name == built:
            cached().close()
        cached.cache_clear()
