"""Server-sent events: split bytes where events end, and read and write events. Pure; relayed bytes are not decoded.

The grammar is WHATWG's (html.spec.whatwg.org, section 9.2.6): a line ends with LF, CR or CRLF and nothing else, an
empty line ends an event, a line that starts with a colon is a comment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from proxy.wire import bounded_json

# Comments, which clients ignore. In some clients an empty line after a comment dispatches an event once an id has been
# seen; PING_WITH_IDS has no such line.
PING = b": ping\n\n"
PING_WITH_IDS = b": ping\n"
# Two line ends in a row. A final CR may be half of a CRLF, so LF CR is not among them; after CR CR the event has ended
# either way.
_ENDS = (b"\n\n", b"\n\r\n", b"\r\r")
# The end of an event includes further empty lines: each of them alone would be an empty event.
_END = re.compile(rb"(?:\r\n|\n|\r(?!\n)){2}[\r\n]*")
_LINE = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"
_FIRST_FIELD = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:data|event|id|retry)?:")
# The longest empty line is four bytes, so three bytes of the last chunk are searched again with the next one.
_LOOK_BACK = 3


def ends_event(piece: bytes) -> bool:
    """Whether a piece ends where an event ends, so that another event may follow."""
    return piece.endswith((b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r\n"))


def event_start(piece: bytes, at: int) -> int:
    """Where the event begins that position `at` of whole events is in, or one before it."""
    return max((end + len(mark) for mark in _ENDS if (end := piece.rfind(mark, 0, at)) >= 0), default=0)


def looks_like_events(data: bytes) -> bool:
    """Whether a body begins like an event stream, whatever its Content-Type."""
    return _FIRST_FIELD.match(data) is not None


def is_blank(data: bytes) -> bool:
    """Whether the bytes of a body so far do not show its type: only white space and a BOM."""
    return _BOM.startswith(data) or not data.removeprefix(_BOM).strip()


def looks_like_json(data: bytes) -> bool:
    """Whether a body begins like JSON, whatever its Content-Type."""
    return data.removeprefix(_BOM).lstrip()[:1] in (b"{", b"[")


class Splitter:
    """Regroups a stream's bytes so that each chunk ends where an event ends. No byte is added, changed or lost."""

    __slots__ = ("_held", "_tail")

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._tail = b""

    def feed(self, chunk: bytes) -> bytes:
        """All bytes up to the end of the last complete event; b"" if there is none yet."""
        if not self._held and chunk.endswith(_ENDS):
            return chunk
        window = self._tail + chunk
        end = _last_end(window)
        if end < 0:
            self._held.append(chunk)
            self._tail = window[-_LOOK_BACK:]
            return b""
        at = end - len(self._tail)  # the end of the event in `chunk`; below 0 it would have been found before
        events = b"".join([*self._held, chunk[:at]])
        rest = chunk[at:]
        self._held = [rest] if rest else []
        self._tail = rest[-_LOOK_BACK:]
        return events

    def rest(self) -> bytes:
        """The bytes after the last complete event: an unterminated event, or nothing."""
        held, self._held, self._tail = b"".join(self._held), [], b""
        return held


def _last_end(data: bytes) -> int:
    """The position after the last empty line in `data`, or -1."""
    if data.endswith(_ENDS):
        return len(data)
    # From the right: an event may be megabytes long, and an empty line is in its last bytes or nowhere.
    matches = [(data.rfind(mark), len(mark)) for mark in (*_ENDS, b"\r\r\n")]
    # A final LF CR may still become LF CRLF, so it does not count.
    matches.append((data.rfind(b"\n\r", 0, len(data) - 1), 2))
    return max((at + length for at, length in matches if at >= 0), default=-1)


def split(piece: bytes) -> list[bytes]:
    """The events of a piece that ends where an event ends, each with its terminating empty line."""
    events = []
    at = 0
    for match in _END.finditer(piece):
        events.append(piece[at : match.end()])
        at = match.end()
    return [*events, piece[at:]] if at < len(piece) else events


def events(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The (event name, data) pairs of whole events, as a client sees them, without comments and ids."""
    name = ""
    lines: list[bytes] = []
    # A stream may begin with a BOM, which does not belong to its first line (section 9.2.5).
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
    """The JSON objects in the events' data. `[DONE]` and unreadable data are skipped."""
    for _, text in events(data):
        try:
            value = bounded_json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value


def event(value: dict[str, Any], name: str | None = None, errors: str = "strict") -> bytes:
    """One event with `value` as its data and `name` as its type.

    Raises UnicodeEncodeError for lone surrogates, which JSON can express and UTF-8 cannot, unless `errors` says
    otherwise, as in str.encode.
    """
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {data}\n\n".encode("utf-8", errors)
