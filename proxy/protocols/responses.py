"""The Responses API (platform.openai.com/docs/api-reference/responses, read 2026-11-23). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxy.errors import ProxyError
from proxy.protocols.base import TextProtocol, TextState, last_event
from proxy.protocols.members import call_of, without
from proxy.wire import sse

if TYPE_CHECKING:
    from proxy.protocols.texts import EventTexts

# The events that end a response. `error` is not among them: `response.failed` may follow.
_LAST = (b"response.completed", b"response.incomplete", b"response.failed")
_CALL = "function_call"
_LAST_TYPES = tuple(name.decode() for name in _LAST)
# JSON allows numbers with thousands of digits, which Python refuses to convert.
_MAX_NUMBER = 2**53


class ResponseState(TextState):
    """Keeps the last piece with a sequence number, and the first event with the stream's `response`."""

    __slots__ = ("_first", "_last")

    def __init__(self) -> None:
        super().__init__()
        self._first: dict[str, Any] = {}
        self._last = b""

    def feed(self, piece: bytes) -> None:
        super().feed(piece)
        self.ended = self.ended or PROTOCOL.ends(piece)
        if b"sequence_number" in piece:  # not a comment
            self._last = piece
        if self.has_text:
            return
        for event in sse.objects(piece):
            if not self._first and (event.get("id") or event.get("response")):
                self._first = event
            self.has_text = self.has_text or str(event.get("type")).endswith(".delta")

    def truncated(self, reason: str) -> bytes | None:
        if not self.has_text:
            return None
        incomplete = {
            "status": "incomplete",
            # The API has two reasons, neither of which fits; `sluice` has the real one.
            "incomplete_details": {"reason": "max_output_tokens"},
            "sluice": {"truncated": reason},
        }
        return last_event(self._incomplete(self._next_number(), incomplete), "response.incomplete")

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
            number += 1
        end = self._incomplete(number, _withheld(message))
        return b"".join([*events, sse.event(end, "response.incomplete")])

    def failed(self, error: ProxyError) -> bytes:
        fields = error.fields()
        event = {"type": "error", "sequence_number": self._next_number(), **without(fields, ("type",)), "error": fields}
        return last_event(event, "error")

    def _incomplete(self, number: int, members: dict[str, Any]) -> dict[str, Any]:
        response = self._first.get("response")
        response = response if isinstance(response, dict) else {}
        return {"type": "response.incomplete", "sequence_number": number, "response": {**response, **members}}

    def _next_number(self) -> int:
        numbers = [event.get("sequence_number") for event in sse.objects(self._last)]
        return max((number for number in numbers if isinstance(number, int) and number < _MAX_NUMBER), default=-1) + 1


class Responses(TextProtocol):
    """Typed events with sequence numbers."""

    name = "responses"

    def state(self, choices: int = 1) -> TextState:
        return ResponseState()

    def ping(self, has_ids: bool) -> bytes | None:
        return sse.PING_WITH_IDS if has_ids else sse.PING

    def ends(self, piece: bytes) -> bool:
        return any(name in piece for name in _LAST) and any(
            event.get("type") in _LAST_TYPES for event in sse.objects(piece)
        )

    def merged(self, held: dict[str, Any], following: dict[str, Any]) -> dict[str, Any] | None:
        """Merge deltas of one item, which may differ only in text, logprobs and sequence number."""
        from proxy.protocols.merge import DIFFERENT, joined_logprobs, logprobs_member

        if not str(held.get("type")).endswith(".delta") or held.keys() != following.keys():
            return None
        if not isinstance(held.get("delta"), str) or not isinstance(following.get("delta"), str):
            return None
        logprobs = joined_logprobs(held.get("logprobs"), following.get("logprobs"))
        free = ("delta", "logprobs", "created", "obfuscation", "sequence_number")
        if logprobs is DIFFERENT or without(held, free) != without(following, free):
            return None
        # The number of the last delta, so that numbers ascend and a client that resumes continues after it.
        number = {name: following[name] for name in ("sequence_number",) if name in following}
        delta = held["delta"] + following["delta"]
        return {**held, "delta": delta, **number, **logprobs_member(held, logprobs)}

    def event_texts(self, event: bytes) -> EventTexts:
        from proxy.protocols import responses_texts, texts  # few answers are filtered

        return texts.of_event(event, responses_texts.read)

    def withheld(self, answer: dict[str, Any], positions: list[int | None], message: str) -> dict[str, Any]:
        from proxy.protocols.json_texts import without_texts  # few answers are withheld

        kept = answer if None not in positions else without_texts(answer)
        return {**without(kept, ("choices",)), **_withheld(message)}  # some providers add choices

    def messages(self, events: bytes) -> list[dict[str, Any]]:
        # Text, reasoning summaries, arguments of calls: all deltas were generated.
        texts: list[str] = []
        calls: dict[str, tuple[Any, list[str]]] = {}
        for event in sse.objects(events):
            kind, item, delta = str(event.get("type")), event.get("item"), event.get("delta")
            place = str(event.get("output_index"))
            if kind.endswith(".delta") and isinstance(delta, str):
                of_call = place in calls and kind == "response.function_call_arguments.delta"
                (calls[place][1] if of_call else texts).append(delta)
            elif kind == "response.output_item.added" and isinstance(item, dict) and item.get("type") == _CALL:
                calls[place] = (item.get("name"), [])
        message: dict[str, Any] = {"content": "".join(texts)} if texts else {}
        if calls:
            message["tool_calls"] = [call_of(name, "".join(parts)) for name, parts in calls.values()]
        return [message] if message else []

    def as_chat(self, request: dict[str, Any]) -> tuple[dict[str, Any], list[str], list[str]] | None:
        from proxy.protocols.responses_prompt import as_chat  # few requests are counted

        chat, unknown = as_chat(request)
        return chat, [], unknown

    def stores(self, store: Any) -> bool:
        return store is not False  # stored by default

    def truncates(self, request: dict[str, Any]) -> bool:
        return request.get("truncation") == "auto"


def _withheld(message: str) -> dict[str, Any]:
    """The members of a withheld response, with `message` in place of its output."""
    text = {"type": "output_text", "text": message, "annotations": []}
    item = {"type": "message", "id": "msg_withheld", "status": "incomplete", "role": "assistant", "content": [text]}
    return {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}, "output": [item]}


PROTOCOL = Responses()
