"""The demo model's answers in the formats of Anthropic's and Google's APIs. Pure.

It calls no tools here: the clients of these APIs are agents, which would run what it makes up.
"""

from __future__ import annotations

from typing import Any

from proxy.protocols import gemini, messages
from proxy.transports.demo_answers import Chat
from proxy.wire import sse


class _Text(Chat):
    """An answer in text to a request of another API, which is read as a chat."""

    def __init__(self, request: dict[str, Any], chat: dict[str, Any], limit: Any) -> None:
        super().__init__({**chat, "model": request["model"], "tools": None, "max_tokens": limit})
        self.text = "".join(self.texts[0])
        counts = self.usage()
        self.input, self.output = counts["prompt_tokens"], counts["completion_tokens"]


class Message(_Text):
    """An answer of the Messages API."""

    def __init__(self, request: dict[str, Any]) -> None:
        chat, _, _ = messages.PROTOCOL.as_chat(request) or ({}, [], [])
        super().__init__(request, chat, request.get("max_tokens"))

    def message(self, content: list[dict[str, Any]], reason: str | None, output: int) -> dict[str, Any]:
        """The message in one of its states."""
        return {
            "id": "msg_demo",
            "type": "message",
            "role": "assistant",
            "model": self.request["model"],
            "content": content,
            "stop_reason": reason,
            "stop_sequence": None,
            "usage": {"input_tokens": self.input, "output_tokens": output},
        }

    @property
    def reason(self) -> str:
        return "max_tokens" if self.is_cut else "end_turn"

    def whole(self) -> dict[str, Any]:
        return self.message([{"type": "text", "text": self.text}], self.reason, self.output)

    def stream(self) -> list[bytes]:
        end = {"stop_reason": self.reason, "stop_sequence": None}
        events: list[dict[str, Any]] = [
            {"type": "message_start", "message": self.message([], None, 1)},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            *(
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": token}}
                for token in self.texts[0]
            ),
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": end, "usage": {"output_tokens": self.output}},
            {"type": "message_stop"},
        ]
        return [sse.event(event, event["type"]) for event in events]


class Candidate(_Text):
    """An answer of Google's API."""

    def __init__(self, request: dict[str, Any]) -> None:
        chat, _, _ = gemini.PROTOCOL.as_chat(request) or ({}, [], [])
        config = request.get("generationConfig")
        super().__init__(request, chat, config.get("maxOutputTokens") if isinstance(config, dict) else None)

    def chunk(self, text: str, reason: str | None) -> dict[str, Any]:
        """One chunk, or the whole answer."""
        candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
        counts = {
            "promptTokenCount": self.input,
            "candidatesTokenCount": self.output,
            "totalTokenCount": self.input + self.output,
        }
        end = {"finishReason": reason} if reason else {}
        return {
            "candidates": [{**candidate, **end}],
            "usageMetadata": counts,
            "modelVersion": self.request["model"],
            "responseId": "demo",
        }

    @property
    def reason(self) -> str:
        return "MAX_TOKENS" if self.is_cut else "STOP"

    def whole(self) -> dict[str, Any]:
        return self.chunk(self.text, self.reason)

    def stream(self) -> list[bytes]:
        return [
            *(sse.event(self.chunk(token, None)) for token in self.texts[0]),
            sse.event(self.chunk("", self.reason)),
        ]


def counted(path: str, request: dict[str, Any]) -> dict[str, int]:
    """The answer to a call that counts tokens."""
    if path == "messages/count_tokens":
        return {"input_tokens": Message(request).input}
    return {"totalTokens": Candidate(request).input}
