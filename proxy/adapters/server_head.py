"""A request's head: header lines are limited, decoded and checked once, while a parser reports them."""

from __future__ import annotations

import re
from typing import Protocol

from proxy.adapters.http_rules import MAX_HEAD_BYTES, check_framing
from proxy.errors import BadRequest, HeadersTooLarge
from proxy.messages import Headers, Request

# The start of a target in absolute form, which servers must accept (RFC 9112, section 3.2.2).
_ORIGIN = re.compile(r"https?://[^/?#]+", re.IGNORECASE)
_NOTED = frozenset("connection content-length expect host transfer-encoding x-forwarded-proto".split())


class Receiver(Protocol):
    """What a parser reports to: a head, parts of its body, and the end of the request."""

    def begin(self, head: Head) -> None:
        """A head is complete. Raises nothing: a head that breaks a rule has an `error`."""

    def body(self, data: bytes) -> None:
        """A part of the body has arrived."""

    def end(self) -> None:
        """The request is complete."""


class Parser(Protocol):
    """One connection's parser. `in_head`: a head has begun and is not complete, or the connection is new."""

    in_head: bool

    def feed(self, data: memoryview) -> None:
        """Parse received bytes. Raises BadRequest or HeadersTooLarge, and must not be used afterwards."""


class Head:
    """A head as it arrives.

    - `size`: the bytes of the target and the header lines.
    - `http11`: the caller speaks HTTP/1.1, so it reads chunks and may send another request.
    - `keep_alive`: another request may follow.
    - `expects_continue`: the caller sends its body after a `100 Continue`.
    - `scheme`: what a proxy says the caller used; only some proxies are trusted.
    - `error`: the rule that the head breaks, though it can be parsed; None if it breaks none.
    """

    __slots__ = (
        *("error", "expects_continue", "headers", "http11", "keep_alive", "method", "path", "query", "scheme", "size"),
        *("_has_coding", "_has_length", "_hosts", "_pairs"),
    )

    def __init__(self) -> None:
        self.headers = Headers()
        self._pairs: list[tuple[str, str]] = []
        self.method = self.path = self.query = self.scheme = ""
        self.size = self._hosts = 0
        self.keep_alive = True
        self.http11 = self.expects_continue = self._has_coding = self._has_length = False
        self.error: BadRequest | None = None

    def count(self, size: int) -> None:
        """Count bytes that no header keeps: the target, and trailers. Raises HeadersTooLarge."""
        self.size += size
        if self.size > MAX_HEAD_BYTES:
            raise HeadersTooLarge

    def add(self, name: bytes, value: bytes) -> None:
        """Add a header line. Raises HeadersTooLarge."""
        self.size = size = self.size + len(name) + len(value) + 4  # as in field_size: this runs for every line
        if size > MAX_HEAD_BYTES:
            raise HeadersTooLarge
        # httptools leaves the white space after a value, which is no part of it (RFC 9110, section 5.5).
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").rstrip(" \t")
        self._pairs.append((key, text))
        if key in _NOTED:
            self._note(key, text)

    def finish(self, method: bytes, target: bytes, version: str) -> None:
        """Complete the head. Raises BadRequest if the target is none that a server like this one has."""
        self.http11 = version == "1.1"
        self.keep_alive = self.keep_alive and self.http11
        self.expects_continue = self.expects_continue and self.http11  # RFC 9110, section 10.1.1
        if method == b"CONNECT":  # what follows would belong to a tunnel, which we do not offer
            raise malformed()
        self.headers = Headers.of_lower(self._pairs)
        self.method = method.decode("ascii")
        self.path, self.query = _split(target)
        try:
            check_framing(self._has_coding and self._has_length, self._hosts, version)
        except BadRequest as error:
            self.error = error

    def request(self, trusts_proxy: bool, peer: str | None) -> Request:
        """The request without its body, from `peer`. `trusts_proxy`: that is a proxy that may tell the scheme."""
        scheme = "https" if trusts_proxy and self.scheme == "https" else "http"
        origin = f"{scheme}://{self.headers.get('host') or ''}"
        return Request(self.method, self.path, self.query, self.headers, origin=origin, peer=peer)

    def _note(self, name: str, value: str) -> None:
        if name == "host":
            self._hosts += 1
        elif name == "content-length":
            self._has_length = True
        elif name == "transfer-encoding":
            self._has_coding = True
        elif name == "connection":
            if "close" in [option.strip() for option in value.lower().split(",")]:
                self.keep_alive = False
        elif name == "expect":
            self.expects_continue = value.lower() == "100-continue"
        else:
            self.scheme = value


def malformed() -> BadRequest:
    """The error for bytes that are not an HTTP/1.1 request."""
    return BadRequest(
        "The request is not valid HTTP/1.1. Check its first line, its headers (exactly one of them is Host) and how "
        "its body is framed.",
        code="bad_http",
    )


def _split(target: bytes) -> tuple[str, str]:
    """Path and query of a request target, percent-encoded. Raises BadRequest."""
    text = target.decode("ascii")  # both parsers refuse other bytes
    if not text.startswith("/") and text != "*":
        origin = _ORIGIN.match(text)
        if origin is None:
            raise malformed()
        text = text[origin.end() :]
    path, _, query = text.partition("#")[0].partition("?")
    return path, query
