"""Anthropic's Messages API (docs.anthropic.com/en/api/messages, messages-streaming; read 2026-11-26). Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from proxy.errors import ProxyError, UpstreamRefused
from proxy.protocols import messages_state
from proxy.protocols.base import TextProtocol, TextState

if TYPE_CHECKING:
    from proxy.protocols.base import Accumulator
    from proxy.protocols.texts import EventTexts

# Deltas that may be merged, each with the member that grows. A signature is one whole.
_GROWING = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}
_MAX_MERGED = 8_192  # characters


class Messages(TextProtocol):
    """Named events: a message, its content blocks one after the other, and its end."""

    name = "messages"
    model_holders = ("message",)
    id_header = "request-id"
    stream_members = {"stream": b"true"}  # noqa: RUF012 — never changed

    def state(self, choices: int = 1) -> TextState:
        return messages_state.MessageState()

    def ping(self, has_ids: bool) -> bytes | None:
        return messages_state.PING

    def ends(self, piece: bytes) -> bool:
        return messages_state.ends(piece)

    def error_body(self, error: ProxyError, request_id: str) -> bytes:
        if isinstance(error, UpstreamRefused) and error.has_body:
            return error.body()
        return json.dumps(messages_state.error_object(error, request_id), ensure_ascii=False).encode("utf-8", "replace")

    def accumulator(self) -> Accumulator:
        from proxy.protocols.messages_accumulate import MessageAccumulator  # few answers are assembled

        return MessageAccumulator()

    def merged(self, held: dict[str, Any], following: dict[str, Any]) -> dict[str, Any] | None:
        """Merge deltas of one block, which may differ only in their text."""
        first, second = held.get("delta"), following.get("delta")
        if not isinstance(first, dict) or not isinstance(second, dict) or held.get("type") != "content_block_delta":
            return None
        member = _GROWING.get(str(first.get("type")))
        if member is None or {**held, "delta": {**first, member: ""}} != {**following, "delta": {**second, member: ""}}:
            return None
        text, more = first.get(member), second.get(member)
        if not isinstance(text, str) or not isinstance(more, str):
            return None
        text += more
        return {**held, "delta": {**first, member: text}} if len(text) <= _MAX_MERGED else None

    def event_texts(self, event: bytes) -> EventTexts:
        from proxy.protocols import messages_texts, texts  # few answers are filtered

        return texts.of_event(event, messages_texts.read)

    def withheld(self, answer: dict[str, Any], positions: list[int | None], message: str) -> dict[str, Any]:
        from proxy.protocols.json_texts import without_texts  # few answers are withheld

        block = {"type": "text", "text": message}
        return {**without_texts(answer), "content": [block], "stop_reason": "refusal", "stop_sequence": None}

    def messages(self, events: bytes) -> list[dict[str, Any]]:
        from proxy.protocols.answer_messages import answer_messages
        from proxy.wire import sse

        accumulator = self.accumulator()
        for event in sse.objects(events):
            accumulator.add(event)
        return answer_messages(accumulator.whole()) if accumulator.has_text else []

    def as_chat(self, request: dict[str, Any]) -> tuple[dict[str, Any], list[str], list[str]] | None:
        from proxy.protocols.messages_prompt import as_chat  # few requests are counted

        return as_chat(request)


PROTOCOL = Messages()
