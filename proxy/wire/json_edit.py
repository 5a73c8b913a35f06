"""A request's JSON with the places of its members, and editing it: the only place that changes a body. Pure.

An edit replaces or removes the span of one top-level member; every other byte stays as it was sent, because decoding
and encoding again would lose 20-digit integers, `2.50`, lone surrogates and order.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from proxy.errors import BadRequest
from proxy.wire.json_rules import Member

# A value that is read out of a body that nothing is decided by: a name, a number, a few options.
_SHORT = 4_096


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON object: its bytes, its top-level members, and its value where it was read strictly, else None."""

    data: bytes
    members: tuple[Member, ...]
    value: dict[str, Any] | None = None

    def __contains__(self, name: str) -> bool:
        return any(member.name == name for member in self.members)

    def get(self, name: str) -> Any:
        """The value of a top-level member, None where there is none. The last wins, as in every JSON reader.

        Where the object was not read strictly, values of more than 4 KB are passed over: they are None as well.
        """
        if self.value is not None:
            return self.value.get(name)
        for member in reversed(self.members):
            if member.name == name:
                return _read(self.data[member.value : member.end])
        return None

    def without(self, names: Collection[str]) -> Document:
        """Without the members called `names`. Raises BadRequest for a name that stands twice."""
        found = self.members
        if not any(member.name in names for member in found):
            return self
        _check_unique(found)
        last = max((i for i, member in enumerate(found) if member.name not in names), default=-1)
        # A name with a kept member after it goes up to where the next one starts, and its comma with it; a run at the
        # end goes from where the last kept value ended.
        cuts = [(m.start, found[i + 1].start, b"") for i, m in enumerate(found[:last]) if m.name in names]
        if last + 1 < len(found):
            cuts.append((found[last].end if last >= 0 else found[0].start, found[-1].end, b""))
        kept = tuple(member for member in found if member.name not in names)
        value = None if self.value is None else {k: v for k, v in self.value.items() if k not in names}
        return _spliced(self.data, cuts, kept, value)

    def setting(self, values: Mapping[str, bytes]) -> Document:
        """With these top-level members: their values replaced, or the members added after all others.

        The values are JSON. Raises BadRequest for a name that stands twice.
        """
        found = self.members
        _check_unique(found)
        read = None if self.value is None else {**self.value, **{k: json.loads(v) for k, v in values.items()}}
        edits = [(m.value, m.end, values[m.name]) for m in found if m.name in values]
        edited = _spliced(self.data, edits, found, read) if edits else Document(self.data, found, read)
        added = [(name, value) for name, value in values.items() if name not in self]
        return edited._adding(added) if added else edited

    def _adding(self, added: list[tuple[str, bytes]]) -> Document:
        """With further members after all others; its value has them already."""
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
        """Without some items of the top-level array `name`, whose items stand at `spans` (bytes), by position."""
        member = next(one for one in self.members if one.name == name)
        kept = [self.data[start:end] for at, (start, end) in enumerate(spans) if at not in dropped]
        value = self.value
        if value is not None:
            value = {**value, name: [item for at, item in enumerate(value[name]) if at not in dropped]}
        edit = (member.value, member.end, b"[%s]" % b",".join(kept))
        return _spliced(self.data, [edit], self.members, value)


def _spliced(
    data: bytes, edits: list[tuple[int, int, bytes]], members: tuple[Member, ...], value: dict[str, Any] | None
) -> Document:
    """`data` with each (start, end) replaced, and where `members` are then; the edits are in their order."""
    view = memoryview(data)  # tens of megabytes are copied once
    pieces: list[bytes | memoryview] = []
    moves: list[tuple[int, int]] = []  # from this byte on, everything moves by so much
    at = moved = 0
    for start, end, text in edits:
        pieces += [view[at:start], text]
        moved += len(text) - (end - start)
        moves.append((end, moved))
        at = end
    pieces.append(view[at:])
    shifted = []
    position = offset = 0
    for member in members:
        places = []
        for place in (member.start, member.value, member.end):
            while position < len(moves) and moves[position][0] <= place:
                offset = moves[position][1]
                position += 1
            places.append(place + offset)
        shifted.append(Member(member.name, *places))
    return Document(b"".join(pieces), tuple(shifted), value)


def _check_unique(members: tuple[Member, ...]) -> None:
    """Raise BadRequest when a name stands twice: whoever reads on might take the other one."""
    seen: set[str] = set()
    for member in members:
        if member.name in seen:
            raise BadRequest(
                f"The request JSON has the key {member.name[:100]!r} twice. Send it once.",
                code="duplicate_key",
                param=member.name,
            )
        seen.add(member.name)


def _read(text: bytes) -> Any:
    if len(text) > _SHORT:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # not UTF-8, or too much for Python: the upstream may still read it
        return None
