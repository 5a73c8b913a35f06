"""JSON that strangers send: read once, in slices, within limits; strictly where something is decided by it. Pure.

C's scanner reads a window of 64 KB at a time, so that nobody waits long: `json.loads` of 6 MB of `[[],[],…]` holds
the interpreter's lock for a second, and a thread would not help. A value that is larger than a window is taken apart
here, down to parts that are not.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from json.decoder import scanstring  # type: ignore[attr-defined,unused-ignore]
from typing import Any, NoReturn

from proxy.errors import BadRequest, TooComplex
from proxy.wire import bounded_json, json_window
from proxy.wire.json_window import UNIT, Window, before_escape
from proxy.wire.work import SLICE, Slices

# Limits of a request that something is decided by. A million values are some 100 MB of Python objects.
MAX_VALUES = 1_000_000
MAX_MEMBERS = 1_000  # at the top level, where each has its place noted
MAX_NAME = 1_000  # characters of a member's name
MAX_TEXT = 8_000_000  # characters of one text that is not plain ASCII, as base64 is: about two million tokens
_PART = 10_000  # values that are looked at in one step
# What may end an item, the likeliest first, by how the first one begins.
_ENDS = {"{": ("},", ",", "],"), "[": ("],", ",", "},"), "": (",", "},", "],")}
LARGE_VALUES, LARGE_VALUES_A_WINDOW = 2 * bounded_json.LEVELS, 8  # values that are larger than a window
_NUMBER = re.compile(r"[-+.0-9eE]*")
# A number's last character and what follows it, where the end of a window may have cut it in two.
_CUT_NUMBER = ("", ".", "e", "E")


@dataclass(frozen=True, slots=True)
class Member:
    """One top-level member: its name and where its name starts, its value starts and its value ends, in bytes."""

    name: str
    start: int
    value: int
    end: int


@dataclass(slots=True)
class Object:
    """A JSON object: its members' places and, where it was read strictly, its value."""

    members: list[Member] = field(default_factory=list)
    value: dict[str, Any] = field(default_factory=dict)


def read(data: bytes, watched: frozenset[str] = frozenset()) -> Slices[Object]:
    """The JSON object in `data`, which every sane reader takes for the same. Raises BadRequest and TooComplex.

    UTF-8 without a byte order mark, no name twice in an object, no NaN. The names in `watched` are those that decide
    something at the top level: they must be spelled without an escape and in small letters, because Go's reader, and
    so many a relay further up, takes `Model` for `model`.
    """
    try:
        found = yield from _Reader(data, strict=True, watched=watched).document()
        # With few brackets it cannot be too deep; to count them in a large body would take long.
        if len(data) > json_window.WINDOW or data.count(b"[") + data.count(b"{") > bounded_json.LEVELS:
            yield from _check_depth(found.value)
        return found
    except (ValueError, StopIteration, RecursionError):
        raise BadRequest(
            "The request body must be one JSON object in UTF-8, not nested without end. This endpoint has to read "
            "what it asks for.",
            code="unreadable_body",
        ) from None


def scan(data: bytes) -> Slices[Object | None]:
    """Where the top-level members of a JSON object are, without their values; None where `data` is no JSON object."""
    try:
        return (yield from _Reader(data, strict=False).document())
    except (ValueError, StopIteration, RecursionError, TooComplex):
        return None


def item_spans(data: bytes, start: int) -> Slices[list[tuple[int, int]]]:
    """Where the items of the array that starts at `start` begin and end, in bytes. The array has been read before."""
    return (yield from _Reader(data, strict=False, start=start).items())


class _Reader(Window):
    """One pass over `data`. Positions are characters of the window."""

    def __init__(self, data: bytes, strict: bool, watched: frozenset[str] = frozenset(), start: int = 0) -> None:
        super().__init__(data, strict, start)
        self._strict = strict
        self._watched = watched
        self._scan = (_STRICT if strict else _LENIENT).scan_once  # type: ignore[attr-defined,unused-ignore]
        self._values = self._top_level = self._large_values = 0

    def document(self) -> Slices[Object]:
        """The whole of `data` as one object. Raises ValueError and the like for anything else."""
        at = yield from self.past_space(0)
        if self.text[at : at + 1] != "{":
            raise ValueError
        found = Object()
        found.value, at = yield from self._object(at + 1, 0, found.members)
        at = yield from self.past_space(at)
        if at != len(self.text):
            raise ValueError
        return found

    def items(self) -> Slices[list[tuple[int, int]]]:
        """The places of an array's items; the window begins with its bracket."""
        spans: list[tuple[int, int]] = []
        yield from self._array(1, 0, spans)
        return spans

    def _count(self, start: int, end: int) -> None:
        """Count the values between two characters, from above: commas and brackets in texts count as well."""
        self._values += 1
        if self._strict:
            text = self.text
            self._values += sum(text.count(mark, start, end) for mark in ("[", "{", ","))
        if self._values > MAX_VALUES:
            raise TooComplex(f"has more than {MAX_VALUES} values")

    def _object(self, at: int, depth: int, members: list[Member] | None = None) -> Slices[tuple[dict[str, Any], int]]:
        """The members from `at` on, behind the opening brace, and the place behind the closing one."""
        found: dict[str, Any] = {}
        folded: set[str] = set()
        at = yield from self.past_space(at)
        if self.text[at : at + 1] == "}":
            return found, at + 1
        while True:
            if members is None and not self.last:
                at = yield from self._run(at, found)
            start, name, at = self._name(at)
            if members is not None:
                self._check_top(name, start, folded)
            elif name in found:
                _twice(name)
            at = yield from self.past_space(at)
            if self.text[at : at + 1] != ":":
                raise ValueError
            at = yield from self.past_space(at + 1)
            value_at = self.byte(at) if members is not None else 0
            value, at = yield from self._value(at, depth + 1)
            if self._strict:
                found[name] = value
            if members is not None:
                members.append(Member(name, start, value_at, self.byte(at)))
            ended, at = yield from self._after_item(at, "}")
            if ended:
                return found, at

    def _array(self, at: int, depth: int, spans: list[tuple[int, int]] | None = None) -> Slices[tuple[list[Any], int]]:
        """The items from `at` on, behind the opening bracket, and the place behind the closing one."""
        found: list[Any] = []
        at = yield from self.past_space(at)
        if self.text[at : at + 1] == "]":
            return found, at + 1
        while True:
            if spans is None and not self.last:
                at = yield from self._run(at, found)
            start = self.byte(at) if spans is not None else 0
            value, at = yield from self._value(at, depth + 1)
            if self._strict:
                found.append(value)
            if spans is not None:
                spans.append((start, self.byte(at)))
            ended, at = yield from self._after_item(at, "]")
            if ended:
                return found, at

    def _after_item(self, at: int, closing: str) -> Slices[tuple[bool, int]]:
        """Whether an item was the last one, and the place after the closing bracket, or of the next item."""
        at = yield from self.past_space(at)
        mark = self.text[at : at + 1]
        if mark == closing:
            return True, at + 1
        if mark != ",":
            raise ValueError
        if self.charge(2):
            yield self.spent()
        return False, (yield from self.past_space(at + 1))

    def _run(self, at: int, found: list[Any] | dict[str, Any]) -> Slices[int]:
        """Read as many whole items from `at` on as the window surely holds into `found`; the place of the next one.

        Where a comma ends an item is only a guess: of those near the window's end that look most like it.
        """
        opening, closing = "[]" if isinstance(found, list) else "{}"
        while True:
            if at > len(self.text) // 2 and not self.last:
                self.slide(at)
                at = 0
            if at > 1 or self.last:
                return at
            text, cut = self.text, 0
            for mark in _ENDS.get(text[at : at + 1], _ENDS[""]):
                cut = text.rfind(mark) + len(mark) - 1
                if self.charge(len(text) // UNIT):
                    yield self.spent()
                with suppress(ValueError, StopIteration):
                    part, end = self._scan(f"{opening}{text[at:cut]}{closing}", 0)
                    if cut > at and end == cut - at + 2:
                        break
            else:
                return at
            self._count(at, cut)
            if self._strict and isinstance(found, list):
                found += part
            elif self._strict and isinstance(found, dict):
                if not part.keys().isdisjoint(found.keys()):  # of two views the shorter one is gone through
                    _twice(next(name for name in part if name in found))
                found.update(part)
            at = yield from self.past_space(cut + 1)

    def _name(self, at: int) -> tuple[int, str, int]:
        """The byte that a member's name starts at, the name, and the place behind it."""
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
            _check_length(name)
        return start, name, end

    def _check_top(self, name: str, start: int, folded: set[str]) -> None:
        """Raise BadRequest for a name that stands twice, in whatever case, or in another spelling than its own."""
        self._top_level += 1
        if self._top_level > MAX_MEMBERS:
            raise TooComplex(f"has more than {MAX_MEMBERS} keys at its top level")
        if not self._strict:
            return
        fold = name.casefold()
        if (read_as := fold.partition("\0")[0].strip()) in self._watched:  # by readers whose texts end there
            fold = read_as
        if fold in folded:
            _twice(name, fold if fold in self._watched else name)
        folded.add(fold)
        if fold in self._watched:
            spelled = b'"%s"' % fold.encode()
            if self._data[start : start + len(spelled)] != spelled:
                raise BadRequest(
                    f"The request JSON has the key {name[:100]!r}. Write it {fold!r}, in small letters and without an "
                    "escape.",
                    code="duplicate_key",
                    param=fold,
                )

    def _value(self, at: int, depth: int) -> Slices[tuple[Any, int]]:
        """The value that starts at `at`, and the place behind it."""
        while True:
            text = self.text
            try:
                value, end = self._scan(text, at)
            except (ValueError, StopIteration):
                end = -1  # no JSON, or more of it than the window holds
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
                return (yield from self._large(depth))
            self.slide(at)
            at = 0

    def _large(self, depth: int) -> Slices[tuple[Any, int]]:
        """The value that the window begins with and does not hold to its end."""
        first = self.text[0]
        self._count(0, 1)
        # Each of these looks at a few windows: few of them fit into a body, but for one that is nested again and again.
        self._large_values += 1
        if self._large_values > LARGE_VALUES + LARGE_VALUES_A_WINDOW * len(self._data) // json_window.WINDOW:
            raise TooComplex("has too many large values, one in another")
        if depth > bounded_json.LEVELS:
            raise RecursionError
        if first == "{":
            return (yield from self._object(1, depth))
        if first == "[":
            return (yield from self._array(1, depth))
        if first == '"':
            return (yield from self._text_value())
        return (yield from self._long_number())

    def _text_value(self) -> Slices[tuple[str, int]]:
        """A text that is longer than a window, put together of pieces."""
        pieces: list[str] = []
        size, plain, at = 0, True, 1
        while True:
            text, last = self.text, self.last
            cut = len(text) if last else before_escape(text)
            piece, end = scanstring(text if last else text[:cut] + '"', at)
            if self._strict:
                pieces.append(piece)
                size, plain = size + len(piece), plain and piece.isascii()
                if size > MAX_TEXT and not plain:
                    raise TooComplex(f"has a text of more than {MAX_TEXT} characters")
            if self.charge(1 + len(text) // UNIT):
                yield self.spent()
            if last or end <= cut:
                return "".join(pieces), end
            self.slide(cut)
            at = 0

    def _long_number(self) -> Slices[tuple[None, int]]:
        """Digits without end, which are only passed over."""
        at = _NUMBER.match(self.text).end()  # type: ignore[union-attr]
        if self._strict or at == 0:
            raise ValueError
        while at == len(self.text) and not self.last:
            if self.charge(at // UNIT):
                yield self.spent()
            self.slide(at)
            at = _NUMBER.match(self.text).end()  # type: ignore[union-attr]
        return None, at


def _check_depth(value: Any) -> Slices[None]:
    """Raise RecursionError for more than nesting.LEVELS levels, which Pythons differ in taking."""
    level = [value]
    units = 0
    for _ in range(bounded_json.LEVELS):
        below: list[Any] = []
        for one in level:
            inner = iter(one.values() if type(one) is dict else one)
            units += 1
            while part := list(islice(inner, _PART)):
                below += [item for item in part if type(item) in (dict, list)]
                units += len(part) // 16
                if units >= SLICE:
                    yield units
                    units = 0
        level = below
        if not level:
            return
    raise RecursionError


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, as C's scanner has it made."""
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        _twice(next(name for name, _ in pairs if name in seen or seen.add(name)))  # type: ignore[func-returns-value]
    if found and len(max(found, key=len)) > MAX_NAME:
        _check_length(max(found, key=len))
    return found


def _check_length(name: str) -> None:
    if len(name) > MAX_NAME:
        raise TooComplex(f"has a key of more than {MAX_NAME} characters")


def _twice(name: str, param: str | None = None) -> NoReturn:
    raise BadRequest(
        f"The request JSON has the key {name[:100]!r} twice. Send it once.", code="duplicate_key", param=param or name
    )


def _no_constant(name: str) -> NoReturn:
    """NaN and Infinity, which Python's reader takes and no other one does."""
    raise ValueError(name)


_STRICT = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_no_constant)
# Numbers are only passed over: as texts they cost nothing, and no length of them is refused.
_LENIENT = json.JSONDecoder(parse_int=str, parse_float=str)
