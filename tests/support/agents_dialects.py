"""What the scripted upstream of the agents says in each of four APIs, and what it reads in their requests."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

Json = dict[str, Any]
# What every answer says, in the pieces in which it is sent.
TEXT = ("The gate ", "is open: 水闸", "已开。")


@dataclass(frozen=True)
class ToolCall:
    """What an answer asks for in place of a text."""

    name: str
    arguments: Json


def bearer(headers: Mapping[str, str]) -> str | None:
    """The key in `Authorization: Bearer KEY`."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key if scheme.lower() == "bearer" and key else None


def data(value: Json | str) -> bytes:
    """An event without a name."""
    return b"data: " + (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).encode() + b"\n\n"


def named(value: Json) -> bytes:
    """An event whose name is its type."""
    return f"event: {value['type']}\n".encode() + data(value)


class Dialect(ABC):
    """One API: `events` is an answer as a stream, `whole` the same in one piece."""

    busy_status = 429
    refused_status = 401

    def key(self, headers: Mapping[str, str]) -> str | None:
        """The key where this API wants it; a key elsewhere is none."""
        return bearer(headers)

    def error(self, status: int, message: str) -> Json:
        """The body of an error."""
        kind = {401: "invalid_request_error", 429: "rate_limit_error"}[status]
        code = {401: "invalid_api_key", 429: "rate_limit_exceeded"}[status]
        return {"error": {"message": message, "type": kind, "param": None, "code": code}}

    def tools(self, body: Json) -> list[tuple[str, Json]]:
        """Name and schema of each function that the request offers."""
        functions = (one["function"] for one in body.get("tools") or [])
        return [(function["name"], function.get("parameters", {})) for function in functions]

    def outputs(self, body: Json) -> list[Any]:
        """What tools have answered, as the request carries it."""
        return [one["content"] for one in body["messages"] if one["role"] == "tool"]

    @abstractmethod
    def events(self, model: str, call: ToolCall | None) -> list[bytes]:
        """The events of the text, or of a tool call."""

    @abstractmethod
    def whole(self, model: str, call: ToolCall | None) -> Json:
        """An answer in one piece."""


class Chat(Dialect):
    """OpenAI's chat completions."""

    _usage: ClassVar = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}

    def events(self, model: str, call: ToolCall | None) -> list[bytes]:
        if call is None:
            deltas: list[Json] = [{"content": piece} for piece in TEXT]
        else:
            function = {"name": call.name, "arguments": json.dumps(call.arguments)}
            deltas = [{"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]}]
        choices: list[list[Json]] = [
            [{"index": 0, "delta": delta, "finish_reason": None}]
            for delta in ({"role": "assistant", "content": ""}, *deltas)
        ]
        choices.append([{"index": 0, "delta": {}, "finish_reason": "tool_calls" if call else "stop"}])
        common = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 7, "model": model}
        chunks = [data({**common, "choices": one}) for one in choices]
        return [*chunks, data({**common, "choices": [], "usage": self._usage}), data("[DONE]")]

    def whole(self, model: str, call: ToolCall | None) -> Json:
        assert call is None
        message = {"role": "assistant", "content": "".join(TEXT)}
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 7,
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": self._usage,
        }


class Responses(Dialect):
    """OpenAI's Responses."""

    def tools(self, body: Json) -> list[tuple[str, Json]]:
        return [(one["name"], one["parameters"]) for one in body.get("tools") or [] if one["type"] == "function"]

    def outputs(self, body: Json) -> list[Any]:
        return [one["output"] for one in body["input"] if one.get("type") == "function_call_output"]

    def events(self, model: str, call: ToolCall | None) -> list[bytes]:
        begun = {**self.whole(model, call), "status": "in_progress", "output": [], "usage": None}
        at = {"output_index": 0, "item_id": "item_1"}
        (item,) = self._output(call)
        events: list[Json] = [
            {"type": "response.created", "response": begun},
            {"type": "response.in_progress", "response": begun},
        ]
        if call is None:
            part = {"type": "output_text", "text": "", "annotations": []}
            events += [
                {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
                {"type": "response.content_part.added", **at, "content_index": 0, "part": part},
                *({"type": "response.output_text.delta", **at, "content_index": 0, "delta": piece} for piece in TEXT),
                {"type": "response.output_text.done", **at, "content_index": 0, "text": "".join(TEXT)},
                {"type": "response.content_part.done", **at, "content_index": 0, "part": item["content"][0]},
            ]
        else:
            events += [
                {"type": "response.output_item.added", "output_index": 0, "item": {**item, "arguments": ""}},
                {"type": "response.function_call_arguments.delta", **at, "delta": item["arguments"]},
                {"type": "response.function_call_arguments.done", **at, "arguments": item["arguments"]},
            ]
        events += [
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": self.whole(model, call)},
        ]
        return [named({**event, "sequence_number": number}) for number, event in enumerate(events)]

    def whole(self, model: str, call: ToolCall | None) -> Json:
        return {
            "id": "resp_1",
            "object": "response",
            "created_at": 7,
            "status": "completed",
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "model": model,
            "output": self._output(call),
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": {
                "input_tokens": 11,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": 7,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": 18,
            },
        }

    def _output(self, call: ToolCall | None) -> list[Json]:
        if call is None:
            content = [{"type": "output_text", "text": "".join(TEXT), "annotations": []}]
            return [{"type": "message", "id": "item_1", "status": "completed", "role": "assistant", "content": content}]
        arguments = json.dumps(call.arguments)
        return [
            {
                "type": "function_call",
                "id": "item_1",
                "call_id": "call_1",
                "status": "completed",
                "name": call.name,
                "arguments": arguments,
            }
        ]
