"""Merge the deltas of a stream into JSON values. Pure.

No text is lost or duplicated, whatever types the values of a member have along the stream: texts grow, lists are
extended, objects are merged, and values of different types become parts of a list.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

# Labels that some providers repeat in each chunk: the last one counts.
_LABELS = frozenset(("role", "channel", "type", "index", "id", "format", "signature_format"))
# Types of parts whose pieces are joined, as in whole answers of OpenAI and Mistral.
_GROWING = ("text", "thinking")
# Deeper than any answer. An upstream must not be able to exhaust the stack.
_MAX_LEVELS = 50


class _Pieces(list[str]):
    """A text that is still growing. Concatenating strings would copy all of it with each word."""


class _Parts(list[Any]):
    """The values of a member that has values of several types, in order. Consecutive text grows in the last part."""

    def add(self, value: Any) -> None:
        """Append a value of any type."""
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
    """A list of objects with an index each. It finds the object that a delta continues.

    Several may share an index: details of different types, and calls of providers that do not count them.
    """

    def __init__(self, items: Iterable[Any] = ()) -> None:
        super().__init__(items)
        self._latest: dict[Any, dict[str, Any]] = {}
        self._by_label: dict[tuple[Any, str, str], dict[str, Any]] = {}
        for item in self:
            if isinstance(item, dict):
                self.register(item)

    def at(self, delta: dict[str, Any]) -> dict[str, Any]:
        """The object that `delta` continues, or a new one."""
        latest = self._latest.get(delta["index"])
        label = _label(delta)
        if latest is not None and (label is None or _label(latest, label[0]) in (label, None)):
            return latest
        item = self._by_label.get((delta["index"], *label)) if label else None
        if item is None:
            item = {}
            self.append(item)
        self._latest[delta["index"]] = item
        return item

    def register(self, item: dict[str, Any]) -> None:
        """Update the label of `item` after a delta has been merged into it."""
        self._latest[item.get("index")] = item
        if label := _label(item):
            self._by_label[item.get("index"), label[0], label[1]] = item


def _label(item: dict[str, Any], kind: str | None = None) -> tuple[str, str] | None:
    """What distinguishes objects with the same index: a call's id, if its name comes with it, else the type."""
    function = item.get("function")
    identifier = item.get("id")
    if kind != "type" and isinstance(identifier, str) and identifier and isinstance(function, dict):
        # Some providers send a new id with each delta of one call, but its name only once.
        return ("id", identifier) if kind or function.get("name") else None
    if kind != "id" and function is None and isinstance(item.get("type"), str) and item["type"]:
        return "type", item["type"]
    return None


def merge(kept: dict[str, Any], delta: dict[str, Any], levels: int = _MAX_LEVELS) -> None:
    """Merge a delta into `kept`; `joined` returns the result. Below `levels` levels, the last value replaces others."""
    for name, value in delta.items():
        before = kept.get(name)
        if levels and isinstance(value, list) and _is_indexed(value):
            if not isinstance(before, _Indexed):
                before = _Indexed(_parts(before))
            kept[name] = before
            for item in value:
                same = before.at(item)
                merge(same, item, levels - 1)
                before.register(same)
        elif before is None or value is None:
            kept[name] = value if before is None else before
        elif name in _LABELS or not levels:
            kept[name] = value or before
        else:
            kept[name] = _added(name, before, value, levels)


def _added(name: str, before: Any, value: Any, levels: int) -> Any:
    """Both values as one: of the same type if possible, else as parts."""
    if _is_text(before) and isinstance(value, str):
        if isinstance(before, _Pieces):
            before.append(value)
            return before
        # A name is sent whole, and by some providers repeated in each chunk.
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
    """A value of any type as parts. An empty text has none."""
    if not joined(value) or _is_plain(value):
        return []
    if isinstance(value, list) and not isinstance(value, _Pieces):
        return value
    parts = _Parts()
    parts.add(value)
    return parts


def joined(value: Any, levels: int = _MAX_LEVELS + 4) -> Any:
    """The result of `merge` as plain JSON values. Below its levels nothing has grown."""
    if isinstance(value, _Pieces):
        return "".join(value)
    if levels and isinstance(value, dict):
        return {name: joined(member, levels - 1) for name, member in value.items()}
    return [joined(item, levels - 1) for item in value] if levels and isinstance(value, list) else value


def _is_text(value: Any) -> bool:
    return isinstance(value, (str, _Pieces))


def _is_plain(value: Any) -> bool:
    """Whether it is a number or a boolean, which any other type of value replaces."""
    return isinstance(value, (bool, int, float))


def _is_indexed(values: list[Any]) -> bool:
    return bool(values) and all(isinstance(item, dict) and isinstance(item.get("index"), int) for item in values)
