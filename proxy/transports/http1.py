"""A parser for HTTP/1.1 answers: bytes in, head and body out. Pure, without sockets or clocks.

It implements RFC 9112, sections 4 to 8. h11 would add eight microseconds per chunk of a stream and fifteen milliseconds
to a cold start (docs/performance.md). The tests compare this parser with h11 and httptools and list every difference.
"""

from __future__ import annotations

import re
from collections.abc import Callable

# All heads of one answer together, including informational ones and trailers. httpcore has the same limit.
MAX_HEAD_BYTES = 100_000
# A chunk's size with its extension, which is ignored.
MAX_CHUNK_LINE_BYTES = 4_096

_STATUS = re.compile(r"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\x00\r\n\f\v]*)?\r?\n")
# White space around a value is stripped later: a pattern for it would be quadratic in the white space inside.
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\x00\r\n\f\v]*)\r?\n")
_FIELDS = re.compile(rf"(?:{_FIELD.pattern})*")
_FOLD = re.compile(r"\r?\n[ \t]+")
_HEAD_END = re.compile(rb"\n\r?\n")
_LENGTH = re.compile(r"[0-9]{1,20}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\x00\r\n]*)?\r\n")
_CHUNK_PREFIX = re.compile(rb"([0-9A-Fa-f]{1,16})([ \t]*)(;[^\x00\r\n]*)?(\r?)")
_FRAMING = frozenset(("transfer-encoding", "content-length", "connection"))
_CRLF = b"\r\n"
_START = b"HTTP/1."


class Malformed(Exception):
    """The bytes are not an HTTP/1.1 answer; the message says why."""


class Incomplete(Exception):
    """The connection ended before the answer did."""


class Answer:
    """One answer. Feed it the bytes that a connection receives after a request of `method`.

    - `status`: 0 until the head is complete. Informational answers (1xx) are skipped.
    - `headers`: names are lower case.
    - `done`: the body is complete; `keep`: the connection may then be reused.
    """

    __slots__ = "_body _head _held _left _method _searched _skipped done headers keep status".split()

    def __init__(self, method: str) -> None:
        self._method = method
        self._head = bytearray()
        self._searched = 0  # bytes of the head that contain no end of it
        self._skipped = 0  # bytes of informational heads before it
        # A plain function: a bound method would make each answer a reference cycle.
        self._body: Callable[[Answer, bytes, list[bytes]], None] = Answer._until_close
        self._left = 0
        self._held = b""
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.done = False
        self.keep = False

    def feed(self, data: bytes, out: list[bytes]) -> None:
        """Parse received bytes and append those of the body to `out`. Raises Malformed."""
        if self.done:
            self.keep = False  # more than was announced: the rest belongs to no request
        elif self.status:
            self._body(self, data, out)
        else:
            rest = self._feed_head(data)
            if rest:
                self.feed(rest, out)

    def end(self) -> None:
        """The connection is closed. Raises Incomplete unless that completes the answer."""
        self.keep = False
        if self.done:
            return
        if not self.status or self._body is not Answer._until_close:
            raise Incomplete
        self.done = True

    def _feed_head(self, data: bytes) -> bytes:
        """Collect the head and return the bytes after it."""
        self._head += data
        at = 0
        while (end := self._head_end()) >= 0:
            version, status, fields = _parsed(self._head[at:end].decode("latin-1"))
            if status >= 200:
                rest = bytes(self._head[end:])
                self._head, self._searched = bytearray(), 0
                self._begin(version, status, fields)
                return rest
            if status == 101:
                raise Malformed("unrequested switch of protocols")
            at = self._searched = end
        del self._head[:at]
        self._skipped, self._searched = self._skipped + at, self._searched - at
        start = bytes(self._head[: len(_START)])
        if not _START.startswith(start):  # fail now: the end of a head may never come
            raise Malformed("no HTTP/1.1 status line")
        return b""

    def _head_end(self) -> int:
        """The position after the next empty line, which ends a head, or -1."""
        match = _HEAD_END.search(self._head, self._searched)
        size = len(self._head)
        if self._skipped + (match.end() if match else size) > MAX_HEAD_BYTES:
            raise Malformed(f"a head of more than {MAX_HEAD_BYTES} bytes")
        if match is None:
            self._searched = max(self._searched, size - 2)
            return -1
        return match.end()

    def _begin(self, version: int, status: int, fields: list[tuple[str, str]]) -> None:
        """Determine how the body is framed (RFC 9112, section 6.3)."""
        codings: list[str] = []
        lengths: set[str] = set()
        options: list[str] = []
        framing = [pair for pair in fields if pair[0] in _FRAMING]
        for name, value in framing:
            if name == "transfer-encoding":
                codings.append(value.lower())
            elif name == "content-length":
                lengths.update([item.strip(" \t") for item in value.split(",")])
            else:
                options += [option.strip(" \t") for option in value.lower().split(",")]
        if len(lengths) > 1 or not all(map(_LENGTH.fullmatch, lengths)):
            raise Malformed("an invalid Content-Length")
        if codings not in ([], ["chunked"]):
            raise Malformed("an unrequested Transfer-Encoding")
        # With both framings the chunks count, and the connection is not reused.
        self.keep = version == 1 and "close" not in options and not (codings and lengths)
        if lengths and framing != [("content-length", *lengths)]:  # leave one length, and none beside chunks
            fields = [pair for pair in fields if pair[0] != "content-length"]
            if not codings:
                fields.append(("content-length", next(iter(lengths))))
        self.status, self.headers = status, fields
        if self._method == "HEAD" or status in (204, 304):
            self.done = True
        elif codings:
            self._body = Answer._chunk_line
        elif lengths:
            self._body, self._left = Answer._by_length, int(next(iter(lengths)))
            self.done = not self._left
        else:
            self.keep = False  # the body ends with the connection

    def _until_close(self, data: bytes, out: list[bytes]) -> None:
        out.append(data)

    def _by_length(self, data: bytes, out: list[bytes]) -> None:
        if len(data) > self._left:
            data, self.keep = data[: self._left], False
        self._left -= len(data)
        self.done = not self._left
        out.append(data)

    def _chunk_line(self, data: bytes, out: list[bytes]) -> None:
        """Parse all complete chunks. A partial one continues in `_chunk_data` or `_chunk_end`."""
        dropped = 0
        if self._held:
            data, self._held = self._held + data, b""
            dropped, self._left = self._left, 0
        at, size = 0, len(data)
        while at < size:
            line = _CHUNK.match(data, at)
            if line is None:
                self._hold(data[at:], 0 if at else dropped)
                return
            length, at = int(line[1], 16), line.end()
            if not length:
                self._body = Answer._trailers
                break
            end = at + length
            if end >= size:
                self._left, self._body = length, Answer._chunk_data
                break
            out.append(data[at:end])
            at = end
            if not data.startswith(_CRLF, end):
                self._body = Answer._chunk_end
                break
            at += 2
        self._rest(data[at:], out)

    def _hold(self, prefix: bytes, dropped: int) -> None:
        """Keep an incomplete size line. Raises Malformed if it cannot become a valid one.

        Of spaces and of an extension only one byte is kept, so that they are not parsed again with each byte received.
        `_left` counts the `dropped` bytes.
        """
        match = _CHUNK_PREFIX.fullmatch(prefix)
        if match is None or len(prefix) + dropped > MAX_CHUNK_LINE_BYTES:
            raise Malformed("an invalid chunk size")
        self._held = match[1] + (b";" if match[3] else match[2][:1]) + match[4]
        self._left = dropped + len(prefix) - len(self._held)

    def _chunk_data(self, data: bytes, out: list[bytes]) -> None:
        piece = data[: self._left]
        out.append(piece)
        self._left -= len(piece)
        if not self._left:
            self._body = Answer._chunk_end
            self._rest(data[len(piece) :], out)

    def _chunk_end(self, data: bytes, out: list[bytes]) -> None:
        """The line end after a chunk, one byte of which may have arrived before."""
        data, self._held = self._held + data, b""
        if not _CRLF.startswith(data[:2]):
            raise Malformed("a chunk longer than its size")
        if len(data) == 1:
            self._held = data
            return
        self._body = Answer._chunk_line
        self._rest(data[2:], out)

    def _trailers(self, data: bytes, out: list[bytes]) -> None:
        """Header fields after the last chunk. They are parsed, because they end the answer, and dropped."""
        if not self._head:
            self._head += b"\n"  # the last chunk's line end: an empty line right after it ends the answer
        self._head += data
        end = self._head_end()
        if end < 0:
            return
        _fields(self._head[1:end].decode("latin-1").removesuffix("\n").removesuffix("\r"))
        rest, self._head = bytes(self._head[end:]), bytearray()
        self.done = True
        self._rest(rest, out)

    def _rest(self, data: bytes, out: list[bytes]) -> None:
        if data:
            self.feed(data, out)


def _parsed(head: str) -> tuple[int, int, list[tuple[str, str]]]:
    """The minor version, status and header fields of a complete head. Raises Malformed."""
    line = _STATUS.match(head)
    if line is None:
        raise Malformed("no HTTP/1.1 status line")
    end = len(head) - (2 if head.endswith("\r\n") else 1)  # without the empty line
    return int(line[1]), int(line[2]), _fields(head[line.end() : end])


def _fields(text: str) -> list[tuple[str, str]]:
    """Header lines as pairs, names in lower case. Folded lines are joined (section 5.2)."""
    if text[:1] in (" ", "\t"):
        raise Malformed("an invalid header line")
    if "\n " in text or "\n\t" in text:
        text = " ".join([part.rstrip(" \t") for part in _FOLD.split(text)])
    if _FIELDS.fullmatch(text) is None:
        raise Malformed("an invalid header line")
    return [(name.lower(), value.strip(" \t")) for name, value in _FIELD.findall(text)]
