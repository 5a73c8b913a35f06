"""Reading and editing request JSON: the only place that changes a body.

An edit replaces or removes the span of one top-level member; every other byte stays as it was sent, because decoding
and encoding again would lose 20-digit integers, `2.50`, lone surrogates and order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined,unused-ignore]
from typing import Any

from proxy import nesting
from proxy.errors import BadRequest

# What restrictions and edits go by.
_WATCHED = frozenset(
    "model models messages input prompt instructions stream stream_options n best_of max_tokens max_completion_tokens "
    "max_output_tokens moderation moderation_level service_tier truncation".split()
)
_SPACE = re.compile(r"[ \t\n\r]*")
# Numbers are only skipped, never used: as text they cost nothing and no length of them is refused.
_skip = json.JSONDecoder(parse_int=str, parse_float=str).scan_once  # type: ignore[attr-defined,unused-ignore]


@dataclass(frozen=True, slots=True)
class Member:
    """One top-level member: its name and where its name starts, its value starts and its value ends, in bytes."""

    name: str
    start: int
    value: int
    end: int


def members(body: bytes) -> list[Member] | None:
    """The top-level members of a JSON object in their order, or None where `body` is no JSON object."""
    text = body.decode("latin-1")  # one character a byte, so that positions are the body's own
    try:
        if nesting.FATAL:
            nesting.check(text)
        return _scan(text)
    except (ValueError, StopIteration, IndexError, RecursionError):
        return None


def read(body: bytes, names: Iterable[str]) -> dict[str, Any]:
    """The values of those `names` that stand at the top level; the last wins, as in every JSON reader."""
    if not any(f'"{name}"'.encode() in body for name in names):
        return {}  # an escaped name (`"\\u006dodel"`) is not searched for here; restrictions use `unique`
    wanted = set(names)
    return {m.name: _value(body, m) for m in members(body) or () if m.name in wanted}


def without(body: bytes, names: Iterable[str]) -> bytes:
    """`body` without the members called `names`. Raises BadRequest for a duplicate key if there is one to remove."""
    wanted = set(names)
    if not any(f'"{name}"'.encode() in body for name in wanted):
        return body
    found = members(body)
    if found is None or not any(member.name in wanted for member in found):
        return body
    unique(found)
    last = max((i for i, member in enumerate(found) if member.name not in wanted), default=-1)
    # With a kept member behind it a name goes up to where the next one starts, and its comma with it; a run at the
    # end goes from where the last kept value ended.
    cuts = [(m.start, found[i + 1].start) for i, m in enumerate(found[:last]) if m.name in wanted]
    if last + 1 < len(found):
        cuts.append((found[last].end if last >= 0 else found[0].start, found[-1].end))
    kept: list[bytes] = []
    at = 0
    for start, end in cuts:
        kept.append(body[at:start])
        at = end
    return b"".join([*kept, body[at:]])


def setting(body: bytes, values: dict[str, bytes]) -> bytes | None:
    """`body` with these top-level members: their values' spans replaced, or the members added behind all others.

    The values are JSON. None where `body` is no JSON object. Raises BadRequest for a duplicate key.
    """
    found = members(body)
    if found is None:
        return None
    unique(found)
    kept: list[bytes] = []
    at = 0
    for member in found:
        if member.name in values:
            kept += [body[at : member.value], values[member.name]]
            at = member.end
    there = {member.name for member in found}
    added = [b'"%s":%s' % (name.encode(), value) for name, value in values.items() if name not in there]
    end = found[-1].end if found else body.index(b"{") + 1
    if added:
        kept += [body[at:end], b"," if found else b"", b",".join(added)]
        at = end
    return b"".join([*kept, body[at:]])


def without_items(body: bytes, name: str, positions: set[int]) -> bytes:
    """`body` without those items of the top-level array `name`; every other byte stays.

    Only for a body that `members` has read, whose member `name` is an array.
    """
    member = next(one for one in members(body) or () if one.name == name)
    text = body.decode("latin-1")
    spans = _items(text, member.value)
    kept = [span for position, span in enumerate(spans) if position not in positions]
    items = b",".join(body[start:end] for start, end in kept)
    return b"".join([body[: member.value], b"[", items, b"]", body[member.end :]])


def _items(text: str, at: int) -> list[tuple[int, int]]:
    """Where the items of the array that starts at `at` start and end."""
    spans: list[tuple[int, int]] = []
    at = _past_space(text, at + 1)
    while text[at] != "]":
        _, end = _skip(text, at)
        spans.append((at, end))
        at = _past_space(text, end)
        if text[at] == ",":
            at = _past_space(text, at + 1)
    return spans


def unique(found: list[Member]) -> None:
    """Raise BadRequest when a name stands twice: whoever reads on might take the other one.

    Go's reader, and so many a relay further up, takes `Model` for `model`: neither may stand for the other here.
    """
    seen: set[str] = set()
    for member in found:
        folded = _folded(member.name)
        if folded in seen:
            raise BadRequest(
                f"The request JSON has the key {member.name!r} twice. Send it once.",
                code="duplicate_key",
                param=folded if folded in _WATCHED else member.name,
            )
        if folded != member.name and folded in _WATCHED:
            raise BadRequest(
                f"The request JSON has the key {member.name!r}. Write it {folded!r}.",
                code="duplicate_key",
                param=folded,
            )
        seen.add(folded)


def _folded(name: str) -> str:
    """`name` without regard to case. It was read as Latin-1, unless it was escaped."""
    with suppress(UnicodeError):
        name = name.encode("latin-1").decode()
    return name.casefold()


def _value(body: bytes, member: Member) -> Any:
    try:
        return json.loads(body[member.value : member.end])
    except (ValueError, RecursionError):  # not UTF-8, or too much for Python: the upstream may still read it
        return None


def _scan(text: str) -> list[Member]:
    found: list[Member] = []
    at = _past_space(text, 0)
    if text[at] != "{":
        raise ValueError
    at = _past_space(text, at + 1)
    if text[at] == "}":
        return _end(text, at + 1, found)
    while True:
        if text[at] != '"':
            raise ValueError
        name, end = scanstring(text, at + 1)
        colon = _past_space(text, end)
        if text[colon] != ":":
            raise ValueError
        value = _past_space(text, colon + 1)
        _, value_end = _skip(text, value)
        found.append(Member(name, at, value, value_end))
        at = _past_space(text, value_end)
        if text[at] == "}":
            return _end(text, at + 1, found)
        if text[at] != ",":
            raise ValueError
        at = _past_space(text, at + 1)


def _end(text: str, at: int, found: list[Member]) -> list[Member]:
    if _past_space(text, at) != len(text):
        raise ValueError
    return found


def _past_space(text: str, at: int) -> int:
    if text[at : at + 1] > " ":  # nearly always
        return at
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]  # it also matches nothing
