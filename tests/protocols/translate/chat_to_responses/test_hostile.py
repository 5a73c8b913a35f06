"""Callers and upstreams that send anything at all."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import BadRequest
from proxy.protocols.translate.chat_to_responses.answer import to_completion
from proxy.protocols.translate.chat_to_responses.demand import demands_responses
from proxy.protocols.translate.chat_to_responses.request import to_responses
from proxy.protocols.translate.chat_to_responses.stream import ChatStream
from tests.support.responses import (
    added,
    call,
    completed,
    created,
    custom,
    done,
    event,
    message,
    read,
    reasoning,
    stream,
    text_delta,
)

MEMBERS = (
    "type role content text name id arguments input function custom tool_calls tool_call_id image_url url file "
    "file_id file_data filename refusal reasoning_details data tools tool_choice allowed_tools mode format grammar "
    "syntax definition parameters json_schema schema strict effort item output_index item_id content_index "
    "summary_index delta response status output summary encrypted_content error message code usage input_tokens "
    "call_id output_text"
).split()
WORDS = (
    "a text function custom user assistant tool system message reasoning function_call output_text refusal grammar "
    "json_schema allowed_tools sluice-a failed incomplete image_url file \ud800 /v1/responses reasoning_effort"
).split()
SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.just(1e400) | st.sampled_from(["", *WORDS])
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=4),
    max_leaves=12,
)
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": True}}
GRAMMAR = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}}
REQUEST: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "s"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "a"},
                {"type": "image_url", "image_url": {"url": "u", "detail": "low"}},
                {"type": "file", "file": {"file_data": "d", "filename": "n"}},
            ],
        },
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "r"}],
            "reasoning_details": [{"type": "reasoning.encrypted", "data": "sluice-a"}],
            "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "d", "type": "custom", "custom": {"name": "g", "input": ""}},
            ],
        },
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "a"}]},
        {"role": "tool", "tool_call_id": "d", "content": "x"},
    ],
    "tools": [FUNCTION, {"type": "custom", "custom": {"name": "g", "format": GRAMMAR}}],
    "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [FUNCTION]}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
    "max_tokens": 5,
    "modalities": ["text"],
    "n": 1,
    "logit_bias": {},
    "stop": "x",
    "stream": True,
}
ITEMS = [reasoning("a", "b", encrypted_content="e"), message("c", {"type": "refusal", "refusal": "r"}), call("{}")]
EVENTS: list[Any] = [
    created(),
    added(reasoning(), 0),
    event("reasoning_summary_text.delta", 0, item_id="rs_1", summary_index=0, delta="a"),
    event("reasoning_text.done", 0, item_id="rs_1", content_index=0, text="a"),
    done(ITEMS[0], 0),
    added(message(), 1),
    text_delta("c", 1),
    event("output_text.done", 1, content_index=0, text="cd"),
    added(call(), 2),
    event("function_call_arguments.delta", 2, delta="{"),
    event("function_call_arguments.done", 2, arguments="{}", name="f"),
    added(custom(), 3),
    event("custom_tool_call_input.done", 3, input="x"),
    completed(*ITEMS, custom("x")),
]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place within a JSON value, as an object or a list and a key of it."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for key in keys for place in [(value, key), *places(value[key])]]


@st.composite
def mutated(draw: st.DrawFn, whole: Any) -> Any:
    """A value that is valid but for one or two places."""
    value = copy.deepcopy(whole)
    for _ in range(draw(st.integers(1, 2))):
        container, key = draw(st.sampled_from(places(value)))
        container[key] = draw(JSON)
    return value


@settings(max_examples=400, deadline=None)
@given(mutated(REQUEST))
def test_a_request_that_is_nearly_valid_is_refused_at_worst(request: dict[str, Any]) -> None:
    before = json.dumps(request)
    with suppress(BadRequest):
        assert to_responses(request).request["input"]
    assert json.dumps(request) == before


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(list(REQUEST)), JSON), st.lists(JSON, min_size=1, max_size=4))
def test_junk_of_a_caller_is_refused_at_worst(members: dict[str, Any], parts: list[Any]) -> None:
    turns = [{"role": role, "content": parts, "tool_calls": parts} for role in ("user", "assistant", "tool")]
    for request in (members, {**members, "messages": turns}, {**REQUEST, "tools": parts}):
        with suppress(BadRequest):
            assert to_responses(request).request["input"]


@settings(max_examples=400, deadline=None)
@given(mutated(EVENTS))
def test_an_upstream_s_stream_never_raises(events: list[Any]) -> None:
    made = ChatStream("m", include_usage=True)
    pieces = [b"data: %s\n\n" % json.dumps(each).encode() for each in events]
    found = read(b"".join(map(made.feed, pieces)) + made.end())
    assert found["ended"] == made.ended
    assert [made.ended, made.is_cut, made.error is not None].count(True) == 1


@settings(max_examples=200, deadline=None)
@given(st.lists(JSON, max_size=3), mutated(EVENTS[-1]["response"]), JSON, JSON)
def test_junk_of_an_upstream_never_raises(items: list[Any], response: Any, error: Any, value: Any) -> None:
    made = ChatStream("m", include_usage=True)
    events = [value, *map(added, items), *map(done, items), error]
    read(made.feed(stream(*(each for each in events if isinstance(each, dict)))) + made.end())
    for answer in (response, {"output": items}, {"error": error}, {"output": [], "status": "failed", "error": error}):
        found = to_completion(answer, "m")
        assert found is None or "error" in found or found["choices"]
    demands_responses(400, error)
    demands_responses(400, {"error": error})
