"""What a stream of the Messages API has sent so far, and the events that end it. Pure.

A stream that just stops looks complete to Anthropic's SDKs, with a stop_reason of null. So every cut gets an end here.
"""

from __future__ import annotations

from typing import Any

from proxy.errors import ContextTooLong, ProxyError, UpstreamRefused
from proxy.protocols.base import TextState, last_event
from proxy.wire import sse

PING = b'event: ping\ndata: {"type": "ping"}\n\n'
_STOP = b"message_stop"
# docs.anthropic.com/en/api/errors, read 2026-11-26.
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_OWN_TYPES = frozenset((*_TYPES.values(), "api_error"))
_FIRST_SERVER_ERROR = 500
# Types of blocks that may be closed at any point.
_TEXTS = ("text", "thinking")
# What the types of all events contain but that of a delta. A text that contains it costs only time.
_FRAMES = (b"_start", b"_stop", b"message_delta")


def ends(piece: bytes) -> bool:
    """Whether a piece of whole events contains `message_stop`."""
    return _STOP in piece and any(event.get("type") == "message_stop" for event in sse.objects(piece))


def error_type(status: int) -> str:
    """The type of an error with this status."""
    return _TYPES.get(status, "api_error" if status >= _FIRST_SERVER_ERROR else "invalid_request_error")


def error_object(error: ProxyError, request_id: str) -> dict[str, Any]:
    """An error in the API's own form. An upstream's own error keeps its type."""
    kind = error.error.get("type") if isinstance(error, UpstreamRefused) else None
    if kind not in _OWN_TYPES:
        kind = error_type(error.status)
    fields = {name: value for name, value in error.fields().items() if value is not None}
    if isinstance(error, ContextTooLong):  # Claude Code shortens its history when it reads this
        fields["message"] = f"prompt is too long: {error.prompt} tokens > {error.window} maximum. {error.explained}"
    return {"type": "error", "error": {**fields, "type": kind}, "request_id": request_id}


class MessageState(TextState):
    """Keeps the open block's type, the message's start, and the last usage."""

    __slots__ = ("_index", "_kind", "_message", "_stop_reason", "_usage")

    def __init__(self) -> None:
        super().__init__()
        self._message: dict[str, Any] | None = None
        self._index = -1
        self._kind: str | None = None  # of the open block
        self._usage: dict[str, Any] = {}
        self._stop_reason: Any = None

    @property
    def is_cut(self) -> bool:
        return self._message is not None and not (self.ended or self.has_error or self._stop_reason)

    def feed(self, piece: bytes) -> None:
        super().feed(piece)
        self.has_text = self.has_text or b"content_block_delta" in piece
        if not any(name in piece for name in _FRAMES):
            return
        for event in sse.objects(piece):
            kind, index = event.get("type"), event.get("index")
            if kind == "message_start" and isinstance(event.get("message"), dict):
                self._message = {name: value for name, value in event["message"].items() if name != "content"}
                self._note(event["message"].get("usage"))
            elif kind == "content_block_start" and isinstance(index, int):
                block = event.get("content_block")
                self._index, self._kind = index, str(block.get("type")) if isinstance(block, dict) else ""
                self.has_text = self.has_text or self._kind not in _TEXTS
            elif kind == "content_block_stop":
                self._kind = None
            elif kind == "message_delta":
                self._note(event.get("usage"))
                delta = event.get("delta")
                self._stop_reason = delta.get("stop_reason") if isinstance(delta, dict) else None
            elif kind == "message_stop":
                self.ended = True

    def truncated(self, reason: str) -> bytes | None:
        """Close the open text and end the message. A call of a tool stays open: its arguments are incomplete."""
        if not self.has_text:
            return None
        events = []
        if self._kind in _TEXTS:
            events.append({"type": "content_block_stop", "index": self._index})
        return b"".join(map(_named, [*events, *self._end("max_tokens", {"sluice": {"truncated": reason}})]))

    def filtered(self, message: str, held: bytes) -> bytes:
        """Close the open text, add the message in a block of its own, and end the message as refused.

        A call of a tool cannot be closed, as it is incomplete, nor be followed by another block.
        """
        events: list[dict[str, Any]] = []
        if self._message is None:
            events.append({"type": "message_start", "message": self._new_message(held)})
        if self._kind in _TEXTS:
            events.append({"type": "content_block_stop", "index": self._index})
        if self._kind is None or self._kind in _TEXTS:
            index = self._index + 1
            events += [
                {"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}},
                {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": message}},
                {"type": "content_block_stop", "index": index},
            ]
        return b"".join(map(_named, [*events, *self._end("refusal", {})]))

    def failed(self, error: ProxyError) -> bytes:
        return last_event(error_object(error, self.request_id), "error")

    def _note(self, usage: Any) -> None:
        if isinstance(usage, dict):
            self._usage |= {name: value for name, value in usage.items() if value is not None}

    def _new_message(self, held: bytes) -> dict[str, Any]:
        """The start of a message of which only `held`, events that a content filter blocked, has arrived."""
        first = next((event for event in sse.objects(held) if event.get("type") == "message_start"), {})
        message = first.get("message")
        message = message if isinstance(message, dict) else {}
        kept = {name: message[name] for name in ("id", "model", "usage") if name in message}
        self._note(kept.get("usage"))
        default = {"id": f"msg_{self.request_id}", "model": "", "usage": {"input_tokens": 0, "output_tokens": 0}}
        end = {"stop_reason": None, "stop_sequence": None}
        return {**default, **kept, "type": "message", "role": "assistant", "content": [], **end}

    def _end(self, reason: str, more: dict[str, Any]) -> list[dict[str, Any]]:
        """The events that end the message; only the last one if the upstream has sent the other."""
        stop = {"type": "message_stop"}
        if self._stop_reason:
            return [stop]
        usage = {"output_tokens": 0, **self._usage}
        delta = {"stop_reason": reason, "stop_sequence": None}
        return [{"type": "message_delta", "delta": delta, "usage": usage, **more}, stop]


def _named(event: dict[str, Any]) -> bytes:
    """An event with its name, which SDKs require."""
    return last_event(event, event["type"])
