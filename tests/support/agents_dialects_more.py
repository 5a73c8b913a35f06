"""Anthropic's Messages and Google's Gemini API, as the scripted upstream of the agents speaks them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.support.agents_dialects import TEXT, Dialect, Json, ToolCall, data, named


class Messages(Dialect):
    """Anthropic's Messages. A key as a Bearer is refused, as Anthropic refuses it."""

    busy_status = 529

    def key(self, headers: Mapping[str, str]) -> str | None:
        return headers.get("x-api-key")

    def error(self, status: int, message: str) -> Json:
        kind = {401: "authentication_error", 529: "overloaded_error"}[status]
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}

    def tools(self, body: Json) -> list[tuple[str, Json]]:
        return [(one["name"], one["input_schema"]) for one in body.get("tools") or [] if "input_schema" in one]

    def outputs(self, body: Json) -> list[Any]:
        contents = [one["content"] for one in body["messages"] if isinstance(one["content"], list)]
        return [part["content"] for content in contents for part in content if part["type"] == "tool_result"]

    def events(self, model: str, call: ToolCall | None) -> list[bytes]:
        begun = {**self.whole(model, call), "content": [], "stop_reason": None}
        if call is None:
            block: Json = {"type": "text", "text": ""}
            deltas: list[Json] = [{"type": "text_delta", "text": piece} for piece in TEXT]
        else:
            block = {"type": "tool_use", "id": "toolu_1", "name": call.name, "input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": json.dumps(call.arguments)}]
        end = {"stop_reason": "tool_use" if call else "end_turn", "stop_sequence": None}
        events: list[Json] = [
            {"type": "message_start", "message": begun},
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "ping"},
            *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": end, "usage": {"output_tokens": 7}},
            {"type": "message_stop"},
        ]
        return [named(event) for event in events]

    def whole(self, model: str, call: ToolCall | None) -> Json:
        content: Json = {"type": "text", "text": "".join(TEXT)}
        if call is not None:
            content = {"type": "tool_use", "id": "toolu_1", "name": call.name, "input": call.arguments}
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [content],
            "stop_reason": "tool_use" if call else "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 11, "output_tokens": 7},
        }


class Gemini(Dialect):
    """Google's Gemini API, which answers a key that it does not know with 400."""

    refused_status = 400

    def key(self, headers: Mapping[str, str]) -> str | None:
        return headers.get("x-goog-api-key")

    def error(self, status: int, message: str) -> Json:
        name = {400: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED"}[status]
        error: Json = {"code": status, "message": message, "status": name}
        if status == 400:
            kind = "type.googleapis.com/google.rpc.ErrorInfo"
            error["details"] = [{"@type": kind, "reason": "API_KEY_INVALID", "domain": "googleapis.com"}]
        return {"error": error}

    def tools(self, body: Json) -> list[tuple[str, Json]]:
        functions = [one for tool in body.get("tools") or [] for one in tool.get("functionDeclarations", [])]
        return [(one["name"], one.get("parametersJsonSchema") or one.get("parameters") or {}) for one in functions]

    def outputs(self, body: Json) -> list[Any]:
        parts = [part for content in body["contents"] for part in content["parts"]]
        return [part["functionResponse"]["response"] for part in parts if "functionResponse" in part]

    def events(self, model: str, call: ToolCall | None) -> list[bytes]:
        if call is not None:
            return [data(self.whole(model, call))]
        chunks = [self._answer(model, [{"text": piece}]) for piece in TEXT]
        return [*map(data, chunks), data(self._answer(model, [{"text": ""}], ended=True))]

    def whole(self, model: str, call: ToolCall | None) -> Json:
        part: Json = {"text": "".join(TEXT)}
        if call is not None:
            part = {"functionCall": {"name": call.name, "args": call.arguments}}
        return self._answer(model, [part], ended=True)

    def _answer(self, model: str, parts: list[Json], ended: bool = False) -> Json:
        candidate: Json = {"content": {"role": "model", "parts": parts}, "index": 0}
        if ended:
            candidate["finishReason"] = "STOP"
        usage = {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18}
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": model, "responseId": "resp_1"}
