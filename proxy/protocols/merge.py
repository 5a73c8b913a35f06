"""Shrink an event stream without losing content, by merging consecutive deltas. Pure.

A stream takes about 200 bytes of JSON per word. If it is buffered and would exceed the platform's limit, its deltas are
merged; a client accumulates the same answer from them. Events that are not known to be deltas pass byte for byte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from proxy.protocols.members import only_choice
from proxy.wire import bounded_json, sse

# The approximate limits of a merged event: characters of text, and bytes of the events that it replaces. An answer must
# still be divisible between two events.
_MAX_TEXT_LENGTH, _MAX_EVENT_BYTES = 8_192, 1_000_000
_FIELD = re.compile(rb"(?:^|[\r\n])(id|retry):")
# `Protocol.merged`: one event that is equivalent to two consecutive ones, None if they cannot be merged.
Merge = Callable[[dict[str, Any], dict[str, Any]], "dict[str, Any] | None"]
# Returned by `joined_logprobs` for values that cannot be joined.
DIFFERENT = object()


class Coalescer:
    """Takes pieces of whole events and returns merged events, each once the next one cannot be merged into it."""

    def __init__(self, merge: Merge) -> None:
        self._merge = merge
        self._held: dict[str, Any] | None = None
        self._raw = b""
        self._name = ""
        self._size = 0
        self._text = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """The events that are complete now, in order."""
        out: list[bytes] = []
        for raw in sse.split(piece):
            self._take(raw, out)
        return out

    def rest(self) -> list[bytes]:
        """The event that was held for merging, if there is one."""
        out: list[bytes] = []
        self._release(out)
        return out

    def _take(self, raw: bytes, out: list[bytes]) -> None:
        events = list(sse.events(raw))
        if not events and raw.lstrip()[:1] in (b"", b":"):
            return  # comments only keep connections alive, and this stream is buffered
        value = _object(events[0][1]) if len(events) == 1 and not _FIELD.search(raw) else None
        if value is None:
            self._release(out)
            out.append(raw)
            return
        length = _length(value)
        # A long text stays separate: it may be what does not fit, and must not take its neighbours with it.
        has_room = self._size < _MAX_EVENT_BYTES and self._text + length <= _MAX_TEXT_LENGTH
        if self._held is not None and has_room and self._name == events[0][0]:
            merged = self._merge(self._held, value)
            if merged is not None:
                self._held, self._raw = merged, b""
                self._size += len(raw)
                self._text += length
                return
        self._release(out)
        self._held, self._raw, self._name = value, raw, events[0][0]
        self._size, self._text = len(raw), length

    def _release(self, out: list[bytes]) -> None:
        if self._held is not None:
            out.append(self._raw or encoded(self._held, self._name))
        self._held = None


def encoded(value: dict[str, Any], name: str) -> bytes:
    """One event. Lone surrogates, from a character that was split between chunks, are escaped as they were."""
    try:
        return sse.event(value, name or None)
    except UnicodeEncodeError:
        head = f"event: {name}\n" if name else ""
        return f"{head}data: {json.dumps(value, separators=(',', ':'))}\n\n".encode()


def joined_logprobs(first: Any, second: Any) -> Any:
    """Two values of logprobs as one: lists, or objects of lists; `DIFFERENT` if they cannot be joined."""
    if second is None or first is None:
        return second if first is None else first
    if isinstance(first, list) and isinstance(second, list):
        return first + second
    if isinstance(first, dict) and isinstance(second, dict) and first.keys() == second.keys():
        joined = {name: joined_logprobs(first[name], second[name]) for name in first}
        return joined if DIFFERENT not in joined.values() else DIFFERENT
    return DIFFERENT


def logprobs_member(fields: dict[str, Any], logprobs: Any) -> dict[str, Any]:
    """The member `logprobs`, if `fields` has one."""
    return {"logprobs": logprobs} if "logprobs" in fields else {}


def _length(value: dict[str, Any]) -> int:
    """The approximate number of characters of text in an event."""
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
