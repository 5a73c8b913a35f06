"""The content filter on Anthropic's and Google's APIs: prompts, whole answers and streams."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.wire import sse
from tests.support.core import Listed, error_of, run
from tests.support.core import request as core_request
from tests.support.moderation import WORDS

MESSAGES = "/v1/messages"
GEMINI = "/v1beta/models/gemini-x:streamGenerateContent"
WHOLE = "/v1beta/models/gemini-x:generateContent"
JSON = (("content-type", "application/json"),)
ONE = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "ASSEMBLE": "off", **WORDS}


def event(kind: str, **members: Any) -> bytes:
    return sse.event({"type": kind, **members}, kind)


START = event("message_start", message={"id": "m", "model": "claude-x", "content": [], "usage": {"input_tokens": 3}})
BLOCK = event("content_block_start", index=0, content_block={"type": "text", "text": ""})


def text(words: str) -> bytes:
    return event("content_block_delta", index=0, delta={"type": "text_delta", "text": words})


def chunk(words: str, **candidate: Any) -> bytes:
    content = {"parts": [{"text": words}], "role": "model"}
    return sse.event({"candidates": [{"content": content, "index": 0, **candidate}], "responseId": "r"})


def asked(path: str, body: Any, upstream: Listed, query: str = "", **settings: str) -> tuple[Any, bytes]:
    call = core_request(path, json.dumps(body).encode())
    call.query = query
    reply, pieces = run(upstream, call, settings={**ONE, **settings})
    return reply, b"".join(pieces)


def test_a_prompt_is_checked_wherever_it_is() -> None:
    bodies: list[tuple[str, Any]] = [
        (MESSAGES, {"model": "m", "system": [{"type": "text", "text": "forbidden"}], "messages": []}),
        (MESSAGES, {"model": "m", "messages": [{"role": "user", "content": "forbidden"}]}),
        (MESSAGES, {"model": "m", "messages": [], "tools": [{"name": "f", "description": "forbidden"}]}),
        (WHOLE, {"contents": [{"parts": [{"text": "forbidden"}]}]}),
        (WHOLE, {"contents": [], "systemInstruction": {"parts": [{"text": "forbidden"}]}}),
        (WHOLE, {"contents": [{"parts": [{"functionResponse": {"name": "f", "response": {"a": "forbidden"}}}]}]}),
    ]
    for path, body in bodies:
        upstream = Listed(b"{}", headers=JSON)
        reply, _ = asked(path, body, upstream, MODERATION_INPUT="1")
        assert reply.status == 400 and error_of(reply)["code"] == "content_filter" and not upstream.sent


@pytest.mark.parametrize(
    "answer",
    [
        {"type": "message", "content": [{"type": "text", "text": "forbidden"}], "id": "m"},
        {"type": "message", "content": [{"type": "tool_use", "name": "f", "input": {"a": "forbidden"}}], "id": "m"},
        {"type": "message", "content": [{"type": "thinking", "thinking": "forbidden"}], "id": "m"},
    ],
)
def test_a_whole_message_is_withheld(answer: dict[str, Any]) -> None:
    upstream = Listed(json.dumps(answer).encode(), headers=JSON)
    _, body = asked(MESSAGES, {"model": "m", "messages": []}, upstream)
    said = json.loads(body)
    assert b"forbidden" not in body and said["id"] == "m"
    assert said["content"] == [{"type": "text", "text": "No."}] and said["stop_reason"] == "refusal"


def test_a_whole_answer_of_google_s_is_withheld() -> None:
    answer = {"candidates": [{"content": {"parts": [{"text": "forbidden"}]}, "index": 0}], "modelVersion": "g"}
    _, body = asked(WHOLE, {"contents": []}, Listed(json.dumps(answer).encode(), headers=JSON))
    (candidate,) = json.loads(body)["candidates"]
    assert b"forbidden" not in body and candidate["finishReason"] == "SAFETY"
    assert candidate["content"]["parts"] == [{"text": "No."}]


def test_a_stream_is_withheld_from_the_first_bad_word_on() -> None:
    stream = Listed(START, BLOCK, text("Fine.\n"), text("for"), text("bidden\n"), text("more"))
    _, body = asked(MESSAGES, {"model": "m", "stream": True, "messages": []}, stream)
    assert b"Fine." in body and b"bidden" not in body
    *_, end, last = sse.objects(body)
    assert (end["delta"]["stop_reason"], last["type"]) == ("refusal", "message_stop")
    _, body = asked(GEMINI, {"contents": []}, Listed(chunk("Fine.\n"), chunk("forbidden\n"), chunk("x")), "alt=sse")
    *_, last = sse.objects(body)
    assert b"Fine." in body and b"forbidden" not in body
    assert last["candidates"][0]["finishReason"] == "SAFETY" and last["responseId"] == "r"


def test_a_stream_without_bad_words_passes_untouched() -> None:
    stop = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 1}) + event("message_stop")
    _, body = asked(MESSAGES, {"model": "m", "stream": True, "messages": []}, Listed(START, BLOCK, text("Fine."), stop))
    assert body == START + BLOCK + text("Fine.") + stop
    good = chunk("Fine."), chunk("", finishReason="STOP")
    _, body = asked(GEMINI, {"contents": []}, Listed(*good), "alt=sse")
    assert body == b"".join(good)


def test_an_answer_that_is_one_array_cannot_be_checked() -> None:
    answer = json.dumps([{"candidates": [{"content": {"parts": [{"text": "forbidden"}]}}]}]).encode()
    reply, body = asked(GEMINI, {"contents": []}, Listed(answer, headers=JSON))
    assert reply.status == 502 and b"forbidden" not in body
    assert error_of(reply)["code"] == "moderation_unavailable"
