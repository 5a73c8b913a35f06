"""Server-sent events: bytes in, bytes out, cut where events end. Pure; nothing here decodes what is passed on.

The grammar is WHATWG's (html.spec.whatwg.org, section 9.2.6): a line ends with LF, CR or CRLF and nothing else, an
empty line ends an event, a line that starts with a colon is a comment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from proxy.wire import bounded_json

# Comments, which clients pass over. An empty line after a comment dispatches an event in some clients once an id has
# been seen; without that line none does.
PING = b": ping\n\n"
PING_WITH_IDS = b": ping\n"
# Two ends of lines in a row. A CR that comes last may be half of a CRLF, so LF CR is not among them; behind CR CR the
# event has ended either way.
_ENDS = (b"\n\n", b"\n\r\n", b"\r\r")
# An event's end takes further empty lines along: each of them alone would be an event that says nothing.
_END = re.compile(rb"(?:\r\n|\n|\r(?!\n)){2}[\r\n]*")
_LINE = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"
_FIRST_FIELD = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:data|event|id|retry)?:")
# The longest empty line is four bytes: so many of the last piece are looked at again with the next.
_LOOK_BACK = 3


def ends_event(piece: bytes) -> bool:
    """Whether a piece ends where an event ends, so that another may follow."""
    return piece.endswith((b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r\n"))


def looks_like_events(data: bytes) -> bool:
    """Whether a body begins as an event stream does, whatever its label says."""
    return _FIRST_FIELD.match(data) is not None


def is_blank(data: bytes) -> bool:
    """Whether nothing of a body has come yet that tells what it is."""
    return _BOM.startswith(data) or not data.removeprefix(_BOM).strip()


def looks_like_json(data: bytes) -> bool:
    """Whether a body begins as JSON does, whatever its label says."""
    return data.removeprefix(_BOM).lstrip()[:1] in (b"{", b"[")


class Splitter:
    """Takes pieces cut anywhere and gives back bytes that end where an event ends; the same bytes in all."""

    __slots__ = ("_held", "_tail")

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._tail = b""

    def feed(self, piece: bytes) -> bytes:
        """All bytes up to the last end of an event so far, or b"" while the first event is incomplete."""
        if not self._held and piece.endswith(_ENDS):
            return piece
        seen = self._tail + piece
        end = _last_end(seen)
        if end < 0:
            self._held.append(piece)
            self._tail = seen[-_LOOK_BACK:]
            return b""
        at = end - len(self._tail)  # where in `piece` the event ends; never below 0, or it would have ended before
        whole = b"".join([*self._held, piece[:at]])
        rest = piece[at:]
        self._held = [rest] if rest else []
        self._tail = rest[-_LOOK_BACK:]
        return whole

    def rest(self) -> bytes:
        """What came after the last end of an event: an unterminated event, or nothing."""
        held, self._held, self._tail = b"".join(self._held), [], b""
        return held


def _last_end(data: bytes) -> int:
    """The position behind the last empty line in `data`, or -1."""
    if data.endswith(_ENDS):
        return len(data)
    # From the right: an event may be megabytes long, an empty line is found in its last bytes or not at all.
    found = [(data.rfind(mark), len(mark)) for mark in (*_ENDS, b"\r\r\n")]
    # A last LF CR may yet become LF CRLF, so it is left out.
    found.append((data.rfind(b"\n\r", 0, len(data) - 1), 2))
    return max((at + length for at, length in found if at >= 0), default=-1)


def split(piece: bytes) -> list[bytes]:
    """The events of a piece that ends where one ends, each with the empty line behind it."""
    events = []
    at = 0
    for match in _END.finditer(piece):
        events.append(piece[at : match.end()])
        at = match.end()
    return [*events, piece[at:]] if at < len(piece) else events


def events(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The (event name, data) pairs of whole events, as a client would see them; comments and ids are passed over."""
    name = ""
    lines: list[bytes] = []
    # A stream may begin with a BOM, which is no part of its first line (section 9.2.5).
    for line in _LINE.split(data.removeprefix(_BOM)):
        if not line:
            if lines:
                yield name, b"\n".join(lines)
            name, lines = "", []
            continue
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            lines.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")


def objects(data: bytes) -> Iterator[dict[str, Any]]:
    """The JSON objects among the events' data; `[DONE]` and what cannot be read are passed over."""
    for _, text in events(data):
        try:
            value = bounded_json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value


def event(value: dict[str, Any], name: str | None = None, errors: str = "strict") -> bytes:
    """One event with `value` as its data, and `name` as its type if there is one.

    Raises UnicodeEncodeError for half of a character, which JSON can hold and UTF-8 cannot, unless `errors` says what
    to do with it.
    """
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {data}\n\n".encode("utf-8", errors)
