"""Answers assembled from a stream that Sluice requested: whole, truncated, refused, failed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy import startup
from proxy.errors import UpstreamDisconnected
from proxy.messages import Reply, Request
from proxy.wire import sse
from tests.support import fake_clock
from tests.support.core import Listed, error_of, request, run

JSON = (("content-type", "application/json"),)
PLAIN = b'{"model":"m","messages":[]}'
STREAM_REQUEST = b'{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true}}'
DONE = b"data: [DONE]\n\n"


def delta(text: str, finish: str | None = None, **fields: Any) -> bytes:
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}
    return sse.event({"id": "c1", "model": "m-1", "created": 7, "choices": [choice], **fields})


def incoming(sent: bytes = PLAIN, deadline: float | None = 30) -> Request:
    return request(body=sent, deadline=deadline)


def answer(reply: Reply) -> Any:
    assert isinstance(reply.body, bytes)
    return json.loads(reply.body)


def test_a_short_limit_asks_for_a_stream_and_gives_one_value() -> None:
    lines: list[str] = []
    usage = sse.event({"id": "c1", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})
    upstream = Listed(delta("Hel"), delta("lo"), delta("", "stop"), usage, DONE)
    reply, _ = run(upstream, incoming(), lines)
    assert upstream.sent[0].body == STREAM_REQUEST
    assert ("accept-encoding", "identity") in upstream.sent[0].headers
    assert answer(reply)["choices"][0]["message"]["content"] == "Hello"
    assert answer(reply)["usage"] == {"prompt_tokens": 3, "completion_tokens": 2}
    assert reply.headers.get("content-type") == "application/json"
    assert "x-sluice-truncated" not in reply.headers and "cache-control" not in reply.headers
    line = json.loads(lines[-1])
    assert (line["stream"], line["ending"], line["gen_ai.usage.input_tokens"]) == (False, "complete", 3)
    assert line["bytes_out"] == len(reply.body)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sent", "deadline", "settings"),
    [
        (PLAIN, 60, {}),
        (PLAIN, None, {}),
        (PLAIN, 30, {"ASSEMBLE": "off"}),
        (b'{"model":"m","modalities":["text","audio"]}', 30, {}),
        (b'{"model":"m","audio":{"voice":"x"}}', 30, {}),
        (b"no json", 30, {}),
    ],
)
def test_otherwise_bytes_pass_through(sent: bytes, deadline: float | None, settings: dict[str, str]) -> None:
    upstream = Listed(b'{"a":1}', headers=JSON)
    reply, pieces = run(upstream, incoming(sent, deadline), settings=settings)
    assert upstream.sent[0].body == sent
    assert b"".join(pieces) == b'{"a":1}' and reply.status == 200


def test_always_means_without_a_limit_too() -> None:
    upstream = Listed(delta("x", "stop"), DONE)
    reply, _ = run(upstream, incoming(deadline=None), settings={"ASSEMBLE": "always"})
    assert upstream.sent[0].body == STREAM_REQUEST and answer(reply)["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/completions", "/v1/embeddings"])
def test_other_paths_are_left_alone(path: str) -> None:
    upstream = Listed(b"{}", headers=JSON)
    run(upstream, request(path, PLAIN, deadline=30))
    assert upstream.sent[0].body == PLAIN


def test_the_deadline_brings_the_text_so_far() -> None:
    lines: list[str] = []
    reply, _ = run(Listed(delta("Hel"), delta("lo"), 30.0), incoming(deadline=0.3), lines)
    assert reply.status == 200
    assert reply.headers.get("x-sluice-truncated") == "deadline"
    truncated = answer(reply)
    assert (truncated["choices"][0]["message"]["content"], truncated["choices"][0]["finish_reason"]) == (
        "Hello",
        "length",
    )
    assert truncated["sluice"] == {"truncated": "deadline"}
    assert json.loads(lines[-1])["ending"] == "deadline"


@pytest.mark.parametrize("upstream", [Listed(30.0), Listed(sse.event({"choices": []}), 30.0), Listed(wait=30)])
def test_nothing_said_until_the_deadline_is_a_504(upstream: Listed) -> None:
    reply, _ = run(upstream, incoming(deadline=0.2))
    assert (reply.status, error_of(reply)["code"]) == (504, "deadline")
    assert reply.headers.get("x-should-retry") == "false"


@pytest.mark.parametrize("end", [[UpstreamDisconnected()], []])
def test_a_cut_gives_the_text_so_far_and_says_so(end: list[Exception]) -> None:
    reply, _ = run(Listed(delta("Hel"), *end), incoming())
    assert reply.headers.get("x-sluice-truncated") == "upstream"
    assert answer(reply)["choices"][0]["message"]["content"] == "Hel"


@pytest.mark.parametrize("steps", [[UpstreamDisconnected()], [], [sse.event({"choices": []})], [DONE]])
def test_a_cut_before_any_text_is_a_502(steps: list[Any]) -> None:
    reply, _ = run(Listed(*steps), incoming())
    assert (reply.status, error_of(reply)["code"]) == (502, "upstream_disconnected")


def test_a_stream_without_done_whose_choices_have_ended_is_whole() -> None:
    reply, _ = run(Listed(delta("x"), delta("", "stop")), incoming())
    assert "x-sluice-truncated" not in reply.headers and answer(reply)["choices"][0]["finish_reason"] == "stop"


REFUSALS = [
    (400, b'{"error":{"message":"no","param":"stream_options","code":"unknown_parameter"}}'),
    (400, b'{"error":{"message":"no","param":"stream","code":null}}'),
    (422, b'{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"]}]}'),
]


class Choosy(Listed):
    """Refuses every request for a stream."""

    def __init__(self, status: int, refusal: bytes) -> None:
        super().__init__(b'{"ok":1}', headers=JSON)
        self._refusal, self._refusal_status = refusal, status

    async def send(self, outgoing: Any) -> Any:
        if b'"stream":true' not in outgoing.body:
            return await super().send(outgoing)
        self.sent.append(outgoing)
        return await Listed(self._refusal, status=self._refusal_status, headers=JSON).send(outgoing)


@pytest.mark.parametrize(("status", "refusal"), REFUSALS)
def test_an_upstream_that_refuses_is_asked_once_more_as_the_caller_sent_it(status: int, refusal: bytes) -> None:
    upstream = Choosy(status, refusal)
    reply, pieces = run(upstream, incoming())
    assert [outgoing.body for outgoing in upstream.sent] == [STREAM_REQUEST, PLAIN]
    assert (reply.status, b"".join(pieces)) == (200, b'{"ok":1}')


def test_the_model_is_remembered_for_the_life_of_the_process() -> None:
    from proxy.relay import relay
    from tests.support.core import host

    upstream, fake_host = Choosy(*REFUSALS[0]), host()

    async def go() -> None:
        for _ in range(2):
            await relay(incoming(), startup.load({}), upstream, fake_host)

    fake_clock.run(go())
    assert [outgoing.body for outgoing in upstream.sent] == [STREAM_REQUEST, PLAIN, PLAIN]


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_any_other_refusal_keeps_its_status_and_body(status: int) -> None:
    refusal = b'{"error":{"message":"m","param":"messages","code":"c"}}'
    upstream = Listed(refusal, status=status, headers=JSON)
    reply, pieces = run(upstream, incoming())
    assert (reply.status, b"".join(pieces), len(upstream.sent)) == (status, refusal, 1)


def test_a_second_refusal_is_the_answer() -> None:
    refusal = b'{"error":{"message":"m","param":"stream"}}'
    upstream = Listed(refusal, status=400, headers=JSON)
    reply, _ = run(upstream, incoming())
    assert reply.status == 400 and len(upstream.sent) == 2


def test_an_upstream_that_sends_json_all_the_same_is_passed_through() -> None:
    _, pieces = run(Listed(b'{"seed":2.50', b"}", headers=JSON), incoming())
    assert b"".join(pieces) == b'{"seed":2.50}'


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"message": "full", "code": 429}, 429),
        ({"message": "x", "status": 503}, 503),
        ({"message": "x"}, 502),
        ("x", 502),
    ],
)
def test_an_error_event_before_any_text_is_the_answer(error: Any, status: int) -> None:
    reply, _ = run(Listed(sse.event({"error": error})), incoming())
    assert reply.status == status and answer(reply) == {"error": error}


def test_an_error_event_behind_text_marks_the_text() -> None:
    reply, _ = run(Listed(delta("Hel"), sse.event({"error": {"message": "x"}})), incoming())
    assert reply.headers.get("x-sluice-truncated") == "upstream"
    assert answer(reply)["choices"][0]["message"]["content"] == "Hel"


def test_events_that_are_no_json_are_passed_over_and_half_a_character_survives() -> None:
    half = b'data: {"choices":[{"index":0,"delta":{"content":"\\ud83d"},"finish_reason":"stop"}]}\n\n'
    reply, _ = run(Listed(b"data: x\n\ndata: [1]\n\n", half, DONE), incoming())
    assert answer(reply)["choices"][0]["message"]["content"] == "\ud83d"


ERRORS = (
    (b'event: error\ndata: {"code":"busy","message":"too many"}\n\n', "too many"),
    (b'data: {"object":"error","message":"too many","code":400}\n\n', "too many"),
    (b'data: {"type":"error","error":{"type":"overloaded_error","message":"too many"}}\n\n', "too many"),
    (b'data: {"base_resp":{"status_code":1002,"status_msg":"too many"}}\n\n', "too many"),
    (b'data: {"code":"1305","message":"too many"}\n\n', "too many"),
    (b'data: {"error":"too many"}\n\n', "too many"),
)


@pytest.mark.parametrize(("event", "message"), ERRORS)
def test_an_error_of_any_shape_is_told_or_marks_what_there_is(event: bytes, message: str) -> None:
    reply, _ = run(Listed(event), incoming())
    assert reply.status >= 400 and message in json.dumps(answer(reply)["error"])
    reply, _ = run(Listed(delta("Hel"), event), incoming())
    assert (reply.status, reply.headers.get("x-sluice-truncated")) == (200, "upstream")
    assert answer(reply)["choices"][0]["message"]["content"] == "Hel"


@pytest.mark.parametrize("event", [b"data: plain words\n\n", b'data: "a text"\n\n', b"data: {broken\n\n"])
def test_an_answer_with_events_that_cannot_be_read_is_marked(event: bytes) -> None:
    reply, _ = run(Listed(delta("Hel"), event, delta("lo", "stop"), DONE), incoming())
    assert answer(reply)["choices"][0]["message"]["content"] == "Hello"
    assert reply.headers.get("x-sluice-truncated") == "upstream"
    assert run(Listed(event, DONE), incoming())[0].status == 502


@pytest.mark.parametrize("end", [DONE, b"data:[DONE]\r\n\r\n"])
def test_an_answer_whose_provider_names_no_reason_is_whole(end: bytes) -> None:
    reply, _ = run(Listed(delta("Hello"), end), incoming())
    assert answer(reply)["choices"][0]["finish_reason"] == "stop" and "x-sluice-truncated" not in reply.headers
    reply, _ = run(Listed(delta("Hello")), incoming())
    assert answer(reply)["choices"][0]["finish_reason"] == "length"
    assert reply.headers.get("x-sluice-truncated") == "upstream"


def test_a_json_answer_that_is_cut_is_broken_off_and_not_made_whole() -> None:
    upstream = Listed(b'{"id":"c1",', b'"choices":', UpstreamDisconnected(), headers=JSON)
    with pytest.raises(UpstreamDisconnected):
        run(upstream, incoming())
    assert upstream.body.closed
