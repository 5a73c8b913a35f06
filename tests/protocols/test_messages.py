"""What an answer said, for counting its tokens."""

from __future__ import annotations

import json
from typing import Any

from proxy.protocols import registry
from proxy.protocols.answer_messages import answer_messages
from proxy.protocols.members import call_of


def events(*values: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values)


def test_a_responses_stream_names_the_functions_that_it_calls() -> None:
    def added(index: Any, **item: Any) -> dict[str, Any]:
        return {"type": "response.output_item.added", "output_index": index, "item": item}

    def delta(index: Any, kind: str, text: str) -> dict[str, Any]:
        return {"type": f"response.{kind}.delta", "output_index": index, "delta": text}

    messages = registry.get("responses").messages(
        events(
            added(0, type="message"),
            delta(0, "output_text", "Hel"),
            delta(0, "output_text", "lo"),
            added(1, type="function_call", name="f"),
            added(2, type="function_call", name="g"),
            delta(1, "function_call_arguments", '{"a":'),
            delta(2, "function_call_arguments", "{}"),
            delta(1, "function_call_arguments", "1}"),
            {"type": "response.output_item.added", "item": 5},
        )
    )
    assert messages == [{"content": "Hello", "tool_calls": [call_of("f", '{"a":1}'), call_of("g", "{}")]}]
    # Without the event that names the call, its arguments still count.
    assert registry.get("responses").messages(events(delta([], "function_call_arguments", "{}"))) == [{"content": "{}"}]
    assert registry.get("responses").messages(b"") == []


def test_a_whole_responses_answer_is_one_message() -> None:
    text = {"type": "output_text", "text": "Hello"}
    summary = {"type": "summary_text", "text": "Thinking"}
    output = [
        {"type": "reasoning", "summary": [summary]},
        {"type": "message", "content": [text]},
        {"type": "function_call", "name": "f", "arguments": "{}"},
        5,
    ]
    assert answer_messages({"output": output}) == [{"content": [summary, text], "tool_calls": [call_of("f", "{}")]}]
    assert answer_messages({"output": []}) == answer_messages([]) == []
