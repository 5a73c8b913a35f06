"""Streams of the Responses API to translate, a strict reader of chat streams, and OpenAI's own types."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any

from openai.types.chat import ChatCompletionChunk
from openai.types.responses.response_create_params import (
    ResponseCreateParamsNonStreaming,
    ResponseCreateParamsStreaming,
)
from pydantic import TypeAdapter

from proxy.wire import sse

USAGE = {
    "input_tokens": 10,
    "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
    "output_tokens": 3,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 13,
}
CHAT_USAGE = {
    "prompt_tokens": 10,
    "completion_tokens": 3,
    "total_tokens": 13,
    "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
    "completion_tokens_details": {"reasoning_tokens": 2},
}


def created(**members: Any) -> dict[str, Any]:
    return {"type": "response.created", "response": response(status="in_progress", usage=None, **members)}


def response(*output: Any, **members: Any) -> dict[str, Any]:
    head = {"id": "resp_1", "object": "response", "created_at": 5, "model": "up", "status": "completed"}
    return {**head, "error": None, "output": list(output), "usage": USAGE, **members}


def completed(*output: Any, **members: Any) -> dict[str, Any]:
    return {"type": "response.completed", "response": response(*output, **members)}


def added(item: Any, place: Any = 0) -> dict[str, Any]:
    return {"type": "response.output_item.added", "output_index": place, "item": item}


def done(item: Any, place: Any = 0) -> dict[str, Any]:
    return {"type": "response.output_item.done", "output_index": place, "item": item}


def event(kind: str, place: Any = 0, **members: Any) -> dict[str, Any]:
    """An event about an item, "output_text.delta" for example."""
    return {"type": f"response.{kind}", "output_index": place, **members}


def text_delta(text: Any, place: Any = 0, **members: Any) -> dict[str, Any]:
    return event("output_text.delta", place, content_index=0, delta=text, **members)


def message(*texts: Any, identifier: Any = "msg_1", **members: Any) -> dict[str, Any]:
    """The item of a message; texts that are no strings are parts."""
    parts = [{"type": "output_text", "text": text} if isinstance(text, str) else text for text in texts]
    return {"type": "message", "id": identifier, "role": "assistant", "content": parts, **members}


def reasoning(*summaries: str, identifier: Any = "rs_1", **members: Any) -> dict[str, Any]:
    parts = [{"type": "summary_text", "text": text} for text in summaries]
    return {"type": "reasoning", "id": identifier, "summary": parts, **members}


def call(arguments: Any = "", name: Any = "f", call_id: Any = "call_1", **members: Any) -> dict[str, Any]:
    return {
        "type": "function_call",
        "id": "fc_1",
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
        **members,
    }


def custom(given: Any = "", name: Any = "c", call_id: Any = "call_1") -> dict[str, Any]:
    return {"type": "custom_tool_call", "id": "ctc_1", "call_id": call_id, "name": name, "input": given}


def stream(*events: Any) -> bytes:
    # A type may be any text here, also half a surrogate pair.
    names = [str(event.get("type")).encode("utf-8", "replace") for event in events]
    pairs = zip(names, events, strict=True)
    return b"".join(b"event: %s\ndata: %s\n\n" % (name, json.dumps(event).encode()) for name, event in pairs)


def read(data: bytes) -> dict[str, Any]:
    """The message that a strict client reads from a chat stream, with the finish reason, the usage and all chunks."""
    found: dict[str, Any] = {"finish_reason": None, "usage": None, "chunks": [], "ended": False, "tool_calls": []}
    for name, text in sse.events(data):
        assert not name
        assert not found["ended"]
        if text == b"[DONE]":
            found["ended"] = True
            continue
        chunk = json.loads(text)
        _check(chunk)
        found["chunks"].append(chunk)
        if not chunk["choices"]:
            assert found["finish_reason"]
            assert found["usage"] is None
            found["usage"] = chunk["usage"]
            continue
        (choice,) = chunk["choices"]
        assert not found["finish_reason"]
        found["finish_reason"] = choice["finish_reason"]
        delta = choice["delta"]
        assert ("role" in delta) == (len(found["chunks"]) == 1)
        for member in ("content", "refusal", "reasoning_content"):
            if member in delta:
                found[member] = found.get(member, "") + delta[member]
        found.setdefault("reasoning_details", []).extend(delta.get("reasoning_details", []))
        for piece in delta.get("tool_calls", []):
            _add_call(found["tool_calls"], piece)
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in found["chunks"]}) <= 1
    assert not found["ended"] or found["finish_reason"]
    return found


def _check(chunk: dict[str, Any]) -> None:
    """Compare a chunk with OpenAI's type, which lacks calls of custom tools."""
    calls = [call for choice in chunk["choices"] for call in choice["delta"].get("tool_calls", [])]
    if not any("custom" in call for call in calls):
        ChatCompletionChunk.model_validate(chunk, strict=True)


def _add_call(calls: list[dict[str, Any]], piece: dict[str, Any]) -> None:
    kind = "custom" if "custom" in piece else "function"
    text = "input" if kind == "custom" else "arguments"
    if piece["index"] == len(calls):
        assert piece["type"] == kind
        assert piece["id"]
        assert piece[kind]["name"]
        calls.append({"id": piece["id"], "kind": kind, "name": piece[kind]["name"], "given": piece[kind][text]})
    else:
        assert set(piece) == {"index", kind}
        assert set(piece[kind]) == {text}
        calls[piece["index"]]["given"] += piece[kind][text]


def checked(request: dict[str, Any]) -> dict[str, Any]:
    """A request, after OpenAI's types have accepted every member of it.

    They demand the ids that are given to stored items, and nothing is stored.
    """
    items = [_with_id(item, position) for position, item in enumerate(request["input"])]
    whole = {**request, "input": items}
    adapter = _adapter(bool(request.get("stream")))
    assert _plain(adapter.validate_python(whole)) == whole
    return request


def _with_id(item: dict[str, Any], position: int) -> dict[str, Any]:
    if item["type"] == "reasoning":
        return {"id": f"rs_{position}", **item}
    if item["type"] == "message" and item["role"] == "assistant":
        return {"id": f"msg_{position}", "status": "completed", **item}
    return item


@functools.cache
def _adapter(streams: bool) -> TypeAdapter[Any]:
    return TypeAdapter(ResponseCreateParamsStreaming if streams else ResponseCreateParamsNonStreaming)


def _plain(value: Any) -> Any:
    """A validated value. Its iterables are validated only when they are read."""
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, Iterator)) else value
