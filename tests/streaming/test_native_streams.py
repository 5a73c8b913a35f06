"""Streams of Anthropic's and Google's APIs through the whole core: pings, deadlines, cuts, assembled answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.errors import UpstreamDisconnected
from proxy.messages import Request
from proxy.wire import sse
from tests.support.core import SSE, Listed, error_of, request, run

PATH = "/v1/messages"
GEMINI = "/v1beta/models/gemini-x:streamGenerateContent"
WHOLE = "/v1beta/models/gemini-x:generateContent"
KEY = (("x-api-key", "sk-caller"),)
STREAMED = b'{"model":"claude-x","max_tokens":9,"stream":true,"messages":[]}'
PLAIN = b'{"model":"claude-x","max_tokens":9,"messages":[]}'
CONTENTS = b'{"contents":[]}'
QUICK = {"KEEPALIVE_FIRST_SECONDS": "1", "KEEPALIVE_SECONDS": "1"}
ONE = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}


def event(kind: str, **members: Any) -> bytes:
    return sse.event({"type": kind, **members}, kind)


START = event("message_start", message={"id": "m", "model": "claude-x", "content": [], "usage": {"input_tokens": 3}})
TEXT = event("content_block_start", index=0, content_block={"type": "text", "text": ""}) + event(
    "content_block_delta", index=0, delta={"type": "text_delta", "text": "Hi"}
)
STOP = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 1}) + event("message_stop")
CHUNK = (
    b'data: {"candidates":[{"content":{"parts":[{"text":"Hi"}]},"index":0}],"usageMetadata":{"promptTokenCount":3}}\n\n'
)
END = b'data: {"candidates":[{"content":{"parts":[]},"finishReason":"STOP","index":0}]}\n\n'


def gemini(deadline: float | None = None, path: str = GEMINI, query: str = "alt=sse") -> Request:
    asked = request(path, CONTENTS, deadline, (("x-goog-api-key", "k"),))
    asked.query = query
    return asked


def messages(body: bytes = STREAMED, deadline: float | None = None) -> Request:
    return request(PATH, body, deadline, KEY)


def test_silence_gets_pings_that_each_client_accepts() -> None:
    _, pieces = run(Listed(2.5, START, TEXT, STOP), messages(), settings={**ONE, **QUICK})
    assert (
        pieces[:2] == [b'event: ping\ndata: {"type": "ping"}\n\n'] * 2 and b"".join(pieces[2:]) == START + TEXT + STOP
    )
    _, pieces = run(Listed(2.5, CHUNK, END), gemini(), settings={**ONE, **QUICK})
    assert pieces[:2] == [b"\n", b"\n"] and b"".join(pieces[2:]) == CHUNK + END


def test_one_json_array_gets_no_pings() -> None:
    body = b'[{"candidates":[]}]'
    upstream = Listed(2.5, body, headers=(("content-type", "application/json"),))
    _, pieces = run(upstream, gemini(query=""), settings={**ONE, **QUICK})
    assert b"".join(pieces) == body


def test_a_deadline_ends_the_answer_truthfully() -> None:
    _, pieces = run(Listed(START, TEXT, 99.0), messages(deadline=10), settings=ONE)
    closed, end, _ = sse.objects(pieces[-1])
    assert closed["type"] == "content_block_stop" and end["delta"]["stop_reason"] == "max_tokens"
    _, pieces = run(Listed(CHUNK, 99.0), gemini(10), settings=ONE)
    (last,) = sse.objects(pieces[-1])
    assert last["candidates"][0]["finishReason"] == "MAX_TOKENS" and last["usageMetadata"] == {"promptTokenCount": 3}


@pytest.mark.parametrize("cut", [(UpstreamDisconnected(),), ()], ids=["broken off", "ended cleanly"])
def test_a_cut_answer_ends_with_an_error(cut: tuple[Exception, ...]) -> None:
    lines: list[str] = []
    _, pieces = run(Listed(START, TEXT, *cut), messages(), lines, settings=ONE)
    (last,) = sse.objects(pieces[-1])
    assert (last["type"], last["error"]["code"]) == ("error", "upstream_disconnected") and last["request_id"] == "sl_1"
    assert json.loads(lines[-1])["ending"] == "upstream_disconnected"
    _, pieces = run(Listed(CHUNK, *cut), gemini(), settings=ONE)
    assert json.loads(pieces[-1])["error"]["status"] == "UNAVAILABLE" and pieces[-1].startswith(b"{")


def test_an_answer_that_is_complete_but_for_the_transport_is_complete() -> None:
    _, pieces = run(Listed(CHUNK, END, UpstreamDisconnected()), gemini(), settings=ONE)
    assert b"".join(pieces) == CHUNK + END


def test_an_error_event_of_the_upstream_is_in_the_log() -> None:
    lines: list[str] = []
    failed = event("error", error={"type": "overloaded_error", "message": "busy"})
    _, pieces = run(Listed(START, failed), messages(), lines, settings=ONE)
    assert b"".join(pieces) == START + failed and json.loads(lines[-1])["ending"] == "upstream_error"
    error = b'{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}\n\n'
    _, pieces = run(Listed(CHUNK, error), gemini(), lines, settings=ONE)
    assert b"".join(pieces) == CHUNK + error and json.loads(lines[-1])["ending"] == "upstream_error"


@pytest.mark.parametrize("quote", [b'"', b"'"], ids=["JSON", "no JSON"])
def test_the_server_s_key_is_redacted_in_an_error_without_a_field(quote: bytes) -> None:
    held = {"GEMINI_API_KEY": "google-server-key-123", "ALLOW_ANONYMOUS": "1"}
    error = b'{"error": %bkey google-server-key-123 is no key%b}\n\n' % (quote, quote)
    _, pieces = run(Listed(CHUNK, error), gemini(), settings=held)
    assert b"google-server-key" not in b"".join(pieces) and b"[redacted]" in pieces[-1]
    fine = b'{"error": %bbusy%b}\n\n' % (quote, quote)
    _, pieces = run(Listed(CHUNK, fine), gemini(), settings=held)
    assert pieces[-1] == fine


def test_an_answer_is_assembled_where_time_is_short() -> None:
    upstream = Listed(START, TEXT, STOP)
    reply, (body,) = run(upstream, messages(PLAIN, 30), settings=ONE)
    assert (
        json.loads(upstream.sent[0].body)["stream"] is True and reply.headers.get("content-type") == "application/json"
    )
    assert json.loads(body) == {
        "id": "m",
        "model": "claude-x",
        "content": [{"type": "text", "text": "Hi"}],
        "usage": {"input_tokens": 3, "output_tokens": 1},
        "stop_reason": "end_turn",
    }
    upstream = Listed(CHUNK, END)
    _, (body,) = run(upstream, gemini(30, WHOLE, ""), settings=ONE)
    assert (upstream.sent[0].path, upstream.sent[0].query) == ("models/gemini-x:streamGenerateContent", "alt=sse")
    assert json.loads(body)["candidates"][0]["content"]["parts"] == [{"text": "Hi"}]


def test_an_assembled_answer_keeps_what_was_said_in_time() -> None:
    reply, (body,) = run(Listed(START, TEXT, 99.0), messages(PLAIN, 10), settings=ONE)
    assert (json.loads(body)["stop_reason"], json.loads(body)["sluice"]) == ("max_tokens", {"truncated": "deadline"})
    assert reply.headers.get("x-sluice-truncated") == "deadline"


def test_an_assembled_answer_that_fails_has_the_api_s_error() -> None:
    failed = event("error", error={"type": "overloaded_error", "message": "busy"})
    reply, _ = run(Listed(START, failed), messages(PLAIN, 30), settings=ONE)
    assert reply.status == 502 and error_of(reply)["type"] == "overloaded_error"
    error = b'{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}\n\n'
    reply, _ = run(Listed(error), gemini(30, WHOLE, ""), settings=ONE)
    assert reply.status == 503 and error_of(reply)["status"] == "UNAVAILABLE"


def test_metering_adds_a_comment_only_where_clients_pass_over_it() -> None:
    metered = {**ONE, "METERING": "comment"}
    _, pieces = run(Listed(START, TEXT, STOP), messages(), settings=metered)
    assert b"".join(pieces).endswith(b"\n\n") and b": sluice {" in pieces[-1]
    _, pieces = run(Listed(CHUNK, END), gemini(), settings=metered)
    assert b"".join(pieces) == CHUNK + END


def test_the_log_has_the_model_and_the_usage() -> None:
    lines: list[str] = []
    run(Listed(START, TEXT, STOP), messages(), lines, settings=ONE)
    line = json.loads(lines[-1])
    assert (line["gen_ai.request.model"], line["gen_ai.response.model"]) == ("claude-x", "claude-x")
    assert (line["gen_ai.usage.input_tokens"], line["gen_ai.usage.output_tokens"]) == (3, 1)
    run(Listed(CHUNK.replace(b'"usage', b'"modelVersion":"gemini-x-001","usage'), END), gemini(), lines, settings=ONE)
    line = json.loads(lines[-1])
    assert (line["gen_ai.request.model"], line["gen_ai.response.model"]) == ("gemini-x", "gemini-x-001")
    assert line["path"] == "/v1beta/models/gemini-x:streamGenerateContent" and line["stream"] is True


def test_a_key_in_the_query_is_neither_in_the_log_nor_upstream() -> None:
    lines: list[str] = []
    upstream = Listed(CHUNK, END, headers=SSE)
    asked = gemini(query="alt=sse&%6bey=secret-key-1&access_token=secret-token-2")
    asked.headers.remove("x-goog-api-key")
    run(upstream, asked, lines, settings=ONE)
    assert upstream.sent[0].target.key == "secret-key-1" and upstream.sent[0].query == "alt=sse"
    assert "secret" not in "".join(lines)
    asked = gemini(query="key=other")
    run(upstream, asked, settings=ONE)
    assert upstream.sent[1].target.key == "k" and upstream.sent[1].query == ""
