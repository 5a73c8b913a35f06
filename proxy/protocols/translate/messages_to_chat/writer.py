"""Chunks of a chat stream become the events of a message. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from proxy.protocols.translate.answer_writer import FILTER, LENGTH, WINDOW, AnswerWriter
from proxy.protocols.translate.chat_deltas import REFUSAL, TEXT, THINKING
from proxy.protocols.translate.messages_to_chat.usage import messages_usage
from proxy.protocols.translate.own_reasoning import signature
from proxy.protocols.translate.tool_calls import Call

_STOP_REASONS = {LENGTH: "max_tokens", FILTER: "refusal", WINDOW: "model_context_window_exceeded"}
# Members that the API's own answers always have (its OpenAPI description, read 2026-11-27).
_NO_MORE: dict[str, Any] = {"stop_details": None, "container": None}
_NO_MORE_USAGE: dict[str, Any] = {
    "cache_creation": None,
    "inference_geo": None,
    "server_tool_use": None,
    "service_tier": None,
}
_DELTAS = {TEXT: "text_delta", THINKING: "thinking_delta"}


class MessageWriter(AnswerWriter):
    """Writes the events of one message.

    `names` has the original names of tools, `input_tokens` is an estimate for the start of the message.
    """

    same_kinds: ClassVar[dict[str, str]] = {REFUSAL: TEXT}

    def __init__(
        self, model: str, input_tokens: int, names: Mapping[str, str], request_id: str, cumulative: bool = False
    ) -> None:
        super().__init__(request_id, cumulative)
        self._model, self._input_tokens, self._names = model, input_tokens, names
        self._index = -1

    def write_start(self) -> None:
        counts = {**_NO_MORE_USAGE, **messages_usage({}), "input_tokens": self._input_tokens}
        message = {"id": f"msg_{self.seed}", "type": "message", "role": "assistant", "model": self._model}
        end: dict[str, Any] = {"content": [], "stop_reason": None, "stop_sequence": None, "usage": counts}
        self.events.append({"type": "message_start", "message": {**message, **end, **_NO_MORE}})

    def open_text(self, kind: str) -> None:
        text = {"type": TEXT, "text": "", "citations": None}
        self._start_block(text if kind == TEXT else {"type": THINKING, "thinking": "", "signature": ""})

    def write_text(self, kind: str, text: str) -> None:
        self._write({"type": _DELTAS[kind], kind: text})

    def open_call(self, call: Call) -> None:
        name = self._names.get(call.name, call.name)
        direct = {"type": "direct"}
        self._start_block({"type": "tool_use", "id": call.identifier, "name": name, "input": {}, "caller": direct})

    def write_arguments(self, call: Call, text: str) -> None:
        self._write({"type": "input_json_delta", "partial_json": text})

    def close(self, part: str | Call) -> None:
        if part == THINKING:
            self._write({"type": "signature_delta", "signature": signature(self.seed, self.encrypted)})
        elif isinstance(part, Call) and not part.arguments:
            self._write({"type": "input_json_delta", "partial_json": "{}"})
        self.events.append({"type": "content_block_stop", "index": self._index})

    def write_end(self) -> None:
        delta = {"stop_reason": self._stop_reason(), "stop_sequence": None}
        counts = messages_usage(self.usage) if self.usage else {"output_tokens": 0}
        self.events += [{"type": "message_delta", "delta": delta, "usage": counts}, {"type": "message_stop"}]

    def _stop_reason(self) -> str:
        if self.is_refused:
            return "refusal"
        return _STOP_REASONS.get(self.early_end, "tool_use" if self.has_call else "end_turn")

    def _start_block(self, block: dict[str, Any]) -> None:
        self._index += 1
        self.events.append({"type": "content_block_start", "index": self._index, "content_block": block})

    def _write(self, delta: dict[str, Any]) -> None:
        self.events.append({"type": "content_block_delta", "index": self._index, "delta": delta})
