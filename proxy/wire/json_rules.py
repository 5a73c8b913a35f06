"""The rules for a request's JSON: limits, duplicate keys, nesting. Pure.

A request that something is decided by must be read the same way by every server that sees it, and within bounds.
"""

from __future__ import annotations

import json
from itertools import islice
from typing import Any, NamedTuple, NoReturn

from proxy.errors import BadRequest, TooComplex
from proxy.wire import bounded_json
from proxy.wire.work import SLICE, Slices

# A million values are some 100 MB of Python objects.
MAX_VALUES = 1_000_000
MAX_MEMBERS = 1_000  # at the top level, where Sluice records each member's position
MAX_NAME = 1_000  # characters of a member's name
MAX_TEXT = 8_000_000  # characters of one non-ASCII string, about two million tokens; base64 is ASCII
_BATCH = 10_000  # values examined in one step


class Member(NamedTuple):
    """A top-level member: its name, and where its name starts, its value starts and its value ends, in bytes."""

    name: str
    start: int
    value: int
    end: int


class Object:
    """A JSON object: its members' positions and, after strict reading, its value."""

    __slots__ = ("members", "value")

    def __init__(self, members: list[Member]) -> None:
        self.members = members
        self.value: dict[str, Any] = {}


def check_name(name: str) -> None:
    """Raise TooComplex for a name that is too long."""
    if len(name) > MAX_NAME:
        raise TooComplex(f"has a key of more than {MAX_NAME} characters")


def duplicate_key(name: str, param: str | None = None) -> BadRequest:
    """The error for a key that occurs twice; `param` is the key that decides something, if it is spelled otherwise."""
    return BadRequest(
        f"The request JSON has the key {name[:100]!r} twice. Send it once.", code="duplicate_key", param=param or name
    )


class TopLevelKeys:
    """Checks the top-level keys of one object, whose JSON is `data`, as they are read.

    `watched` are the keys that decide something. Without `strict`, only the number of keys is limited.
    """

    def __init__(self, data: bytes, strict: bool, watched: frozenset[str]) -> None:
        self._data = data
        self._strict = strict
        self._watched = watched
        self._count = 0
        self._seen: set[str] = set()

    def add(self, name: str, start: int) -> None:
        """Check the key at byte `start`. Raises TooComplex, and BadRequest for a duplicate key in whatever case.

        Raises BadRequest also for a watched key that is not spelled in lower case and without escapes.
        """
        self._count += 1
        if self._count > MAX_MEMBERS:
            raise TooComplex(f"has more than {MAX_MEMBERS} keys at its top level")
        if not self._strict:
            return
        fold = name.casefold()
        if (prefix := fold.partition("\0")[0].strip()) in self._watched:  # readers with C strings stop at a NUL
            fold = prefix
        if fold in self._seen:
            raise duplicate_key(name, fold if fold in self._watched else name)
        self._seen.add(fold)
        if fold in self._watched:
            spelling = b'"%s"' % fold.encode()
            if self._data[start : start + len(spelling)] != spelling:
                raise BadRequest(
                    f"The request JSON has the key {name[:100]!r}. Write it as {fold!r}, in lower case and without "
                    "escapes.",
                    code="duplicate_key",
                    param=fold,
                )


def check_depth(value: Any) -> Slices[None]:
    """Raise RecursionError above bounded_json.LEVELS levels: Python versions differ in how many they accept."""
    level = [value]
    units = 0
    for _ in range(bounded_json.LEVELS):
        below: list[Any] = []
        for container in level:
            items = iter(container.values() if type(container) is dict else container)
            units += 1
            while batch := list(islice(items, _BATCH)):
                below += [item for item in batch if type(item) in (dict, list)]
                units += len(batch) // 16
                if units >= SLICE:
                    yield units
                    units = 0
        level = below
        if not level:
            return
    raise RecursionError


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of the pairs that C's scanner has read."""
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        raise duplicate_key(next(name for name, _ in pairs if name in seen or seen.add(name)))  # type: ignore[func-returns-value]
    if members and len(longest := max(members, key=len)) > MAX_NAME:
        check_name(longest)
    return members


def _no_constant(name: str) -> NoReturn:
    """Reject NaN and Infinity, which only Python's reader accepts."""
    raise ValueError(name)


STRICT = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant)
# For finding positions only: numbers as strings cost nothing and may have any length.
LENIENT = json.JSONDecoder(parse_int=str, parse_float=str)
