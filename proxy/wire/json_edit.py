"""A request's JSON with the positions of its members, and edits of it: the only module that changes a body. Pure.

An edit replaces or removes the span of a top-level member. Every other byte stays as it was sent: decoding and encoding
again would lose 20-digit integers, `2.50`, lone surrogates and the order of members.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

from proxy.wire.json_rules import Member, duplicate_key

# The largest value, in bytes, to read from a body that was not read strictly: a name, a number, a few options.
_MAX_VALUE_BYTES = 4_096
_COMMON_BYTES = 64


class Document:
    """A JSON object: its bytes, its top-level members, and its value if it was read strictly, else None."""

    __slots__ = ("_by_name", "data", "members", "value")

    def __init__(self, data: bytes, members: Sequence[Member], value: dict[str, Any] | None = None) -> None:
        self.data = data
        self.members = members
        self.value = value
        self._by_name = {member.name: member for member in members}  # of duplicates the last

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def isdisjoint(self, names: Collection[str]) -> bool:
        """Whether none of these is a top-level member."""
        return self._by_name.keys().isdisjoint(names)

    def get(self, name: str) -> Any:
        """The value of a top-level member, None if there is none. Of duplicates the last wins, as in every JSON reader.

        If the object was not read strictly, values above 4 KB are None as well.
        """
        if self.value is not None:
            return self.value.get(name)
        member = self._by_name.get(name)
        return None if member is None else _read(self.data[member.value : member.end])

    def raw(self, name: str) -> bytes:
        """The JSON text of a top-level member of any size, empty if there is none. Of duplicates the last wins."""
        found = self._by_name.get(name)
        return b"" if found is None else self.data[found.value : found.end]

    def without(self, names: Collection[str]) -> Document:
        """A copy without the members called `names`. Raises BadRequest for duplicate keys."""
        members = self.members
        if self.isdisjoint(names):
            return self
        _check_unique(members)
        last = max((i for i, member in enumerate(members) if member.name not in names), default=-1)
        # Before a kept member, a cut extends to the start of the next member and so includes the comma. At the end, it
        # starts where the last kept value ends.
        cuts = [(m.start, members[i + 1].start, b"") for i, m in enumerate(members[:last]) if m.name in names]
        if last + 1 < len(members):
            cuts.append((members[last].end if last >= 0 else members[0].start, members[-1].end, b""))
        kept = tuple(member for member in members if member.name not in names)
        value = None if self.value is None else {k: v for k, v in self.value.items() if k not in names}
        return _spliced(self.data, cuts, kept, value)

    def setting(self, values: Mapping[str, bytes]) -> Document:
        """A copy with these top-level members: existing values are replaced, new members are appended.

        `values` are JSON. Raises BadRequest for duplicate keys.
        """
        members = self.members
        _check_unique(members)
        value = None if self.value is None else {**self.value, **{k: json.loads(v) for k, v in values.items()}}
        edits = [(m.value, m.end, values[m.name]) for m in members if m.name in values]
        edited = _spliced(self.data, edits, members, value) if edits else Document(self.data, members, value)
        added = [(name, value) for name, value in values.items() if name not in self]
        return edited._appending(added) if added else edited

    def _appending(self, added: list[tuple[str, bytes]]) -> Document:
        """A copy with more members at the end. Its value already contains them."""
        end = self.members[-1].end if self.members else self.data.index(b"{") + 1
        text = b""
        members = [*self.members]
        for name, value in added:
            text += b"," if members else b""
            start = end + len(text)
            text += b'"%s":' % name.encode()
            members.append(Member(name, start, end + len(text), end + len(text) + len(value)))
            text += value
        view = memoryview(self.data)
        return Document(b"".join([view[:end], text, view[end:]]), tuple(members), self.value)

    def without_items(self, name: str, spans: list[tuple[int, int]], dropped: Collection[int]) -> Document:
        """A copy of which the top-level array `name` lacks the items with the indices `dropped`.

        `spans` are the start and end of all its items, in bytes.
        """
        member = next(member for member in self.members if member.name == name)
        kept = [self.data[start:end] for i, (start, end) in enumerate(spans) if i not in dropped]
        value = self.value
        if value is not None:
            value = {**value, name: [item for i, item in enumerate(value[name]) if i not in dropped]}
        edit = (member.value, member.end, b"[%s]" % b",".join(kept))
        return _spliced(self.data, [edit], self.members, value)


def _spliced(
    data: bytes, edits: list[tuple[int, int, bytes]], members: Sequence[Member], value: dict[str, Any] | None
) -> Document:
    """`data` with each (start, end, replacement) of `edits` applied, in order, and `members` at their new positions."""
    view = memoryview(data)  # so that tens of megabytes are copied only once
    parts: list[bytes | memoryview] = []
    shifts: list[tuple[int, int]] = []  # from this byte on, positions shift by this much
    at = shift = 0
    for start, end, text in edits:
        parts += [view[at:start], text]
        shift += len(text) - (end - start)
        shifts.append((end, shift))
        at = end
    parts.append(view[at:])
    shifted = []
    index = offset = 0
    for member in members:
        positions = []
        for position in (member.start, member.value, member.end):
            while index < len(shifts) and shifts[index][0] <= position:
                offset = shifts[index][1]
                index += 1
            positions.append(position + offset)
        shifted.append(Member(member.name, *positions))
    return Document(b"".join(parts), tuple(shifted), value)


def _check_unique(members: Sequence[Member]) -> None:
    """Raise BadRequest for a duplicate key: the upstream might use the other value."""
    seen: set[str] = set()
    for member in members:
        if member.name in seen:
            raise duplicate_key(member.name)
        seen.add(member.name)


def _read(text: bytes) -> Any:
    if len(text) > _MAX_VALUE_BYTES:
        return None
    if len(text) <= _COMMON_BYTES and text[:1] not in (b"{", b"["):
        return _read_common(text)
    return _loads(text)


@lru_cache(maxsize=256)
def _read_common(text: bytes) -> Any:
    """A short value that no caller can change: most calls have the same few names of models and flags."""
    return _loads(text)


def _loads(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # not UTF-8, or beyond Python's limits: the upstream may still accept it
        return None
