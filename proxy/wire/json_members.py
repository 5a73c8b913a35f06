"""From one member of a JSON object to the next, where all of it can be read in one go. Pure."""

from __future__ import annotations

import re
from json.decoder import scanstring  # type: ignore[attr-defined,unused-ignore]

from proxy.errors import TooComplex
from proxy.wire import bounded_json
from proxy.wire.json_rules import LENIENT, MAX_MEMBERS, Member

# Before the first member.
_OPENING = re.compile(r"[ \t\n\r]*\{[ \t\n\r]*")
# A name as nearly all are, up to its value. Any other one is read by C's scanner.
_PLAIN_NAME = re.compile(r'"([A-Za-z0-9_.-]{1,64})"[ \t\n\r]*:[ \t\n\r]*')
_COLON = re.compile(r"[ \t\n\r]*:[ \t\n\r]*")
# After a value.
_NEXT = re.compile(r"[ \t\n\r]*(?:,[ \t\n\r]*|(\}))")
_SCAN = LENIENT.scan_once  # type: ignore[attr-defined,unused-ignore]


def first(text: str) -> int:
    """Where the first member begins, or the closing brace of an empty object. Raises ValueError for anything else."""
    opening = _OPENING.match(text)
    if opening is None:
        raise ValueError
    return opening.end()


def name(text: str, at: int) -> tuple[str, int]:
    """The name of the member at `at`, and where its value begins. Raises ValueError if there is none."""
    plain = _PLAIN_NAME.match(text, at)
    if plain is not None:
        return plain[1], plain.end()
    if text[at : at + 1] != '"':
        raise ValueError
    found, at = scanstring(text, at + 1)
    colon = _COLON.match(text, at)
    if colon is None:
        raise ValueError
    return found, colon.end()


def following(text: str, at: int) -> tuple[bool, int]:
    """Whether the object ends after the value before `at`, and where it ends or the next member begins.

    Raises ValueError if neither follows.
    """
    mark = _NEXT.match(text, at)
    if mark is None:
        raise ValueError
    return mark[1] is not None, mark.end()


def spans(data: bytes) -> list[Member]:
    """The top-level members of the JSON object in `data`.

    Raises ValueError, StopIteration or RecursionError if it is none, TooComplex if it has too many.
    """
    text = data.decode("latin-1")  # a character for each byte
    if bounded_json.FATAL:
        bounded_json.check(text)
    members: list[Member] = []
    at = first(text)
    ended = text[at : at + 1] == "}"
    end = at + 1
    while not ended:
        found, value = name(text, at)
        _, end = _SCAN(text, value)
        members.append(Member(found, at, value, end))
        ended, at = following(text, end)
        end = at
    if len(members) > MAX_MEMBERS:
        raise TooComplex(f"has more than {MAX_MEMBERS} keys at its top level")
    if text[end:].strip(" \t\n\r"):
        raise ValueError
    return members
