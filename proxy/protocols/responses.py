"""The Responses API (platform.openai.com/docs/api-reference/responses, read 2026-11-23). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxy.protocols import responses_state
from proxy.protocols.base import TextProtocol, TextState
from proxy.protocols.members import call_of, without
from proxy.wire import sse

if TYPE_CHECKING:
    from proxy.protocols.texts import EventTexts

_CALL = "function_call"


class Responses(TextProtocol):
    """Typed events with sequence numbers."""

    name = "responses"

    def state(self, choices: int = 1) -> TextState:
        return responses_state.ResponseState()

    def ping(self, has_ids: bool) -> bytes | None:
        return sse.PING_WITH_IDS if has_ids else sse.PING

    def ends(self, piece: bytes) -> bool:
        return responses_state.ends(piece)

    def merged(self, held: dict[str, Any], following: dict[str, Any]) -> dict[str, Any] | None:
        from proxy.protocols.responses_merge import merged  # few streams are merged

        return merged(held, following)

    def event_texts(self, event: bytes) -> EventTexts:
        from proxy.protocols import responses_texts, texts  # few answers are filtered

        return texts.of_event(event, responses_texts.read)

    def withheld(self, answer: dict[str, Any], positions: list[int | None], message: str) -> dict[str, Any]:
        from proxy.protocols.json_texts import without_texts  # few answers are withheld

        kept = answer if None not in positions else without_texts(answer)
        return {**without(kept, ("choices",)), **responses_state.withheld(message)}  # some providers add choices

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


PROTOCOL = Responses()
