"""Chat streams to translate, and a reader of Messages streams that insists on their grammar."""

from __future__ import annotations

import json
from typing import Any

from proxy.wire import sse

DONE = b"data: [DONE]\n\n"
_KINDS = {"text": ("text_delta",), "thinking": ("thinking_delta", "signature_delta"), "tool_use": ("input_json_delta",)}
_MEMBERS = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}


def chunk(delta: Any = None, finish: Any = None, **more: Any) -> dict[str, Any]:
    """A chunk of a chat stream."""
    choice = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [choice],
        **more,
    }


def call(index: Any = 0, identifier: Any = None, name: Any = None, arguments: Any = None) -> dict[str, Any]:
    """A delta with a piece of one call."""
    members = {"index": index, "id": identifier, "function": {"name": name, "arguments": arguments}}
    return {"tool_calls": [{name: value for name, value in members.items() if value is not None}]}


def stream(*chunks: Any) -> bytes:
    """The events of a chat stream, without its end."""
    return b"".join(b"data: %s\n\n" % json.dumps(value).encode() for value in chunks)


def read(data: bytes) -> dict[str, Any]:
    """The message that a strict client reads. `events` has the types of all events; `ended` says whether it ended."""
    message: dict[str, Any] = {"events": [], "ended": False, "content": []}
    is_open = False
    for name, text in sse.events(data):
        event = json.loads(text)
        assert name == event["type"]
        assert not message["ended"]
        message["events"].append(name)
        assert (name == "message_start") == (len(message["events"]) == 1) or name == "error"
        if name == "message_start":
            message |= {**event["message"], "content": []}
            assert event["message"]["stop_reason"] is None
        elif name == "content_block_start":
            assert not is_open
            assert event["index"] == len(message["content"])
            is_open = True
            message["content"].append({**event["content_block"], "json": "", "closed": False})
        elif name == "content_block_delta":
            assert is_open
            assert event["index"] == len(message["content"]) - 1
            block, delta = message["content"][-1], event["delta"]
            assert delta["type"] in _KINDS[block["type"]]
            if delta["type"] == "input_json_delta":
                block["json"] += delta["partial_json"]
            else:
                assert not block.get("signature")
                block[_MEMBERS[delta["type"]]] += delta[_MEMBERS[delta["type"]]]
        elif name == "content_block_stop":
            assert is_open
            assert event["index"] == len(message["content"]) - 1
            is_open = False
            message["content"][-1]["closed"] = True
        elif name == "message_delta":
            assert "message_delta" not in message["events"][:-1]
            assert not is_open or message["content"][-1]["type"] == "tool_use"
            message |= event["delta"]
            message["usage"] = {**message["usage"], **event["usage"]}
        elif name == "message_stop":
            assert message["events"][-2] == "message_delta"
            message["ended"] = True
        else:
            assert name == "error"
            message["error"] = event["error"]
    return message


def blocks(message: dict[str, Any]) -> list[tuple[str, str]]:
    """The type of each block with its text, or with the name and the arguments of the call."""
    found = []
    for block in message["content"]:
        kind = block["type"]
        found.append((kind, f"{block['name']} {block['json']}" if kind == "tool_use" else block[kind]))
    return found
