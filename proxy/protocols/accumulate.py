"""A chat completion made of its chunks: what the upstream would have sent, had it not been asked for a stream. Pure.

No text is lost or said twice, whatever types a member takes along the stream: texts grow, lists get longer, objects are
merged, and where one kind follows another both become parts of a list.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from proxy.protocols.members import without

# Sent again with each chunk by some providers, in full: they name something and are not added up.
_LABELS = frozenset(("role", "channel", "type", "index", "id", "format", "signature_format"))
# Members of a chunk that say nothing about the answer: random padding, and what every chunk is.
_LEFT_OUT = frozenset(("choices", "object", "obfuscation", "p"))
# Parts whose pieces belong together, as OpenAI's and Mistral's whole answers have them.
_GROWING = ("text", "thinking")
# What every answer's message has, said or not.
_MESSAGE = {"role": "assistant", "content": None, "refusal": None}
# No answer is nested as deeply; one that an upstream makes up must not end in our own limits.
_MAX_LEVELS = 50


class Accumulator:
    """Takes the chunks of one stream, in their order. Unknown members are kept, as far as they can be understood."""

    def __init__(self) -> None:
        self._fields: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}
        self.has_text = False
        self.has_unreadable = False  # an event of the stream could not be read

    def add(self, chunk: dict[str, Any]) -> None:
        """Take one chunk. What is not a chunk of a chat is ignored."""
        choices = chunk.get("choices")
        if choices is None and isinstance(chunk.get("usage"), dict):  # some send their usage without choices
            self._add_field("usage", chunk["usage"])
        if not isinstance(choices, list) or chunk.get("object") == "":  # Azure's filter results come in between
            return
        for name, value in chunk.items():
            if name not in _LEFT_OUT:
                self._add_field(name, value)
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

    def whole(self, ended: bool = False) -> dict[str, Any]:
        """The answer so far. `ended`: the stream came to its own end.

        A choice without a finish reason is then a complete one whose provider names none; otherwise it is marked as cut
        off by length.
        """
        choices = []
        for index in sorted(self._choices):
            choice = self._choices[index]
            message = joined(choice["message"])
            message["role"] = message.get("role") or "assistant"
            reason = "length"
            if isinstance(calls := message.get("tool_calls"), list):  # their place in the list says what the index said
                ordered = sorted(calls, key=_place)
                message["tool_calls"] = [
                    without(call, ("index",)) if isinstance(call, dict) else call for call in ordered
                ]
            if ended:
                reason = "tool_calls" if message.get("tool_calls") else "stop"
            message = {"role": message["role"], **_MESSAGE, **message}
            choices.append({**choice, "message": message, "finish_reason": choice["finish_reason"] or reason})
        head = {name: self._fields.get(name) for name in ("id", "object", "created", "model")}
        return {**head, "object": "chat.completion", "choices": choices, **without(self._fields, head)}

    def _add_field(self, name: str, value: Any) -> None:
        """The first value names the answer; later ones tell more: usage, a fingerprint, an upstream's own figures."""
        before = self._fields.get(name)
        if before and (not value or name in ("id", "created")):
            return
        if isinstance(before, dict) and isinstance(value, dict):
            value = {**before, **value}
        self._fields[name] = value

    def _add_choice(self, index: int, choice: dict[str, Any]) -> None:
        kept = self._choices.setdefault(index, {"index": index, "message": {}, "logprobs": None, "finish_reason": None})
        delta, message, text = choice.get("delta"), choice.get("message"), choice.get("text")
        if not isinstance(delta, dict):
            delta = {"content": text} if isinstance(text, str) and not isinstance(message, dict) else {}
        if isinstance(message, dict):
            delta = {**delta, **_unsaid(kept["message"], message, delta)}
        self.has_text = self.has_text or any(value for name, value in delta.items() if name != "role")
        merge(kept["message"], delta)
        for name, value in choice.items():
            if name == "logprobs":
                kept[name] = _joined_logprobs(kept[name], value)
            elif name == "usage" and isinstance(value, dict):  # Moonshot's place for it
                if not self._fields.get("usage"):
                    self._add_field("usage", value)
            elif name not in ("delta", "message", "index") and (value or not kept.get(name)):
                kept[name] = value


class _Pieces(list[str]):
    """A text that is still growing. Adding up strings would copy all of it with every word."""


class _Parts(list[Any]):
    """What a member said in several kinds of values, in order. A text that goes on grows in the last part."""

    def add(self, value: Any) -> None:
        """Append a value of any kind."""
        if _is_text(value):
            self._add_part({"type": "text", "text": value})
        elif isinstance(value, list):
            for item in value:
                self._add_part(item)
        else:
            self._add_part(value)

    def _add_part(self, part: Any) -> None:
        if not isinstance(part, dict) or part.get("type") not in _GROWING:
            self.append(part)
            return
        last = self[-1] if self else None
        if not isinstance(last, dict) or last.keys() != part.keys() or last["type"] != part["type"]:
            last = dict.fromkeys(part)
            self.append(last)
        for name, value in part.items():
            before = last[name]
            if name == "type" or before is None or value is None:
                last[name] = before if value is None else value
            else:
                last[name] = _added(name, before, value, 1)


class _Indexed(list[Any]):
    """A list of objects that have an index each, which finds the one that a delta goes on with.

    Several may have one index: details of different types, and the calls of providers that count none of them.
    """

    def __init__(self, items: Iterable[Any] = ()) -> None:
        super().__init__(items)
        self._latest: dict[Any, dict[str, Any]] = {}
        self._by_label: dict[tuple[Any, str, str], dict[str, Any]] = {}
        for item in self:
            if isinstance(item, dict):
                self._note(item)

    def at(self, delta: dict[str, Any]) -> dict[str, Any]:
        """The object that `delta` continues; a new one where it begins another."""
        latest = self._latest.get(delta["index"])
        label = _label(delta)
        if latest is not None and (label is None or _label(latest, label[0]) in (label, None)):
            return latest
        found = self._by_label.get((delta["index"], *label)) if label else None
        if found is None:
            found = {}
            self.append(found)
        self._latest[delta["index"]] = found
        return found

    def _note(self, item: dict[str, Any]) -> None:
        self._latest[item.get("index")] = item
        if label := _label(item):
            self._by_label[item.get("index"), label[0], label[1]] = item

    def merged(self, item: dict[str, Any]) -> None:
        """Note what `item` is called, now that a delta has been merged into it."""
        self._note(item)


def _label(item: dict[str, Any], kind: str | None = None) -> tuple[str, str] | None:
    """What tells an object from others with the same index: a call's id, if its name comes with it, else its type."""
    function = item.get("function")
    identifier = item.get("id")
    if kind != "type" and isinstance(identifier, str) and identifier and isinstance(function, dict):
        # Some make up a new id with each piece of one call; its name comes once.
        return ("id", identifier) if kind or function.get("name") else None
    if kind != "id" and function is None and isinstance(item.get("type"), str) and item["type"]:
        return "type", item["type"]
    return None


def merge(kept: dict[str, Any], delta: dict[str, Any], levels: int = _MAX_LEVELS) -> None:
    """Add a delta to what is kept. `joined` gives the result.

    Below so many `levels` the last value stays as it is.
    """
    for name, value in delta.items():
        before = kept.get(name)
        if levels and isinstance(value, list) and _is_indexed(value):
            if not isinstance(before, _Indexed):
                before = _Indexed(_parts(before))
            kept[name] = before
            for item in value:
                same = before.at(item)
                merge(same, item, levels - 1)
                before.merged(same)
        elif before is None or value is None:
            kept[name] = value if before is None else before
        elif name in _LABELS or not levels:
            kept[name] = value or before
        else:
            kept[name] = _added(name, before, value, levels)


def _added(name: str, before: Any, value: Any, levels: int) -> Any:
    """Both values as one: of the same kind if they are, else as parts."""
    if _is_text(before) and isinstance(value, str):
        if isinstance(before, _Pieces):
            before.append(value)
            return before
        # A name is sent whole, by some with each chunk.
        return before if name == "name" and before == value else _Pieces((before, value))
    if _is_plain(value):
        return before if not _is_plain(before) else value
    if _is_plain(before):
        return value
    if isinstance(before, dict) and isinstance(value, dict):
        merge(before, value, levels - 1)
        return before
    parts = before if isinstance(before, _Parts) else _Parts(_parts(before))
    parts.add(value)
    return parts


def _parts(value: Any) -> list[Any]:
    """A value of any kind as parts; an empty text is none."""
    if not joined(value) or _is_plain(value):
        return []
    if isinstance(value, list) and not isinstance(value, _Pieces):
        return value
    parts = _Parts()
    parts.add(value)
    return parts


def joined(value: Any, levels: int = _MAX_LEVELS + 4) -> Any:
    """What `merge` has kept, as plain JSON values; deeper than it reaches nothing has grown."""
    if isinstance(value, _Pieces):
        return "".join(value)
    if levels and isinstance(value, dict):
        return {name: joined(member, levels - 1) for name, member in value.items()}
    return [joined(item, levels - 1) for item in value] if levels and isinstance(value, list) else value


def _unsaid(kept: dict[str, Any], message: dict[str, Any], delta: dict[str, Any]) -> dict[str, Any]:
    """What a whole message says that its deltas have not: some providers end a stream with the answer as a whole."""
    unsaid: dict[str, Any] = {}
    for name, value in message.items():
        said = joined(kept.get(name))
        if name in delta and delta[name] not in (None, ""):
            continue
        if isinstance(said, str) and isinstance(value, str):
            unsaid[name] = value[len(said) :] if value.startswith(said) else ""
        elif said in (None, [], {}, ""):
            unsaid[name] = value
    return unsaid


def _is_text(value: Any) -> bool:
    return isinstance(value, (str, _Pieces))


def _is_plain(value: Any) -> bool:
    """Whether it is a number or a boolean, which says no text and gives way to what does."""
    return isinstance(value, (bool, int, float))


def _is_indexed(values: list[Any]) -> bool:
    return bool(values) and all(isinstance(item, dict) and isinstance(item.get("index"), int) for item in values)


def _joined_logprobs(first: Any, second: Any) -> Any:
    """Logprobs one after the other: an object of lists."""
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
