"""JSON from untrusted callers: read once, in slices, within limits, and strictly if something is decided by it. Pure.

C's scanner reads one window of 64 KB at a time, so that no call blocks others for long: `json.loads` of 6 MB of
`[[],[],…]` holds the interpreter's lock for a second, and a thread would not help. Values that are larger than a window
are split here into parts that fit.
"""

from __future__ import annotations

from contextlib import suppress
from json.decoder import scanstring  # type: ignore[attr-defined,unused-ignore]
from typing import Any

from proxy.errors import BadRequest, TooComplex
from proxy.wire import bounded_json, json_members, json_window
from proxy.wire.json_rules import (
    LENIENT,
    MAX_VALUES,
    STRICT,
    Member,
    Object,
    TopLevelKeys,
    check_depth,
    check_name,
    duplicate_key,
)
from proxy.wire.json_window import UNIT, Window
from proxy.wire.work import Slices

# What may end an item, the likeliest first, by the item's first character.
_ITEM_ENDS = {"{": ("},", ",", "],"), "[": ("],", ",", "},"), "": (",", "},", "],")}
# How many values may be larger than a window.
LARGE_VALUES, LARGE_VALUES_PER_WINDOW = 2 * bounded_json.LEVELS, 8
# A number whose last digit is followed by one of these may continue after the end of the window.
_CUT_NUMBER = ("", ".", "e", "E")


def read(data: bytes, watched: frozenset[str] = frozenset()) -> Slices[Object]:
    """The JSON object in `data`, if every sane reader reads it the same way. Raises BadRequest and TooComplex.

    UTF-8 without a byte order mark, no duplicate keys, no NaN. `watched` are the top-level keys that decide something:
    they must be spelled in lower case and without escapes, because Go's reader, and so many a relay upstream, takes
    `Model` for `model`.
    """
    try:
        document = yield from _Reader(data, strict=True, watched=watched).document()
        # Few brackets cannot nest too deeply. Counting them in a large body would take too long.
        if len(data) > json_window.WINDOW or data.count(b"[") + data.count(b"{") > bounded_json.LEVELS:
            yield from check_depth(document.value)
        return document
    except (ValueError, StopIteration, RecursionError):
        raise BadRequest(
            "The request body must be one JSON object in UTF-8, without excessive nesting: this endpoint must read it.",
            code="unreadable_body",
        ) from None


def scan(data: bytes) -> Slices[Object | None]:
    """The positions of a JSON object's top-level members, without their values; None if `data` is no JSON object."""
    try:
        if len(data) <= json_window.WINDOW:  # as nearly always: in one go
            return Object(json_members.spans(data))
        return (yield from _Reader(data, strict=False).document())
    except (ValueError, StopIteration, RecursionError, TooComplex):
        return None


def item_spans(data: bytes, start: int) -> Slices[list[tuple[int, int]]]:
    """Start and end, in bytes, of each item of the array at `start`, which must be valid JSON."""
    return (yield from _Reader(data, strict=False, start=start).items())


class _Reader(Window):
    """One pass over `data`. Positions are characters of the window, as in Window."""

    def __init__(self, data: bytes, strict: bool, watched: frozenset[str] = frozenset(), start: int = 0) -> None:
        super().__init__(data, strict, start)
        self._strict = strict
        self._keys = TopLevelKeys(data, strict, watched)
        self._scan = (STRICT if strict else LENIENT).scan_once  # type: ignore[attr-defined,unused-ignore]
        self._values = self._large_values = 0

    def document(self) -> Slices[Object]:
        """All of `data` as one object. Raises ValueError, StopIteration or RecursionError for anything else."""
        document = Object([])
        if self.last:  # as nearly always: it is read in one go
            document.value, at = self._members(document.members)
        else:
            at = yield from self.past_space(0)
            if self.text[at : at + 1] != "{":
                raise ValueError
            document.value, at = yield from self._object(at + 1, 0, document.members)
        at = yield from self.past_space(at)
        if at != len(self.text):
            raise ValueError
        return document

    def items(self) -> Slices[list[tuple[int, int]]]:
        """The spans of an array's items, in bytes; the window begins with its opening bracket."""
        spans: list[tuple[int, int]] = []
        yield from self._array(1, 0, spans)
        return spans

    def _count(self, start: int, end: int) -> None:
        """Count the values between two positions. An upper bound: commas and brackets in strings count too."""
        self._values += 1
        if self._strict:
            text = self.text
            self._values += sum(text.count(mark, start, end) for mark in ("[", "{", ","))
        if self._values > MAX_VALUES:
            raise TooComplex(f"has more than {MAX_VALUES} values")

    def _object(self, at: int, depth: int, members: list[Member] | None = None) -> Slices[tuple[dict[str, Any], int]]:
        """The object whose opening brace is just before `at`, and the position after its closing brace."""
        values: dict[str, Any] = {}
        at = yield from self.past_space(at)
        if self.text[at : at + 1] == "}":
            return values, at + 1
        while True:
            if members is None and not self.last:
                at = yield from self._batch(at, values)
            start, name, at = self._name(at)
            if members is not None:
                self._keys.add(name, start)
            elif name in values:
                raise duplicate_key(name)
            at = yield from self.past_space(at)
            if self.text[at : at + 1] != ":":
                raise ValueError
            at = yield from self.past_space(at + 1)
            value_start = self.byte(at) if members is not None else 0
            value, at = yield from self._value(at, depth + 1)
            if self._strict:
                values[name] = value
            if members is not None:
                members.append(Member(name, start, value_start, self.byte(at)))
            ended, at = yield from self._after_item(at, "}")
            if ended:
                return values, at

    def _members(self, members: list[Member]) -> tuple[dict[str, Any], int]:
        """The same, strictly, for an object that the window holds completely."""
        text, scan, byte = self.text, self._scan, self.byte
        values: dict[str, Any] = {}
        at = json_members.first(text)
        if text[at : at + 1] == "}":
            return values, at + 1
        ended = False
        while not ended:
            start = byte(at)
            name, value_at = json_members.name(text, at)
            check_name(name)
            self._keys.add(name, start)
            try:
                values[name], at = scan(text, value_at)
            except StopIteration:  # which would end a generator that calls this
                raise ValueError from None
            self._count(value_at, at)
            members.append(Member(name, start, byte(value_at), byte(at)))
            ended, at = json_members.following(text, at)
        return values, at

    def _array(self, at: int, depth: int, spans: list[tuple[int, int]] | None = None) -> Slices[tuple[list[Any], int]]:
        """The array whose opening bracket is just before `at`, and the position after its closing bracket."""
        items: list[Any] = []
        at = yield from self.past_space(at)
        if self.text[at : at + 1] == "]":
            return items, at + 1
        while True:
            if spans is None and not self.last:
                at = yield from self._batch(at, items)
            start = self.byte(at) if spans is not None else 0
            value, at = yield from self._value(at, depth + 1)
            if self._strict:
                items.append(value)
            if spans is not None:
                spans.append((start, self.byte(at)))
            ended, at = yield from self._after_item(at, "]")
            if ended:
                return items, at

    def _after_item(self, at: int, closing: str) -> Slices[tuple[bool, int]]:
        """Whether the item before `at` was the last, and the position after the closing bracket or of the next item."""
        at = yield from self.past_space(at)
        mark = self.text[at : at + 1]
        if mark == closing:
            return True, at + 1
        if mark != ",":
            raise ValueError
        if self.charge(2):
            yield self.spent()
        return False, (yield from self.past_space(at + 1))

    def _batch(self, at: int, values: list[Any] | dict[str, Any]) -> Slices[int]:
        """Read as many whole items from `at` on as the window holds into `values`; return the next item's position.

        Which comma ends an item is a guess, tested by parsing: the likeliest ones near the window's end come first.
        """
        opening, closing = "[]" if isinstance(values, list) else "{}"
        while True:
            if at > len(self.text) // 2 and not self.last:
                self.slide(at)
                at = 0
            if at > 1 or self.last:
                return at
            text, cut = self.text, 0
            for mark in _ITEM_ENDS.get(text[at : at + 1], _ITEM_ENDS[""]):
                cut = text.rfind(mark) + len(mark) - 1
                if self.charge(len(text) // UNIT):
                    yield self.spent()
                with suppress(ValueError, StopIteration):
                    batch, end = self._scan(f"{opening}{text[at:cut]}{closing}", 0)
                    if cut > at and end == cut - at + 2:
                        break
            else:
                return at
            self._count(at, cut)
            if self._strict and isinstance(values, list):
                values += batch
            elif self._strict and isinstance(values, dict):
                if not batch.keys().isdisjoint(values.keys()):  # between two views, it iterates over the shorter
                    raise duplicate_key(next(name for name in batch if name in values))
                values.update(batch)
            at = yield from self.past_space(cut + 1)

    def _name(self, at: int) -> tuple[int, str, int]:
        """The byte where a member's name starts, the name, and the position after it."""
        if self.text[at : at + 1] != '"':
            raise ValueError
        start = self.byte(at)
        try:
            name, end = scanstring(self.text, at + 1)
        except ValueError:
            if self.last or at == 0:
                raise
            self.charge(len(self.text) // UNIT)
            self.slide(at)
            name, end = scanstring(self.text, 1)
        if self._strict:
            check_name(name)
        return start, name, end

    def _value(self, at: int, depth: int) -> Slices[tuple[Any, int]]:
        """The value at `at`, and the position after it."""
        while True:
            text = self.text
            try:
                value, end = self._scan(text, at)
            except (ValueError, StopIteration):
                end = -1  # not JSON, or longer than the window
            if end >= 0 and (self.last or not (text[end - 1].isdigit() and text[end : end + 1] in _CUT_NUMBER)):
                self._count(at, end)
                if self.charge(1 + (end - at) // UNIT):
                    yield self.spent()
                return value, end
            if self.last:
                raise ValueError
            if self.charge((len(text) - at) // UNIT):
                yield self.spent()
            if at == 0:
                return (yield from self._large_value(depth))
            self.slide(at)
            at = 0

    def _large_value(self, depth: int) -> Slices[tuple[Any, int]]:
        """The value that the window begins with and does not hold completely, and the position after it."""
        first = self.text[0]
        self._count(0, 1)
        # Each of these reads a few windows, so a body can only hold many of them by nesting them.
        self._large_values += 1
        if self._large_values > LARGE_VALUES + LARGE_VALUES_PER_WINDOW * len(self._data) // json_window.WINDOW:
            raise TooComplex("has too many large values nested in each other")
        if depth > bounded_json.LEVELS:
            raise RecursionError
        if first == "{":
            return (yield from self._object(1, depth))
        if first == "[":
            return (yield from self._array(1, depth))
        if first == '"':
            return (yield from self.long_string(self._strict))
        if self._strict:
            raise ValueError  # a number of thousands of digits
        return None, (yield from self.skip_number())
