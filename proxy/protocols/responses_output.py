"""The output of a response that is being streamed, so that what has been said can be finished when it is cut. Pure.

Events are kept as bytes and parsed only when a stream has to be ended.
"""

from __future__ import annotations

from typing import Any

from proxy.wire import sse

_ADDED, _DONE = b'"response.output_item.added"', b'"response.output_item.done"'
# The events of open items are merged above this size, and no longer kept above the second one.
_MERGED_BYTES, _MAX_BYTES = 1_000_000, 16_000_000
# The texts of a message: the event that adds to one, the type of its part, and the part's member.
_TEXTS = {"response.output_text.delta": ("output_text", "text"), "response.refusal.delta": ("refusal", "refusal")}


class Output:
    """The items of a response. `finished` closes those that are open."""

    __slots__ = ("_finished", "_held", "_limit", "_open", "_size")

    def __init__(self) -> None:
        self._finished: list[bytes] = []  # the events that finish an item
        self._held: list[bytes] = []  # all pieces since an item was open
        self._open = self._size = 0
        self._limit = _MERGED_BYTES

    def feed(self, piece: bytes) -> None:
        """Observe the next piece of the stream: one or more whole events."""
        if b"output_item." in piece:
            self._open += piece.count(_ADDED) - piece.count(_DONE)
            if self._open <= 0:
                self._finished += [event for event in sse.split(b"".join([*self._held, piece])) if _DONE in event]
                self._held, self._open, self._size, self._limit = [], 0, 0, _MERGED_BYTES
                return
        elif not self._open and b".delta" not in piece:
            return
        if self._size <= _MAX_BYTES:
            self._held.append(piece)
            self._size += len(piece)
            if self._size > self._limit:
                self._merge()

    def finished(self, number: int, only_items: bool = False) -> tuple[list[bytes], list[dict[str, Any]]]:
        """The events that finish each open message, numbered from `number`, and all items that are finished then.

        `only_items`: without the events that finish parts of a message, each of which repeats its text.
        """
        items: dict[str, dict[str, Any]] = {}
        messages: dict[str, _Message] = {}
        for event in sse.objects(b"".join([*self._finished, *self._held])):
            kind, place, item = str(event.get("type")), str(event.get("output_index")), event.get("item")
            if kind == "response.output_item.done" and isinstance(item, dict):
                items[place] = item
                messages.pop(place, None)
            elif kind == "response.output_item.added" and isinstance(item, dict) and item.get("type") == "message":
                messages[place] = _Message(item, event.get("output_index"))
            elif kind in _TEXTS and isinstance(event.get("delta"), str):
                new = _Message({"id": event.get("item_id"), "type": "message"}, event.get("output_index"))
                messages.setdefault(place, new).add(event)
        events: list[bytes] = []
        for place, message in messages.items() if self._size <= _MAX_BYTES else ():
            closing = message.closing()[-1:] if only_items else message.closing()
            events += [
                sse.event({**event, "sequence_number": number + len(events) + position}, event["type"], "replace")
                for position, event in enumerate(closing)
            ]
            items[place] = message.item
        return events, list(items.values())

    def _merge(self) -> None:
        """Merge the deltas that are held: a long answer has about 200 bytes of events for each word."""
        from proxy.protocols.merge import Coalescer  # few answers are so long
        from proxy.protocols.responses_merge import merged

        coalescer = Coalescer(merged)
        self._held = [*coalescer.feed(b"".join(self._held)), *coalescer.rest()]
        self._size = sum(map(len, self._held))
        self._limit = self._size + _MERGED_BYTES
        if self._size > _MAX_BYTES:
            self._held = []


class _Message:
    """An open message and its parts."""

    def __init__(self, item: dict[str, Any], index: Any) -> None:
        self.item = {"role": "assistant", "content": [], **item}
        self._index = index
        self._parts: dict[Any, tuple[str, list[str]]] = {}

    def add(self, event: dict[str, Any]) -> None:
        """Add a delta."""
        index = event.get("content_index")
        self._parts.setdefault(index if isinstance(index, int) else 0, (event["type"], []))[1].append(event["delta"])

    def closing(self) -> list[dict[str, Any]]:
        """The events that finish the message, and at last its item."""
        events: list[dict[str, Any]] = []
        content = []
        for index, (kind, pieces) in sorted(self._parts.items()):
            part_type, member = _TEXTS[kind]
            text = "".join(pieces)
            place = {"item_id": self.item.get("id"), "output_index": self._index, "content_index": index}
            part: dict[str, Any] = {"type": part_type, member: text}
            if part_type == "output_text":
                part["annotations"] = []
            content.append(part)
            done: dict[str, Any] = {**place, member: text, "type": kind.replace(".delta", ".done")}
            if part_type == "output_text":
                done["logprobs"] = []
            events += [done, {**place, "type": "response.content_part.done", "part": part}]
        self.item = {**self.item, "status": "incomplete", "content": content}
        return [*events, {"type": "response.output_item.done", "output_index": self._index, "item": self.item}]
