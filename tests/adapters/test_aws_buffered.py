"""The buffered Lambda function: what mangum gets wrong for a relay, put right, and every door's own limits."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import handler
from proxy.adapters import aws_events
from proxy.adapters.aws_buffered import BufferedFunction
from proxy.adapters.aws_events import ALB, FUNCTION_URL, HTTP_API, REST_API, REST_STREAM, door_of, seconds_left
from tests.support.events import LambdaContext, recorded
from tests.support.upstream import CEILING, SSE_HEAD, Cut, Upstream, Wait, chunk, head, stream, whole

DOORS = ("aws-function-url", "aws-http-api", "aws-rest-api", "aws-alb")
TEXT = 'data: {"id":"c","choices":[{"index":0,"delta":{"content":"好"}}]}\n\n'.encode()
Make = Callable[..., BufferedFunction]


class Long(LambdaContext):
    """A call with 300 s left, however long the tests have been running."""

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


LONG = Long(300)


@pytest.fixture
def make(upstream: Upstream) -> Iterator[Make]:
    made: list[BufferedFunction] = []

    def start(lines: list[str] | None = None, **settings: str) -> BufferedFunction:
        environ = {"OPENAI_BASE_URL": upstream.url, **settings}
        made.append(BufferedFunction(environ, write=(lines if lines is not None else []).append))
        return made[-1]

    yield start
    for function in made:
        function.close()


def now(event: dict[str, Any]) -> dict[str, Any]:
    """The event as if it had been sent just now: gateways count their time-out from then."""
    for name in ("timeEpoch", "requestTimeEpoch"):
        if name in event["requestContext"]:
            event["requestContext"][name] = int(time.time() * 1000)
    return event


def error_of(answer: dict[str, Any]) -> dict[str, Any]:
    error: dict[str, Any] = json.loads(answer["body"])["error"]
    return error


@pytest.mark.parametrize("name", DOORS)
def test_a_recorded_event_is_relayed_and_its_stream_comes_in_one_piece(
    name: str, upstream: Upstream, make: Make
) -> None:
    upstream.play(stream(TEXT, b"data: [DONE]\n\n"))
    answer = make()(recorded(name), LONG)
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, False)
    assert answer["body"] == (TEXT + b"data: [DONE]\n\n").decode()
    assert answer["headers"]["x-sluice-buffered"] == "1"
    assert "content-length" not in answer["headers"]
    sent = upstream.received[0]
    wanted = {
        "aws-function-url": "?a=1&a=%2F",
        "aws-http-api": "?a=1&a=%2F",
        "aws-rest-api": "?a=1&a=%2F",
        "aws-alb": "?a=%2F",
    }
    assert sent.target == f"/v1/chat/completions{wanted[name]}"
    assert sent.header("authorization") == "Bearer sk-caller"
    assert not [
        one for one, value in sent.headers if one.lower().startswith(("x-amzn", "cookie")) or "192.0.2" in value
    ]


@pytest.mark.parametrize("name", DOORS)
def test_an_encoded_path_survives(name: str, upstream: Upstream, make: Make) -> None:
    upstream.play(whole(b"{}"))
    event = recorded(name)
    path = "/v1/models/meta-llama%2FLlama-3"
    if "rawPath" in event:
        event["rawPath"] = ("/prod" if name == "aws-http-api" else "") + path
        event["requestContext"]["http"]["method"] = "GET"
    else:
        event["path"], event["httpMethod"] = path, "GET"
    make()(event, LONG)
    assert upstream.received[0].target.startswith(path)


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ("/prod/v1/models", "/v1/models"),
        ("/production/v1/models", "/production/v1/models"),
        ("/prod", "/"),
        ("/v1", "/v1"),
    ],
)
def test_only_the_stage_itself_is_stripped(raw: str, path: str) -> None:
    assert aws_events.wire_path({**recorded("aws-http-api"), "rawPath": raw}) == path


@pytest.mark.parametrize("stage", ["$default", "prod", None])
def test_other_doors_have_no_stage_in_their_path(stage: str | None) -> None:
    event = recorded("aws-rest-api")
    event["requestContext"]["stage"] = stage
    assert aws_events.to_request({**event, "path": "/prod/x y"}, REST_API, None).path == "/prod/x%20y"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("text/event-stream; charset=utf-8", True),
        ("application/x-ndjson", True),
        ("application/problem+json", True),
        ("application/json", True),
        ("text/plain", True),
        ("audio/mpeg", False),
    ],
)
def test_text_stays_text_and_binary_is_exact(kind: str, text: bool, upstream: Upstream, make: Make) -> None:
    body = '{"a":"好"}\n'.encode() if text else bytes(range(256))
    upstream.play(whole(body, kind=kind))
    event = recorded("aws-function-url")
    event["rawPath"] = "/v1/audio/speech"
    answer = make()(event, LONG)
    assert answer["isBase64Encoded"] is not text
    assert (answer["body"].encode() if text else base64.b64decode(answer["body"])) == body


def test_binary_goes_up_as_it_is(upstream: Upstream, make: Make) -> None:
    upstream.play(whole(b"{}"))
    event = {**recorded("aws-function-url"), "rawPath": "/v1/files", "isBase64Encoded": True}
    event["body"] = base64.b64encode(bytes(range(256))).decode()
    make()(event, LONG)
    assert upstream.received[0].body == bytes(range(256))


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        [],
        "x",
        {"Records": []},
        {"requestContext": {}},
        {"requestContext": None},
        {"version": "2.0"},
        {"key": 1},
    ],
)
def test_an_unknown_event_gets_a_clear_answer(event: Any, make: Make) -> None:
    answer = make()(event, None)
    assert (answer["statusCode"], error_of(answer)["code"]) == (400, "unknown_event")
    assert answer["headers"]["x-should-retry"] == "false"


@pytest.mark.parametrize(
    "event",
    [
        {"requestContext": {"http": {}}},
        {"version": "2.0", "requestContext": {"http": {"method": "GET"}}},
        {"requestContext": {"elb": 1}},
        {"httpMethod": "GET", "path": "/", "requestContext": {"x": 1}},
        {**recorded("aws-function-url"), "body": "***", "isBase64Encoded": True},
        {**recorded("aws-function-url"), "body": "好", "isBase64Encoded": True},
        {**recorded("aws-function-url"), "headers": {"host": "a:b:c"}},
    ],
)
def test_an_event_that_only_looks_like_one_gets_a_clear_answer(event: Any, make: Make) -> None:
    answer = make()(event, LONG)
    assert (answer["statusCode"], error_of(answer)["code"]) == (400, "bad_event")


@pytest.mark.parametrize("name", DOORS)
def test_half_an_emoji_anywhere_is_answered(name: str, upstream: Upstream, make: Make) -> None:
    function = make()
    for change in (
        {"rawPath": "/v1/\ud83d", "path": "/v1/\ud83d"},
        {"rawQueryString": "\ud83d", "queryStringParameters": {"a": "\ud83d"}, "multiValueQueryStringParameters": None},
        {"body": "\ud83d"},
        {"headers": {"authorization": "\ud83d"}, "multiValueHeaders": {"authorization": ["\ud83d"]}},
    ):
        upstream.play(whole(b"{}"))
        event = {**recorded(name)}
        event |= {key: value for key, value in change.items() if key in event}
        answer = function(now(event), LONG)
        assert answer["statusCode"] in (200, 400, 401), change
        json.dumps(answer)


def test_a_body_of_an_unknown_type_is_not_called_json(upstream: Upstream, make: Make) -> None:
    upstream.play((head(200, ("Content-Length", "2")) + b"\xff\0",))
    answer = make()(recorded("aws-function-url"), LONG)
    assert answer["headers"]["content-type"] == "application/octet-stream"
    assert base64.b64decode(answer["body"]) == b"\xff\0"


def test_our_own_loop_is_set_before_each_call(upstream: Upstream, make: Make) -> None:
    """`asyncio.run()` leaves no loop behind, and another thread never had one; mangum alone raises in both."""
    upstream.play(whole(b"{}"))
    function = make()
    event = recorded("aws-function-url")
    statuses = [function(event, LONG)["statusCode"]]
    asyncio.run(asyncio.sleep(0))
    statuses.append(function(event, LONG)["statusCode"])
    thread = threading.Thread(target=lambda: statuses.append(function(event, LONG)["statusCode"]))
    thread.start()
    thread.join(CEILING)
    assert statuses == [200, 200, 200]


def test_ten_calls_share_one_connection(upstream: Upstream, make: Make) -> None:
    upstream.play(whole(b"{}"))
    before = upstream.connections
    function = make()
    assert [function(recorded("aws-function-url"), LONG)["statusCode"] for _ in range(10)] == [200] * 10
    assert upstream.connections - before == 1


@pytest.mark.parametrize("name", DOORS)
def test_each_door_s_limit_for_answers_is_kept(name: str, upstream: Upstream, make: Make) -> None:
    """Just below it passes, just above it is told: Lambda's runtime would exit, a load balancer answer for itself."""
    limit = 1_000_000 if name == "aws-alb" else 6_291_556
    function = make()
    upstream.play(whole(b'"x"'))
    room = len(json.dumps(function(now(recorded(name)), LONG), ensure_ascii=False).encode()) + 2
    for size, status in ((limit - room - 100, 200), (limit, 502)):
        upstream.play(whole(b'"' + b"x" * size + b'"'))
        answer = function(now(recorded(name)), LONG)
        assert answer["statusCode"] == status
    assert error_of(answer)["code"] == "response_too_large"
    assert answer["headers"]["x-should-retry"] == "false"


def test_chinese_counts_as_the_platform_counts_it(upstream: Upstream, make: Make) -> None:
    """Three bytes each where the runtime keeps it raw, and six where it does not."""
    upstream.play(whole(('"' + "好" * 2_000_000 + '"').encode()))
    for runtime, status in (("AWS_Lambda_python3.13", 200), ("AWS_Lambda_Image", 502)):
        answer = make(AWS_EXECUTION_ENV=runtime)(recorded("aws-function-url"), LONG)
        assert answer["statusCode"] == status


@pytest.mark.parametrize(
    ("name", "size", "status"), [("aws-alb", 1_000_001, 413), ("aws-function-url", 6_000_001, 413)]
)
def test_each_door_s_limit_for_requests_is_told(
    name: str, size: int, status: int, upstream: Upstream, make: Make
) -> None:
    answer = make()(now({**recorded(name), "body": "x" * size}), LONG)
    assert answer["statusCode"] == status
    assert error_of(answer)["code"] == "body_too_large"


@pytest.mark.parametrize(
    ("door", "left", "waited", "seconds"),
    [
        (FUNCTION_URL, 300.0, 5.0, 300.0),
        (FUNCTION_URL, None, 0.0, None),
        (HTTP_API, 300.0, 4.0, 26.0),
        (HTTP_API, 10.0, 4.0, 10.0),
        (HTTP_API, None, 0.0, 30.0),
        (REST_API, 300.0, 4.0, 25.0),
        (REST_STREAM, 300.0, 4.0, 300.0),
        (ALB, 300.0, 4.0, 300.0),
        (HTTP_API, 300.0, 9_999_999.0, 30.0),
        (FUNCTION_URL, -3.0, 0.0, 0.0),
    ],
)
def test_the_gateway_counts_from_the_event_s_own_time(
    door: aws_events.Door, left: float | None, waited: float, seconds: float | None
) -> None:
    event = {"requestContext": {"timeEpoch": 1_000_000_000_000}}
    assert seconds_left(event, door, left, 1_000_000_000.0 + waited) == seconds


def test_a_gateway_event_without_a_time_has_the_whole_limit() -> None:
    assert seconds_left({}, HTTP_API, None, 5.0) == 30.0


def test_a_header_without_a_value_is_left_out() -> None:
    event = {**recorded("aws-rest-api"), "multiValueHeaders": {"a": [None, "1"], "b": "2"}}
    assert list(aws_events.to_request(event, REST_API, None).headers) == [("a", "1"), ("b", "2")]


def test_doors_are_told_apart() -> None:
    assert [door_of(recorded(name)) for name in DOORS] == [FUNCTION_URL, HTTP_API, REST_API, ALB]
    assert door_of(recorded("aws-rest-api"), streaming=True) is REST_STREAM


def test_the_deadline_brings_the_text_so_far(upstream: Upstream, make: Make) -> None:
    upstream.play((SSE_HEAD, chunk(TEXT), Wait()))
    answer = make()(recorded("aws-function-url"), LambdaContext(1))
    assert answer["headers"]["x-sluice-truncated"] == "deadline"
    assert answer["body"].endswith("data: [DONE]\n\n")
    upstream.play((Wait(),))
    answer = make()(recorded("aws-function-url"), LambdaContext(1))
    assert (answer["statusCode"], error_of(answer)["code"]) == (504, "deadline")


def test_a_cut_before_any_text_keeps_its_status(upstream: Upstream, make: Make) -> None:
    upstream.play((SSE_HEAD, chunk(b'data: {"choices":[]}\n\n'), Cut()))
    answer = make()(recorded("aws-function-url"), LONG)
    assert (answer["statusCode"], error_of(answer)["code"]) == (502, "upstream_disconnected")


def test_a_header_that_mangum_cannot_read_is_left_out(upstream: Upstream, make: Make) -> None:
    upstream.play(whole(b"{}", 200, ("openai-x", "caf\xe9"), ("x-request-id", "req_1")))
    answer = make()(recorded("aws-function-url"), LONG)
    assert "openai-x" not in answer["headers"] and answer["headers"]["x-request-id"] == "req_1"


def test_a_wrong_setting_is_told_by_each_call(make: Make) -> None:
    function = make(TIMEOUT_SECONDS="soon")
    for _ in range(2):
        answer = function(recorded("aws-function-url"), LONG)
        assert (answer["statusCode"], error_of(answer)["param"]) == (500, "TIMEOUT_SECONDS")


def test_the_entry_point_answers(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("DEMO", "1")
    event = {**recorded("aws-function-url"), "rawPath": "/healthz"}
    event["requestContext"]["http"]["method"] = "GET"
    assert handler.lambda_handler(event, LONG)["body"] == '{"status": "ok"}'
    assert json.loads(capsys.readouterr().out)["platform"] == "aws-lambda-buffered"
    handler._buffered_function().close()
    handler._buffered_function.cache_clear()


def asked_for(make: Make, door: str, upstream: Upstream) -> str | None:
    upstream.play(whole(b"{}"))
    event = now(recorded(door)) | {"body": '{"model":"m"}', "isBase64Encoded": False}
    for fields in (event.get("headers"), event.get("multiValueHeaders")):
        if fields:
            fields.pop("Accept-Encoding", None)
            fields["accept-encoding"] = ["gzip, br"] if fields is event.get("multiValueHeaders") else "gzip, br"
    assert make()(event, LONG)["statusCode"] == 200
    return upstream.received[0].header("accept-encoding")


def test_a_door_that_may_carry_text_only_asks_for_no_compressed_answer(make: Make, upstream: Upstream) -> None:
    assert asked_for(make, "aws-rest-api", upstream) == "identity"
    assert asked_for(make, "aws-function-url", upstream) == "gzip, br"


DAMAGED = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\n\r\nID3\ufffd\ufffd\r\n--b--\r\n'


def typed(kind: str | None, body: str, **fields: str) -> dict[str, Any]:
    """A REST API event with this body, which the gateway took for text."""
    event = now(recorded("aws-rest-api"))
    headers = {"Authorization": ["Bearer sk-caller"], **({"Content-Type": [kind]} if kind else {})}
    event["multiValueHeaders"] = headers | {name.replace("_", "-"): [value] for name, value in fields.items()}
    event["headers"], event["body"], event["isBase64Encoded"] = {}, body, False
    return event


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("multipart/form-data; boundary=b", {}),
        ("audio/mpeg", {}),
        ("application/octet-stream", {}),
        ("application/json", {"Content_Encoding": "gzip"}),
    ],
)
def test_a_body_that_the_gateway_damaged_is_refused(
    kind: str, fields: dict[str, str], make: Make, upstream: Upstream
) -> None:
    upstream.play(whole(b"{}"))
    answer = make()(typed(kind, DAMAGED, **fields), LONG)
    assert (answer["statusCode"], error_of(answer)["code"]) == (400, "body_damaged")
    assert "binary media types" in error_of(answer)["message"] and "streaming function" in error_of(answer)["message"]
    assert upstream.received == []


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", '{"model":"m","input":"\ufffd"}'),
        ("application/vnd.api+json", '{"model":"m","input":"\ufffd"}'),
        ("text/plain; charset=utf-8", "\ufffd"),
        (None, '{"model":"m","input":"\ufffd"}'),
        ("multipart/form-data; boundary=b", DAMAGED.replace("\ufffd", "语")),
    ],
)
def test_a_text_may_hold_the_character_that_stands_for_lost_ones(
    kind: str | None, body: str, make: Make, upstream: Upstream
) -> None:
    upstream.play(whole(b"{}"))
    assert make(ASSEMBLE="off")(typed(kind, body), LONG)["statusCode"] == 200
    assert upstream.received[0].body == body.encode()


def test_a_body_in_base64_is_as_it_was(make: Make, upstream: Upstream) -> None:
    upstream.play(whole(b"{}"))
    event = typed("multipart/form-data; boundary=b", base64.b64encode(DAMAGED.encode()).decode())
    event["isBase64Encoded"] = True
    assert make()(event, LONG)["statusCode"] == 200 and upstream.received[0].body == DAMAGED.encode()
