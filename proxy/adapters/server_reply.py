"""The bytes of an answer: its head, and its body in chunks, in one piece or until the connection closes."""

from __future__ import annotations

import http
from functools import lru_cache
from typing import Protocol

from proxy.messages import Headers, Reply


class Framing(Protocol):
    """How a body is put into bytes."""

    def piece(self, data: bytes) -> bytes:
        """The bytes to send for a piece of the body. Raises ValueError if the head has announced less."""

    def end(self) -> bytes:
        """The bytes to send after the last piece. Raises ValueError if the head has announced more."""


class Chunks:
    """The chunked coding (RFC 9112, section 7.1)."""

    def piece(self, data: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(data), data) if data else b""  # an empty chunk would be the last one

    def end(self) -> bytes:
        return b"0\r\n\r\n"


class Counted:
    """As many bytes as Content-Length announces."""

    def __init__(self, length: int) -> None:
        self._left = length

    def piece(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise ValueError("The body is longer than its Content-Length.")
        return data

    def end(self) -> bytes:
        if self._left:
            raise ValueError("The body is shorter than its Content-Length.")
        return b""


class UntilClose:
    """A body that ends with the connection, for callers of HTTP/1.0."""

    def piece(self, data: bytes) -> bytes:
        return data

    def end(self) -> bytes:
        return b""


class Nothing:
    """No body, whatever the reply has (RFC 9110, section 6.4.1)."""

    def piece(self, data: bytes) -> bytes:
        return b""

    def end(self) -> bytes:
        return b""


def framing(reply: Reply, method: str, http11: bool) -> Framing:
    """How to send the reply's body. Adds the header that announces it, if there is none.

    Raises ValueError if the reply's Content-Length is not a number.
    """
    headers = reply.headers
    if method == "HEAD" or reply.status in (204, 304):
        return Nothing()
    if isinstance(reply.body, bytes) and "content-length" not in headers:
        headers.add("content-length", str(len(reply.body)))
    length = headers.get("content-length")
    if length is not None:
        return Counted(int(length))
    if not http11:
        return UntilClose()
    headers.add("transfer-encoding", "chunked")
    return Chunks()


def head(status: int, headers: Headers, more: str) -> bytes:
    """The head of an answer. `more` holds whole header lines besides the reply's own.

    Raises ValueError if a header contains a line end or a character that is not Latin-1.
    """
    lines = [f"{name}: {value}\r\n" for name, value in headers]
    text = "".join(lines)
    if not text.count("\n") == text.count("\r") == len(lines):  # a caller would read another header there
        raise ValueError("A header contains a line end.")
    return f"{_status_line(status)}{more}{text}\r\n".encode("latin-1")


@lru_cache(maxsize=64)
def _status_line(status: int) -> str:
    try:
        return f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\n"
    except ValueError:  # APIs have statuses of their own, like 529
        return f"HTTP/1.1 {status} \r\n"
