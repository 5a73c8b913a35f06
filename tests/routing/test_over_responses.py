"""Models that take tools through the Responses API only: the call is sent again, in translation, and remembered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.host import Host
from proxy.messages import Headers, Request
from proxy.upstream import Answer, Outgoing
from proxy.wire import sse
from tests.support.core import JSON_HEAD, SSE, Body, error_of, host, request
from tests.support.routing import run as run_call
from tests.support.several import Several

OPENAI = {"OPENAI_API_KEY": "sk-held", "ALLOW_ANONYMOUS": "1"}
# What OpenAI answers (github.com/openai/openai-openapi/issues/541, 2026-11-26).
DEMAND = {
    "error": {
        "message": "Function tools with reasoning_effort are not supported for gpt-5.5 in /v1/chat/completions. Please "
        "use /v1/responses instead.",
        "type": "invalid_request_error",
        "param": "reasoning_effort",
        "code": None,
    }
}
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object", "properties": {}}},
}
CHAT: dict[str, Any] = {
    "model": "gpt-5.5",
    "messages": [{"role": "user", "content": "Hi"}],
    "tools": [TOOL],
    "reasoning_effort": "low",
}
MESSAGES: dict[str, Any] = {
    "model": "gpt-5.5",
    "max_tokens": 9,
    "messages": CHAT["messages"],
    "tools": [{"name": "f", "input_schema": {"type": "object"}}],
}
USAGE: dict[str, Any] = {
    "input_tokens": 9,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 2,
    "output_tokens_details": {"reasoning_tokens": 1},
    "total_tokens": 11,
}
REASONING: dict[str, Any] = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"}
CALL: dict[str, Any] = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "f",
    "arguments": '{"x":1}',
    "status": "completed",
}
RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 7,
    "model": "gpt-5.5-real",
    "status": "completed",
    "output": [REASONING, CALL],
    "usage": USAGE,
}
STEPS: list[dict[str, Any]] = [
    {"type": "response.created", "response": {**RESPONSE, "status": "in_progress", "output": []}},
    {"type": "response.output_item.added", "output_index": 0, "item": {**REASONING, "encrypted_content": ""}},
    {"type": "response.output_item.done", "output_index": 0, "item": REASONING},
    {"type": "response.output_item.added", "output_index": 1, "item": {**CALL, "arguments": ""}},
    {
        "type": "response.function_call_arguments.delta",
        "output_index": 1,
        "item_id": "fc_1",
        "delta": CALL["arguments"],
    },
    {"type": "response.output_item.done", "output_index": 1, "item": CALL},
    {"type": "response.completed", "response": RESPONSE},
]
EVENTS = b"".join(sse.event({**step, "sequence_number": n}, step["type"]) for n, step in enumerate(STEPS))


class OpenAI:
    """Refuses tools on chat completions, and answers on Responses."""

    def __init__(self, events: bytes = EVENTS, whole: Any = None, demand: Any = None, gone: int = 0) -> None:
        self.sent: list[Outgoing] = []
        self._gone = gone
        self._events, self._whole, self._demand = events, whole or RESPONSE, demand or DEMAND

    async def send(self, outgoing: Outgoing) -> Answer:
        self.sent.append(outgoing)
        if outgoing.path == "chat/completions":
            return Answer(400, Headers(JSON_HEAD), Body(json.dumps(self._demand).encode()))
        asked = json.loads(outgoing.body)
        if self._gone:
            return Answer(self._gone, Headers(JSON_HEAD), Body(b'{"error": {"message": "no"}}'))
        if asked.get("stream"):
            return Answer(200, Headers(SSE), Body(self._events))
        return Answer(200, Headers(JSON_HEAD), Body(json.dumps(self._whole).encode()))

    @property
    def paths(self) -> list[str]:
        return [outgoing.path for outgoing in self.sent]


def asked(path: str = "/v1/chat/completions", members: dict[str, Any] = CHAT, **more: Any) -> Request:
    return request(path, json.dumps({**members, **more}).encode())


def run(upstream: Any, call: Request, on: Host | None = None, settings: dict[str, str] = OPENAI) -> tuple[Any, bytes]:
    return run_call(upstream, call, None, settings, on)


def test_a_chat_is_sent_again_over_responses() -> None:  # E28
    lines: list[str] = []
    upstream = OpenAI()
    reply, data = run(upstream, asked(stream=True, stream_options={"include_usage": True}), host(lines))
    assert reply.status == 200 and upstream.paths == ["chat/completions", "responses"]
    up = json.loads(upstream.sent[1].body)
    assert (up["reasoning"], up["store"], up["tools"][0]["name"]) == ({"effort": "low"}, False, "f")
    assert upstream.sent[1].target.key == "sk-held"
    chunks = list(sse.objects(data))
    (call,) = [
        one
        for chunk in chunks
        for choice in chunk["choices"]
        for one in choice["delta"].get("tool_calls", ())
        if "id" in one
    ]
    assert (call["id"], call["function"]["name"]) == ("call_1", "f")
    assert chunks[-1]["usage"]["prompt_tokens"] == 9 and data.endswith(b"data: [DONE]\n\n")
    line = json.loads(lines[-1])
    assert (line["gen_ai.usage.input_tokens"], line["gen_ai.usage.output_tokens"]) == (9, 2)
    assert (line["gen_ai.response.model"], line["ending"]) == ("gpt-5.5-real", "complete")


def test_a_whole_chat_too() -> None:
    reply, data = run(OpenAI(), asked())
    completion = json.loads(data)
    assert reply.headers.get("content-length") == str(len(data))
    assert completion["object"] == "chat.completion" and completion["choices"][0]["finish_reason"] == "tool_calls"


def test_what_was_learned_holds_for_the_same_model_and_effort() -> None:
    on, upstream = host(), OpenAI()
    for model, effort in (("gpt-5.5", "low"), ("gpt-5.5", "low"), ("gpt-5.5", "high"), ("gpt-5.6", "low")):
        run(upstream, asked(model=model, reasoning_effort=effort), on)
    again = ["chat/completions", "responses"]
    assert upstream.paths == [*again, "responses", *again, *again]
    upstream.sent.clear()
    run(upstream, asked(tools=None), on)
    run(upstream, asked(tools=[]), on)
    assert upstream.paths == ["chat/completions", "chat/completions"]


def test_tools_may_be_large_and_the_key_the_caller_s() -> None:
    tools = [{**TOOL, "function": {**TOOL["function"], "name": f"f{number}"}} for number in range(200)]
    reply, _ = run(upstream := OpenAI(), asked(tools=tools), None, {})
    assert reply.status == 200 and upstream.paths == ["chat/completions", "responses"]
    assert upstream.sent[1].target.key == "sk-caller"


@pytest.mark.parametrize("status", [404, 405])
def test_a_server_without_responses_keeps_its_own_refusal(status: int) -> None:
    on, upstream = host(), OpenAI(gone=status)
    for members, path in ((CHAT, "/v1/chat/completions"), (MESSAGES, "/v1/messages")):
        for _ in range(2):
            reply, data = run(upstream, asked(path, members), on)
            assert reply.status == 400 and b"/v1/responses" in data
    assert upstream.paths == ["chat/completions", "responses"] * 4, "nothing was learned"


def test_a_second_try_that_fails_moves_the_call_on() -> None:
    two = [
        {"name": "one", "base_url": "https://api.openai.com/v1", "keys": "k1"},
        {"name": "two", "base_url": "https://two.example/v1", "keys": "k2", "priority": 1},
    ]
    on, upstream = host(), OpenAI(gone=429)
    run(upstream, asked(), on, {"ALLOW_ANONYMOUS": "1", "UPSTREAMS": json.dumps(two)})
    names = [(sent.target.name, sent.path) for sent in upstream.sent]
    assert names == [(name, path) for name in ("one", "two") for path in ("chat/completions", "responses")]
    assert not on.only_responses


def test_encrypted_reasoning_goes_up_only_where_it_can_be_read() -> None:
    details: list[dict[str, Any]] = [
        {"type": "reasoning.encrypted", "data": "sluice-gAAAA"},
        {"type": "reasoning.text", "text": "x"},
    ]
    turns: list[dict[str, Any]] = [
        *CHAT["messages"],
        {"role": "assistant", "content": "a", "reasoning_details": details[:1]},
        {"role": "assistant", "content": "b", "reasoning_details": details},
        {"role": "user", "content": "Go on"},
    ]
    upstream = OpenAI()
    run(upstream, asked(messages=turns))
    chat, responses = (json.loads(sent.body) for sent in upstream.sent)
    assert chat["messages"][1:3] == [
        {"role": "assistant", "content": "a"},
        {"role": "assistant", "content": "b", "reasoning_details": details[1:]},
    ]
    assert json.dumps(responses["input"]).count('"encrypted_content": "gAAAA"') == 2
    for body in (
        b'{"model": "m", "messages": "\\"sluice-"}',
        b'{"model": "m", "messages": ["\\"sluice-"]}',
        b'["\\"sluice-',
    ):
        run(upstream := OpenAI(), request(body=body), None, {})
        assert upstream.sent[0].body == body


def test_a_message_is_translated_twice() -> None:
    upstream = OpenAI()
    reply, data = run(upstream, asked("/v1/messages", MESSAGES, stream=True))
    assert reply.status == 200 and upstream.paths == ["chat/completions", "responses"]
    events = list(sse.objects(data))
    blocks = [event["content_block"]["type"] for event in events if event["type"] == "content_block_start"]
    assert blocks == ["thinking", "tool_use"] and events[-1]["type"] == "message_stop"
    signature = next(event["delta"]["signature"] for event in events if "signature" in event.get("delta", {}))
    # The next turn returns the reasoning that OpenAI has encrypted.
    turns = [
        *MESSAGES["messages"],
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "", "signature": signature},
                {"type": "tool_use", "id": "call_1", "name": "f", "input": {"x": 1}},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "ok"}]},
    ]
    reply, _ = run(upstream := OpenAI(), asked("/v1/messages", MESSAGES, messages=turns))
    items = json.loads(upstream.sent[1].body)["input"]
    assert {"type": "reasoning", "summary": [], "encrypted_content": "gAAAA"} in items
    assert "reasoning_details" not in upstream.sent[0].body.decode()
    assert reply.headers.get("x-sluice-dropped") is None


def test_a_whole_message_too() -> None:
    _, data = run(OpenAI(), asked("/v1/messages", MESSAGES))
    message = json.loads(data)
    assert [block["type"] for block in message["content"]] == ["thinking", "tool_use"]
    assert (message["stop_reason"], message["usage"]["output_tokens"]) == ("tool_use", 2)


@pytest.mark.parametrize(
    ("members", "demand", "settings"),
    [
        ({"tools": None}, DEMAND, OPENAI),
        ({}, {"error": {"message": "No such model: /v1/responses", "param": "model"}}, OPENAI),
        ({}, DEMAND, {**OPENAI, "TRANSLATE": "off"}),
        ({}, DEMAND, {**OPENAI, "OPENAI_BASE_URL": "https://api.mistral.ai/v1"}),
        (
            {},
            DEMAND,
            {
                "ALLOW_ANONYMOUS": "1",
                "UPSTREAMS": json.dumps(
                    [{"name": "x", "base_url": "https://x.example/v1", "keys": "k", "translate": False}]
                ),
            },
        ),
    ],
    ids=["no tools", "another refusal", "off", "no Responses API", "off for this one"],
)
def test_any_other_refusal_is_the_caller_s(members: dict[str, Any], demand: Any, settings: dict[str, str]) -> None:
    body = {name: value for name, value in {**CHAT, **members}.items() if value is not None}
    reply, data = run(upstream := OpenAI(demand=demand), request(body=json.dumps(body).encode()), None, settings)
    assert reply.status == 400 and json.loads(data) == demand and upstream.paths == ["chat/completions"]


def test_what_responses_cannot_do_is_refused_in_words() -> None:
    reply, _ = run(upstream := OpenAI(), asked(n=2))
    assert reply.status == 400 and error_of(reply)["param"] == "n" and upstream.paths == ["chat/completions"]


def test_a_failed_response_is_an_error() -> None:
    failed = {**RESPONSE, "status": "failed", "output": [], "error": {"code": "server_error", "message": "Broken."}}
    for path, members in (("/v1/chat/completions", CHAT), ("/v1/messages", MESSAGES)):
        for status in ("queued", "cancelled"):
            reply, _ = run(OpenAI(whole={**RESPONSE, "status": status}), asked(path, members))
            assert reply.status == 500 and error_of(reply)["message"]
        reply, _ = run(OpenAI(whole=failed), asked(path, members))
        assert reply.status == 500 and error_of(reply)["message"] == "Broken."
        event = sse.event({"type": "response.failed", "sequence_number": 0, "response": failed}, "response.failed")
        _, data = run(
            OpenAI(EVENTS[: EVENTS.rindex(b"event: response.completed")] + event), asked(path, members, stream=True)
        )
        assert b"Broken." in data and b"[DONE]" not in data and b"message_stop" not in data


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_a_cut_response_is_never_a_clean_end(path: str) -> None:
    members = CHAT if path.endswith("completions") else MESSAGES
    for end in range(0, len(EVENTS), 97):
        _, data = run(OpenAI(EVENTS[:end]), asked(path, members, stream=True))
        assert (
            b"[DONE]" not in data
            and b"message_stop" not in data
            and (b"upstream_disconnected" in data or b"not readable" in data)
        )


def test_an_upstream_of_responses_alone_serves_chats_and_messages() -> None:
    only = {"name": "x", "responses": "https://x.example/v1", "keys": "k", "openai": False}
    settings = {"ALLOW_ANONYMOUS": "1", "UPSTREAMS": json.dumps([only])}
    for path, members in (("/v1/chat/completions", CHAT), ("/v1/messages", MESSAGES)):
        reply, _ = run(upstream := OpenAI(), asked(path, members), None, settings)
        assert reply.status == 200 and upstream.paths == ["responses"]
    reply, _ = run(Several(), request("/v1/embeddings", b'{"model":"m","input":"x"}'), None, settings)
    assert reply.status == 404 and error_of(reply)["code"] == "api_not_served"
