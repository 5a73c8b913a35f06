"""Whole answers, usage and errors of chat upstreams in the form of the Messages API."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import BadRequest
from proxy.protocols.translate.chat_providers import ROWS, UNKNOWN
from proxy.protocols.translate.errors import stream_status
from proxy.protocols.translate.messages_to_chat.answer import to_message
from proxy.protocols.translate.messages_to_chat.errors import translated_error
from proxy.protocols.translate.messages_to_chat.request import to_chat
from proxy.protocols.translate.messages_to_chat.stream import MessagesStream
from proxy.protocols.translate.messages_to_chat.usage import messages_usage
from tests.support.translate import read, stream


def completion(finish: Any = "stop", **message: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": None, **message}, "finish_reason": finish}
    usage = {"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}
    return {"id": "chatcmpl-1", "object": "chat.completion", "model": "up", "choices": [choice], "usage": usage}


def function(identifier: Any, name: str, arguments: Any) -> dict[str, Any]:
    return {"id": identifier, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_a_completion_is_a_message() -> None:
    calls = [function("a", "f", '{"x":1}'), function("b", "short", ""), 5]
    answer = completion("tool_calls", content="Hi", reasoning_content="Hm", tool_calls=calls)
    message = to_message(answer, "claude-x", {"short": "original"})
    assert message is not None
    assert message.pop("id").startswith("msg_")
    assert message["content"][0].pop("signature").startswith("sluice-")
    assert message == {
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [
            {"type": "thinking", "thinking": "Hm"},
            {"type": "text", "text": "Hi", "citations": None},
            {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}, "caller": {"type": "direct"}},
            {"type": "tool_use", "id": "b", "name": "original", "input": {}, "caller": {"type": "direct"}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "stop_details": None,
        "container": None,
        "usage": {
            "input_tokens": 6,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 4,
            "output_tokens": 3,
            "output_tokens_details": None,
            **dict.fromkeys(("cache_creation", "inference_geo", "server_tool_use", "service_tier")),
        },
    }


def test_calls_without_ids_are_several() -> None:
    message = to_message(completion(None, tool_calls=[function(None, "f", {}), function(None, "g", {"x": 1})]), "m")
    assert message is not None
    assert [(block["name"], block["input"]) for block in message["content"]] == [("f", {}), ("g", {"x": 1})]
    assert message["content"][0]["id"] != message["content"][1]["id"]
    assert message["stop_reason"] == "tool_use"


def test_a_call_that_was_cut_off_is_left_out() -> None:
    calls = [function("a", "f", '{"x":1}'), function("b", "g", '{"y')]
    message = to_message(completion("length", content="<think>Hm</think>Hi", tool_calls=calls), "m")
    assert message is not None
    assert [block["type"] for block in message["content"]] == ["thinking", "text", "tool_use"]
    assert message["stop_reason"] == "max_tokens"
    message = to_message(completion("length", tool_calls=calls[::-1]), "m")
    assert message is not None and [block["id"] for block in message["content"]] == ["a"]


@pytest.mark.parametrize(
    "answer",
    [{}, {"choices": 5}, {"choices": [5]}, {"choices": [{"message": "x"}]}, completion("error", content="x")],
)
def test_what_is_no_answer_is_none(answer: dict[str, Any]) -> None:
    assert to_message(answer, "m") is None


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({}, (0, 0, 0, 0)),
        ({"prompt_tokens": 10, "completion_tokens": 2}, (10, 0, 0, 2)),
        ({"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 12}}, (0, 12, 0, 0)),
        ({"prompt_tokens": 10, "prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 6}, (6, 4, 0, 0)),
        ({"prompt_tokens": 10, "cached_tokens": 4, "prompt_tokens_details": {"cached_tokens": 4}}, (6, 4, 0, 0)),
        ({"prompt_tokens": 10, "prompt_tokens_details": {"cache_write_tokens": 3}}, (7, 0, 3, 0)),
        ({"prompt_tokens": "10", "completion_tokens": -1, "prompt_tokens_details": 5}, (0, 0, 0, 0)),
    ],
)
def test_usage_excludes_what_the_cache_held(usage: dict[str, Any], expected: tuple[int, ...]) -> None:  # E8
    counts = messages_usage(usage)
    names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")
    assert tuple(counts[name] for name in names) == expected


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (503, "api_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
def test_an_error_keeps_its_status_and_gets_the_type_of_it(status: int, kind: str) -> None:
    body = {"error": {"message": "no", "type": "x", "param": None, "code": "c"}}
    error = {"type": kind, "message": "no", "code": "c"}
    assert translated_error(status, body, "r") == (status, {"type": "error", "error": error, "request_id": "r"})
    assert translated_error(status, body["error"], "r") == translated_error(status, body, "r")


@pytest.mark.parametrize(
    ("error", "sizes"),
    [
        ({"message": "Too long.", "code": "context_length_exceeded"}, ""),
        (
            {"message": "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens."},
            "5000 tokens > 4096 maximum. ",
        ),
        (
            {"message": "Your request exceeded model token limit: 131072 (requested: 140000)"},
            "140000 tokens > 131072 maximum. ",
        ),
        ({"message": "The input token count exceeds the maximum number of tokens allowed."}, ""),
        ({"message": "Range of input length should be [1, 98304]"}, ""),
        ({"detail": "context window is 9000 tokens"}, ""),
    ],
)
def test_a_prompt_that_is_too_long_is_said_in_the_words_that_clients_look_for(error: Any, sizes: str) -> None:  # E16
    for status in (400, 413):
        found = translated_error(status, error)
        assert found.status == 400 and found.body["error"]["type"] == "invalid_request_error"
        text = error.get("message") or error["detail"]
        assert found.body["error"]["message"] == f"prompt is too long: {sizes}{text}"
    assert translated_error(429, error).status == 429
    assert stream_status(error) == 400


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("no", "no"),
        ({"code": 5}, '{"code":5}'),
        ({"message": "x" * 5_000}, "x" * 4_000),
        ("", "The upstream failed and did not say why."),
    ],
)
def test_an_error_always_says_something(error: Any, expected: str) -> None:
    assert translated_error(500, error).body["error"]["message"] == expected


MEMBERS = (
    "type text thinking content role id name input index function arguments tool_calls delta choices finish_reason "
    "usage message error reasoning refusal source data tool_use_id input_schema format schema effort prompt_tokens"
).split()
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from(["", "a", "text", "tool_use", "thinking", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(MEMBERS), JSON, max_size=4), st.lists(JSON, max_size=4), JSON)
def test_junk_of_an_upstream_never_raises(chunk: dict[str, Any], deltas: list[Any], error: Any) -> None:
    made = MessagesStream("m")
    chunks = [chunk, *({"choices": [{"index": 0, "delta": delta}]} for delta in deltas)]
    read(made.feed(stream(*chunks)) + made.end())
    to_message({"choices": [{"message": chunk}]}, "m")
    to_message(chunk, "m")
    translated_error(400, error)
    stream_status(error)


REQUEST = (
    "model messages system tools tool_choice max_tokens stop_sequences temperature top_k thinking output_config stream"
).split()


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.sampled_from(REQUEST), JSON, max_size=6), st.lists(JSON, min_size=1, max_size=4), st.booleans()
)
def test_junk_of_a_caller_is_refused_at_worst(request_: dict[str, Any], blocks: list[Any], reasons: bool) -> None:
    turns = [{"role": role, "content": [block]} for role in ("assistant", "user") for block in blocks]
    for provider in (UNKNOWN, *ROWS[:2]):
        for request in (request_, {**request_, "messages": turns}, {"messages": turns, "tools": blocks}):
            with suppress(BadRequest):
                assert to_chat(request, provider, reasons).request["messages"]
