"""What a stream of the Responses API has sent so far, and the events that end it. Pure."""

from __future__ import annotations

from typing import Any

from proxy.errors import ProxyError
from proxy.protocols.base import TextState, last_event
from proxy.protocols.members import without
from proxy.wire import sse

# The events that end a response. `error` is not among them: `response.failed` may follow.
LAST_TYPES = ("response.completed", "response.incomplete", "response.failed")
_LAST = tuple(name.encode() for name in LAST_TYPES)
# JSON allows numbers with thousands of digits, which Python refuses to convert.
_MAX_NUMBER = 2**53
# What Codex does depends on the code: it waits after a rate limit, and gives up when the server is overloaded
# (github.com/openai/codex, codex-api/src/sse/responses.rs; third-party notes at 5c5308f, read 2026-11-26).
_CODES = {429: "rate_limit_exceeded", 503: "server_is_overloaded", 529: "server_is_overloaded"}


def ends(piece: bytes) -> bool:
    """Whether a piece of whole events contains the end of the response."""
    return any(name in piece for name in _LAST) and any(event.get("type") in LAST_TYPES for event in sse.objects(piece))


class ResponseState(TextState):
    """Keeps the last piece with a sequence number, the first event with the stream's `response`, and its output."""

    __slots__ = ("_first", "_last", "_output")

    def __init__(self) -> None:
        from proxy.protocols.responses_output import Output

        super().__init__()
        self._first: dict[str, Any] = {}
        self._last = b""
        self._output = Output()

    def feed(self, piece: bytes) -> None:
        super().feed(piece)
        self.ended = self.ended or ends(piece)
        if b"sequence_number" in piece:  # not a comment
            self._last = piece
        self._output.feed(piece)
        if self.has_text:
            return
        for event in sse.objects(piece):
            if not self._first and (event.get("id") or event.get("response")):
                self._first = event
            self.has_text = self.has_text or str(event.get("type")).endswith(".delta")

    def truncated(self, reason: str) -> bytes | None:
        """Finish the message that was being written, which is all that Codex keeps, and end the response.

        Where there is no room, the text is repeated for Codex only, and once.
        """
        if not self.has_text:
            return None
        number = self._next_number()
        events: list[bytes] = []
        items: list[dict[str, Any]] = []
        if reason != "response_limit":
            events, items = self._output.finished(number)
        elif self.reruns_incomplete:
            events, _ = self._output.finished(number, only_items=True)
        members: dict[str, Any] = {
            "status": "incomplete",
            # The API has two reasons, neither of which fits; `sluice` has the real one.
            "incomplete_details": {"reason": "max_output_tokens"},
            "sluice": {"truncated": reason},
        }
        if items:
            members["output"] = items
        return b"".join([*events, self._end(number + len(events), members)])

    def filtered(self, message: str, held: bytes) -> bytes:
        """Add the message to the current text, if there is one, and to the response itself."""
        if not self._first:
            first = next((event for event in sse.objects(held) if event.get("id") or event.get("response")), {})
            if isinstance(response := first.get("response"), dict):
                from proxy.protocols.json_texts import without_texts  # few answers are withheld

                self._first = {"response": without_texts(response)}
        number = self._next_number()
        events = []
        deltas = [event for event in sse.objects(self._last) if event.get("type") == "response.output_text.delta"]
        if deltas:
            delta = without(deltas[-1], ("obfuscation", "logprobs"))
            delta |= {"delta": message, "logprobs": [], "sequence_number": number}
            events.append(sse.event(delta, "response.output_text.delta"))
            self._output.feed(events[0])
            closing, _ = self._output.finished(number + 1)
            events += closing
        return b"".join([*events, self._end(number + len(events), withheld(message))])

    def failed(self, error: ProxyError) -> bytes:
        """A failed response for Codex, which ignores error events, with the error for OpenAI's SDKs, which raise it."""
        fields = error.fields()
        code = fields.get("code")
        members = {
            "status": "failed",
            "error": {
                "code": code if isinstance(code, str) and code else _CODES.get(error.status, "server_error"),
                "message": fields["message"],
            },
        }
        response = self._response(members)
        number = self._next_number()
        event = {"type": "response.failed", "sequence_number": number, "response": response, "error": fields}
        return last_event(event, "response.failed")

    def _end(self, number: int, members: dict[str, Any]) -> bytes:
        """The event that ends the response as incomplete, for Codex as completed."""
        kind = "response.completed" if self.reruns_incomplete else "response.incomplete"
        return last_event({"type": kind, "sequence_number": number, "response": self._response(members)}, kind)

    def _response(self, members: dict[str, Any]) -> dict[str, Any]:
        response = self._first.get("response")
        response = response if isinstance(response, dict) else {}
        default = {"id": f"resp_{self.request_id}", "object": "response", "output": []}
        return {**default, **response, **members}

    def _next_number(self) -> int:
        numbers = [event.get("sequence_number") for event in sse.objects(self._last)]
        return max((number for number in numbers if isinstance(number, int) and number < _MAX_NUMBER), default=-1) + 1


def withheld(message: str) -> dict[str, Any]:
    """The members of a withheld response, with `message` in place of its output."""
    text = {"type": "output_text", "text": message, "annotations": []}
    item = {"type": "message", "id": "msg_withheld", "status": "incomplete", "role": "assistant", "content": [text]}
    return {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}, "output": [item]}
