"""HTTP/1.1 answers: bytes in, a head and a body out. Pure; it knows no socket and no clock.

The grammar is RFC 9112's (sections 4 to 8). Written here and not taken from h11, because each chunk of a stream costs
h11 eight microseconds and importing it costs a cold start fifteen milliseconds (docs/performance.md); the tests hold
this parser against h11's and httptools' judgement, and every difference is listed there.
"""

from __future__ import annotations

import re
from collections.abc import Callable

# All heads of one answer together, informational ones and trailers included; httpcore has the same limit.
HEAD_MOST = 100_000
# A chunk's size with its extension, which nobody needs.
CHUNK_LINE_MOST = 4_096

_STATUS = re.compile(r"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\x00\r\n\f\v]*)?\r?\n")
# The blanks around a value are stripped afterwards: a pattern that looks for them is quadratic in blanks within it.
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\x00\r\n\f\v]*)\r?\n")
_FOLD = re.compile(r"\r?\n[ \t]+")
_HEAD_END = re.compile(rb"\n\r?\n")
_LENGTH = re.compile(r"[0-9]{1,20}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\x00\r\n]*)?\r\n")
_CHUNK_BEGUN = re.compile(rb"([0-9A-Fa-f]{1,16})([ \t]*)(;[^\x00\r\n]*)?(\r?)")
_CRLF = b"\r\n"
_FIRST = b"HTTP/1."


class Malformed(Exception):
    """The bytes are no HTTP/1.1 answer; the text says in which way."""


class Incomplete(Exception):
    """The connection ended before the answer did."""


class Answer:
    """One answer, fed with what a connection receives after a request of `method` was sent on it.

    `status` is 0 until the head is complete; informational answers (1xx) are passed over. Header names are lower case.
    `done` says that the body is complete, `keep` that the connection may then carry another call.
    """

    __slots__ = (
        "_body",
        "_head",
        "_held",
        "_left",
        "_method",
        "_passed",
        "_searched",
        "done",
        "headers",
        "keep",
        "status",
    )

    def __init__(self, method: str) -> None:
        self._method = method
        self._head = bytearray()
        self._searched = 0  # so many bytes of the head hold no end of it
        self._passed = 0  # and so many were informational heads, before it
        # Plain functions: a bound method of its own would make each answer a cycle that only the collector ends.
        self._body: Callable[[Answer, bytes, list[bytes]], None] = Answer._whole
        self._left = 0
        self._held = b""
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.done = False
        self.keep = False

    def feed(self, data: bytes, out: list[bytes]) -> None:
        """Take what has been received; append to `out` what of it belongs to the body. Raises Malformed."""
        if self.done:
            self.keep = False  # more than was announced: whose answer the rest would be cannot be known
        elif self.status:
            self._body(self, data, out)
        else:
            rest = self._feed_head(data)
            if rest:
                self.feed(rest, out)

    def end(self) -> None:
        """Take note that nothing more can be received. Raises Incomplete, unless the answer ends with that."""
        self.keep = False
        if self.done:
            return
        if not self.status or self._body is not Answer._whole:
            raise Incomplete
        self.done = True

    def _feed_head(self, data: bytes) -> bytes:
        """Collect the head; what was received behind it."""
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
                raise Malformed("it switches protocols, which nobody asked for")
            at = self._searched = end
        del self._head[:at]
        self._passed, self._searched = self._passed + at, self._searched - at
        begun = bytes(self._head[: len(_FIRST)])
        if not _FIRST.startswith(begun) and begun != _FIRST:  # or somebody waits for more of it forever
            raise Malformed("it does not begin as HTTP/1.1 does")
        return b""

    def _head_end(self) -> int:
        """The position behind the next empty line, which ends a head, or -1."""
        found = _HEAD_END.search(self._head, self._searched)
        size = len(self._head)
        if self._passed + (found.end() if found else size) > HEAD_MOST:
            raise Malformed(f"its head is larger than {HEAD_MOST} bytes")
        if found is None:
            self._searched = max(self._searched, size - 2)
            return -1
        return found.end()

    def _begin(self, version: int, status: int, fields: list[tuple[str, str]]) -> None:
        """Find out how the body is framed (RFC 9112, section 6.3)."""
        codings = [value.lower() for name, value in fields if name == "transfer-encoding"]
        lengths = {one.strip(" \t") for name, value in fields if name == "content-length" for one in value.split(",")}
        if len(lengths) > 1 or not all(map(_LENGTH.fullmatch, lengths)):
            raise Malformed("its Content-Length is no single number")
        if codings not in ([], ["chunked"]):
            raise Malformed("its Transfer-Encoding is none that was asked for")
        options = [value.lower() for name, value in fields if name == "connection"]
        closes = any(option.strip(" \t") == "close" for value in options for option in value.split(","))
        # With both framings the chunks are the truth, and the connection cannot be trusted any more.
        self.keep = version == 1 and not closes and not (codings and lengths)
        if lengths:
            fields = [pair for pair in fields if pair[0] != "content-length"]
            if not codings:
                fields.append(("content-length", next(iter(lengths))))
        self.status, self.headers = status, fields
        if self._method == "HEAD" or status in (204, 304):
            self.done = True
        elif codings:
            self._body = Answer._chunk_line
        elif lengths:
            self._body, self._left = Answer._counted, int(next(iter(lengths)))
            self.done = not self._left
        else:
            self.keep = False  # the body ends with the connection

    def _whole(self, data: bytes, out: list[bytes]) -> None:
        out.append(data)

    def _counted(self, data: bytes, out: list[bytes]) -> None:
        if len(data) > self._left:
            data, self.keep = data[: self._left], False
        self._left -= len(data)
        self.done = not self._left
        out.append(data)

    def _chunk_line(self, data: bytes, out: list[bytes]) -> None:
        """Take whole chunks, as many as there are; the one that is cut goes on in `_chunk_data` or `_chunk_end`."""
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

    def _hold(self, begun: bytes, dropped: int) -> None:
        """Keep what a size line has begun with, if it can still become one.

        Of blanks and of an extension one byte is kept, so that nothing is read again with each byte that comes; how
        many are `dropped` is noted in `_left`.
        """
        found = _CHUNK_BEGUN.fullmatch(begun)
        if found is None or len(begun) + dropped > CHUNK_LINE_MOST:
            raise Malformed("a chunk's size cannot be read")
        self._held = found[1] + (b";" if found[3] else found[2][:1]) + found[4]
        self._left = dropped + len(begun) - len(self._held)

    def _chunk_data(self, data: bytes, out: list[bytes]) -> None:
        piece = data[: self._left]
        out.append(piece)
        self._left -= len(piece)
        if not self._left:
            self._body = Answer._chunk_end
            self._rest(data[len(piece) :], out)

    def _chunk_end(self, data: bytes, out: list[bytes]) -> None:
        """The line end behind a chunk, one byte of which may have come before."""
        data, self._held = self._held + data, b""
        if not _CRLF.startswith(data[:2]):
            raise Malformed("a chunk is longer than it says")
        if len(data) == 1:
            self._held = data
            return
        self._body = Answer._chunk_line
        self._rest(data[2:], out)

    def _trailers(self, data: bytes, out: list[bytes]) -> None:
        """Fields behind the last chunk. They are read, because they end the answer, and left out."""
        if not self._head:
            self._head += b"\n"  # the last chunk's line end: an empty line right behind it ends the answer
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
    """The minor version, the status and the fields of a whole head. Raises Malformed."""
    line = _STATUS.match(head)
    if line is None:
        raise Malformed("its first line is no HTTP/1.1 status line")
    end = len(head) - (2 if head.endswith("\r\n") else 1)  # without the empty line
    return int(line[1]), int(line[2]), _fields(head[line.end() : end])


def _fields(text: str) -> list[tuple[str, str]]:
    """Field lines as pairs, names in lower case. A line that goes on in the next one is joined (section 5.2)."""
    if text[:1] in (" ", "\t"):
        raise Malformed("a header line cannot be read")
    if "\n " in text or "\n\t" in text:
        text = " ".join([part.rstrip(" \t") for part in _FOLD.split(text)])
    found: list[tuple[str, str]] = []
    at, size = 0, len(text)
    while at < size:
        field = _FIELD.match(text, at)
        if field is None:
            raise Malformed("a header line cannot be read")
        found.append((field[1].lower(), field[2].strip(" \t")))
        at = field.end()
    return found
