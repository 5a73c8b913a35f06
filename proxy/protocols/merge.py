"""Making an event stream smaller without losing a word of it: consecutive deltas of one kind become one. Pure.

A stream spends some 200 bytes of JSON on each word. Where it must be held back anyway and would not fit, its deltas are
merged: what a client accumulates of them stays the same. Whatever is not known to be a delta passes byte for byte.
"""

from __future__ import annotations

import json
import re
from typing import Any

from proxy.protocols.base import Protocol
from proxy.protocols.members import only_choice
from proxy.wire import bounded_json, sse

# A merged event holds no more than about this many characters of text, made of this many bytes of events: an answer
# can still be cut between two of them.
_TEXT_LENGTH, _EVENT_BYTES = 8_192, 1_000_000
_FIELD = re.compile(rb"(?:^|[\r\n])(id|retry):")
# What `joined_logprobs` returns for two that cannot be joined.
DIFFERENT = object()


class Coalescer:
    """Takes pieces of whole events and returns events; a merged one only when the next event does not fit into it."""

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._held: dict[str, Any] | None = None
        self._raw = b""
        self._name = ""
        self._size = 0
        self._text = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """The events that are complete now, in their order."""
        out: list[bytes] = []
        for raw in sse.split(piece):
            self._take(raw, out)
        return out

    def rest(self) -> list[bytes]:
        """The event that was held back for another one to be merged into, if there is one."""
        out: list[bytes] = []
        self._release(out)
        return out

    def _take(self, raw: bytes, out: list[bytes]) -> None:
        found = list(sse.events(raw))
        if not found and raw.lstrip()[:1] in (b"", b":"):
            return  # a comment kept a connection alive; what is held back has none
        value = _object(found[0][1]) if len(found) == 1 and not _FIELD.search(raw) else None
        if value is None:
            self._release(out)
            out.append(raw)
            return
        length = _length(value)
        # A text that is long by itself stays one: it may be what does not fit, and must not take its neighbours along.
        has_room = self._size < _EVENT_BYTES and self._text + length <= _TEXT_LENGTH
        if self._held is not None and has_room and self._name == found[0][0]:
            merged = self._protocol.merged(self._held, value)
            if merged is not None:
                self._held, self._raw = merged, b""
                self._size += len(raw)
                self._text += length
                return
        self._release(out)
        self._held, self._raw, self._name = value, raw, found[0][0]
        self._size, self._text = len(raw), length

    def _release(self, out: list[bytes]) -> None:
        if self._held is not None:
            out.append(self._raw or encoded(self._held, self._name))
        self._held = None


def encoded(value: dict[str, Any], name: str) -> bytes:
    """One event. Halves of a character that two chunks had between them are written as they were: escaped."""
    try:
        return sse.event(value, name or None)
    except UnicodeEncodeError:
        head = f"event: {name}\n" if name else ""
        return f"{head}data: {json.dumps(value, separators=(',', ':'))}\n\n".encode()


def joined_logprobs(first: Any, second: Any) -> Any:
    """Two sets of logprobs as one: lists, or objects of lists; `DIFFERENT` where they cannot be joined."""
    if second is None or first is None:
        return second if first is None else first
    if isinstance(first, list) and isinstance(second, list):
        return first + second
    if isinstance(first, dict) and isinstance(second, dict) and first.keys() == second.keys():
        joined = {name: joined_logprobs(first[name], second[name]) for name in first}
        return joined if DIFFERENT not in joined.values() else DIFFERENT
    return DIFFERENT


def logprobs_member(fields: dict[str, Any], logprobs: Any) -> dict[str, Any]:
    """The member `logprobs`, where `fields` has one."""
    return {"logprobs": logprobs} if "logprobs" in fields else {}


def _length(value: dict[str, Any]) -> int:
    """About how many characters of text an event carries."""
    choice = only_choice(value) or {}
    delta = choice.get("delta") or choice.get("text") or value.get("delta")
    texts = delta.values() if isinstance(delta, dict) else (delta,)
    return sum(len(text) if isinstance(text, str) else len(str(text)) for text in texts if text)


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        value = bounded_json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
