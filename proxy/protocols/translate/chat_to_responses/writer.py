"""Events of the Responses API become chunks of a chat completion. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.members import as_list, error_in, without
from proxy.protocols.translate.chat_to_responses.chunks import Chunk, Chunks
from proxy.protocols.translate.chat_to_responses.events import (
    CALLS,
    DELTAS,
    ENDS,
    ITEM_DONE,
    ITEMS,
    WHOLE,
    position,
    text_of,
    texts_of,
)
from proxy.protocols.translate.chat_to_responses.outputs import KINDS, REASONING, Item, Items
from proxy.protocols.translate.chat_to_responses.reasoning import reasoning_detail

_MEMBERS = {
    "output_text": "content",
    "refusal": "refusal",
    "summary_text": "reasoning_content",
    "reasoning_text": "reasoning_content",
}
_FAILED = ("failed", "cancelled")
_UNKNOWN_FAILURE = {"code": "server_error", "message": "The upstream failed and did not say why."}


class ChatWriter:
    """Writes the chunks of one completion. `ended` and `error` say how it has ended, if it has.

    `model` is the name of the model if the response does not say one, `seed` makes the completion's id if it has none.
    """

    def __init__(self, model: str, seed: str, include_usage: bool) -> None:
        self.ended = False
        self.error: Any = None
        self._include_usage = include_usage
        self._chunks = Chunks(model, seed)
        self._items = Items()
        self._calls = self._details = 0
        self._thought: tuple[Item, str, int] | None = None  # the text of reasoning that was said last

    def take(self) -> list[Chunk]:
        """The chunks since the last time."""
        return self._chunks.take()

    def add(self, event: dict[str, Any], name: str = "") -> None:
        """Add an event of the response; `name` is its type if it does not say one. Nothing is added after the end."""
        if self.ended or self.error is not None:
            return
        kind = event.get("type")
        kind = kind if isinstance(kind, str) else name
        if error := error_in(event, kind):
            self.error = without(event, ("type", "sequence_number")) if error is event else error
            return
        response = event.get("response")
        response = response if isinstance(response, dict) else {}
        self._chunks.identify(response)
        if kind in DELTAS:
            item_kind, text_name, index = DELTAS[kind]
            item = self._items.find(item_kind, event.get("output_index"), event.get("item_id"))
            self._say(item, text_name, position(event, index), event.get("delta"))
        elif kind in WHOLE:
            self._say_whole(event, *WHOLE[kind])
        elif kind in ITEMS:
            self._add_item(event.get("item"), event.get("output_index"), is_done=kind == ITEM_DONE)
        elif kind in ENDS:
            self._end(kind, response)

    def _add_item(self, members: Any, place: Any, is_done: bool) -> None:
        if not isinstance(members, dict) or (kind := members.get("type")) not in KINDS:
            return
        if is_done:
            self._finish_item(self._items.find(kind, place, members.get("id"), is_done), members)
            return
        item = self._items.add(kind, place, members.get("id"))
        if kind in CALLS:
            item.first = text_of(members, CALLS[kind][1])
            self._label(item, members.get("call_id"), members.get("name"))

    def _say_whole(self, event: dict[str, Any], kind: str, name: str, index: str, member: str) -> None:
        """Say what is still missing of one text."""
        item = self._items.find(kind, event.get("output_index"), event.get("item_id"))
        if kind in CALLS:
            self._label(item, None, event.get("name"))
        where = position(event, index)
        self._say(item, name, where, item.text(name, where).missing(text_of(event, member)))

    def _finish_item(self, item: Item, members: dict[str, Any]) -> None:
        """Say what is still missing of an item."""
        item.is_done = True
        if item.kind in CALLS:
            self._label(item, members.get("call_id") or members.get("id"), members.get("name"))
            name = CALLS[item.kind][1]
            self._say(item, name, 0, item.text(name).missing(text_of(members, name)))
            return
        for name, texts in texts_of(members, item.kind).items():
            if sum(map(len, texts)) > item.length(name):  # else all is said, even if its positions were wrong
                for where, text in enumerate(texts):
                    self._say(item, name, where, item.text(name, where).missing(text))
        if item.kind == REASONING and not item.has_detail and (detail := reasoning_detail(members, self._details)):
            item.has_detail = True
            self._details += 1
            self._chunks.write({"reasoning_details": [detail]})

    def _say(self, item: Item, name: str, where: int, text: Any) -> None:
        """Say more of one of an item's texts."""
        if not isinstance(text, str) or not text:
            return
        item.text(name, where).add(text)
        if item.kind in CALLS:
            if item.index is None:
                item.held.append(text)
            else:
                self._write_call(item, {name: text})
            return
        if item.kind == REASONING:
            before, self._thought = self._thought, (item, name, where)
            if before not in (None, self._thought):
                text = f"\n\n{text}"
        self._chunks.write({_MEMBERS[name]: text})

    def _label(self, item: Item, identifier: Any, name: Any) -> None:
        """Begin a call as soon as its id and its name are known."""
        item.call_id = item.call_id or (identifier if isinstance(identifier, str) else "")
        item.name = item.name or (name if isinstance(name, str) else "")
        if item.index is not None or not item.call_id or not item.name:
            return
        item.index, self._calls = self._calls, self._calls + 1
        kind, text_name = CALLS[item.kind]
        self._write_call(item, {"name": item.name, text_name: ""}, {"id": item.call_id, "type": kind})
        if item.held:
            self._write_call(item, {text_name: "".join(item.held)})
            item.held.clear()

    def _write_call(self, item: Item, members: dict[str, str], head: dict[str, str] | None = None) -> None:
        self._chunks.write({"tool_calls": [{"index": item.index, **(head or {}), CALLS[item.kind][0]: members}]})

    def _end(self, kind: str, response: dict[str, Any]) -> None:
        """End the completion with what is still missing. The response's own status counts."""
        status = response.get("status")
        if kind == "response.failed" or status in _FAILED:
            self.error = response.get("error") or _UNKNOWN_FAILURE
            return
        counts = dict.fromkeys(KINDS, 0)
        for members in as_list(response.get("output")):
            if isinstance(members, dict) and (item_kind := members.get("type")) in KINDS:
                item = self._items.find_nth(item_kind, counts[item_kind], members.get("id"))
                self._finish_item(item, members)
                counts[item_kind] += 1
        for number, item in enumerate(self._items):
            if item.kind in CALLS:
                name = CALLS[item.kind][1]
                self._label(item, self._chunks.call_id(number), None)
                self._say(item, name, 0, item.text(name).missing(item.first))
        self.ended = True
        reason = "tool_calls" if self._calls else "stop"
        if kind == "response.incomplete" or status == "incomplete":
            details = response.get("incomplete_details")
            is_filtered = isinstance(details, dict) and details.get("reason") == "content_filter"
            reason = "content_filter" if is_filtered else "length"
        self._chunks.write({}, reason)
        if self._include_usage and isinstance(usage := response.get("usage"), dict):
            self._chunks.write_usage(usage)
