"""A chat completion made of its chunks: what the upstream would have sent, had it not been asked for a stream. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

# Said again with each chunk by some, in full; what is no text must not be added up.
_LABELS = frozenset(("role", "channel", "type", "index", "id", "format", "signature_format"))
# Fields of a chunk that say nothing about the answer: random padding, and what every chunk is.
_LEFT_OUT = frozenset(("choices", "object", "obfuscation", "p"))
# What every answer's message has, said or not.
_MESSAGE = {"role": "assistant", "content": None, "refusal": None}

# No answer is nested as deeply; one that an upstream makes up must not end in our own limits.
_LEVELS = 50


class Accumulator:
    """Takes the chunks of one stream, in their order. Unknown fields are kept, as far as they can be understood."""

    def __init__(self) -> None:
        self._fields: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}
        self.has_text = False

    def add(self, chunk: dict[str, Any]) -> None:
        """Take note of one chunk. What is no chunk of a chat is passed over."""
        choices = chunk.get("choices")
        if not isinstance(choices, list) or chunk.get("object") == "":  # Azure's filter results come in between
            return
        for name, value in chunk.items():
            # The first names the answer; later ones tell more: usage, a fingerprint, an upstream's own figures.
            before = self._fields.get(name)
            if name in _LEFT_OUT or (before and (not value or name in ("id", "created"))):
                continue
            if isinstance(before, dict) and isinstance(value, dict):
                value = {**before, **value}  # noqa: PLW2901
            self._fields[name] = value
        for position, choice in enumerate(choices):
            if isinstance(choice, dict):
                index = choice.get("index")
                self._add_choice(index if isinstance(index, int) else position, choice)

    @property
    def has_choices(self) -> bool:
        """Whether any choice has begun."""
        return bool(self._choices)

    @property
    def is_finished(self) -> bool:
        """Whether each choice that began has said why it ended."""
        return bool(self._choices) and all(choice["finish_reason"] for choice in self._choices.values())

    def whole(self) -> dict[str, Any]:
        """The answer so far; a choice that has not ended is marked as cut off by length."""
        choices = []
        for index in sorted(self._choices):
            choice = self._choices[index]
            message = joined(choice["message"])
            calls = message.get("tool_calls")
            if isinstance(calls, list):  # the place in the list says what the index said
                ordered = sorted(calls, key=_place)
                calls = [_without(call, ("index",)) if isinstance(call, dict) else call for call in ordered]
                message = {**message, "tool_calls": calls}
            told = {**choice, "message": {**_MESSAGE, **message}}
            choices.append({**told, "finish_reason": choice["finish_reason"] or "length"})
        head = {name: self._fields.get(name) for name in ("id", "object", "created", "model")}
        return {**head, "object": "chat.completion", "choices": choices, **_without(self._fields, head)}

    def _add_choice(self, index: int, choice: dict[str, Any]) -> None:
        kept = self._choices.setdefault(index, {"index": index, "message": {}, "logprobs": None, "finish_reason": None})
        delta = choice.get("delta")
        if isinstance(delta, dict):
            self.has_text = self.has_text or any(value for name, value in delta.items() if name != "role")
            merge(kept["message"], delta)
        for name, value in choice.items():
            if name == "logprobs":
                kept[name] = _behind(kept[name], value)
            elif name not in ("delta", "index") and (value or not kept.get(name)):
                kept[name] = value


class _Pieces(list[str]):
    """A text that is still growing. Adding up strings would copy all of it with every word."""


class _Indexed(list[Any]):
    """A list of objects that have an index each, which finds them by it."""

    def __init__(self, items: Iterable[Any] = ()) -> None:
        super().__init__(items)
        self.by_index = {one.get("index"): one for one in reversed(self) if isinstance(one, dict)}


def merge(kept: dict[str, Any], delta: dict[str, Any], levels: int = _LEVELS) -> None:
    """Add a delta to what is kept: texts and lists behind one another, objects of a list by their index.

    Below so many `levels` the last one said stays as it is. `joined` gives the result.
    """
    for name, value in delta.items():
        before = kept.get(name)
        if levels and isinstance(value, list) and _is_indexed(value):
            if not isinstance(before, _Indexed):
                before = _Indexed(before if isinstance(before, list) else ())
            kept[name] = before
            _merge_indexed(before, value, levels - 1)
        elif before is None or value is None:
            kept[name] = value if before is None else before
        elif name in _LABELS or not _are_alike(before, value) or not levels:
            kept[name] = value or before
        elif isinstance(value, str):
            # A name is sent whole, by some with each chunk.
            if isinstance(before, _Pieces):
                before.append(value)
            elif name != "name" or before != value:
                kept[name] = _Pieces((before, value))
        elif isinstance(value, list):
            before.extend(value)
        elif isinstance(value, dict):
            merge(before, value, levels - 1)
        else:
            kept[name] = value


def joined(value: Any, levels: int = _LEVELS + 2) -> Any:
    """What `merge` has kept, as plain JSON values; deeper than it reaches nothing has grown."""
    if isinstance(value, _Pieces):
        return "".join(value)
    if levels and isinstance(value, dict):
        return {name: joined(one, levels - 1) for name, one in value.items()}
    return [joined(one, levels - 1) for one in value] if levels and isinstance(value, list) else value


def _are_alike(before: Any, value: Any) -> bool:
    if isinstance(before, _Pieces) or isinstance(value, str):
        return isinstance(before, (str, _Pieces)) and isinstance(value, str)
    return (
        isinstance(before, list) and isinstance(value, list)
        if isinstance(before, list)
        else type(before) is type(value)
    )


def _is_indexed(values: list[Any]) -> bool:
    return bool(values) and all(isinstance(one, dict) and isinstance(one.get("index"), int) for one in values)


def _merge_indexed(kept: _Indexed, values: list[dict[str, Any]], levels: int) -> None:
    for value in values:
        same = kept.by_index.get(value["index"])
        if same is None:
            kept.by_index[value["index"]] = same = {}
            kept.append(same)
        merge(same, value, levels)


def _behind(first: Any, second: Any) -> Any:
    """Logprobs behind one another: an object of lists."""
    if not isinstance(first, dict) or not isinstance(second, dict):
        return first if second is None else second
    for name, value in second.items():
        before = first.get(name)
        if isinstance(before, list) and isinstance(value, list):
            before.extend(value)
        elif before is None:
            first[name] = value
    return first


def _place(call: Any) -> int:
    index = call.get("index") if isinstance(call, dict) else None
    return index if isinstance(index, int) else 0


def _without(fields: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}
