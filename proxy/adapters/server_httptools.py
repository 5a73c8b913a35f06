"""The server's parser with httptools: it ignores upgrades, limits heads and drops trailers.

httptools treats a request that offers an upgrade as one without a body, and what follows as another protocol. A server
that does not switch must go on as if nothing had been offered (RFC 9110, section 7.8).
"""

from __future__ import annotations

import httptools

from proxy.adapters.http_rules import MAX_HEAD_BYTES, field_size
from proxy.adapters.server_head import Head, Receiver, malformed
from proxy.errors import HeadersTooLarge, ProxyError

_FRAMING = ("content-length", "transfer-encoding")


class HttptoolsParser:
    """A parser, called back by httptools. `_pending` counts the bytes that completed nothing so far."""

    def __init__(self, receiver: Receiver) -> None:
        self.in_head = True
        self._receiver = receiver
        self._head = Head()
        self._target = b""
        self._pending = 0
        self._repeats = False  # a head without its offer of an upgrade follows: `_head` has it already
        self._parser = self._new()

    def feed(self, data: memoryview) -> None:
        self._pending += len(data)
        while data:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as offered:
                self._repeat_head()
                data = data[offered.args[0] :]
                continue
            except httptools.HttpParserError as error:
                # httptools keeps what a callback has raised as the context.
                raise error.__context__ if isinstance(error.__context__, ProxyError) else malformed() from None
            break
        if self._pending > MAX_HEAD_BYTES:  # a header, a chunk's size line or blank lines without an end
            raise HeadersTooLarge

    def on_message_begin(self) -> None:
        if not self._repeats:
            self.in_head = True
            self._head, self._target = Head(), b""

    def on_url(self, url: bytes) -> None:
        if not self._repeats:
            self._pending = 0
            self._head.count(len(url))
            self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._pending = 0
        if self.in_head:
            self._head.add(name, value)
        elif not self._repeats:  # a trailer is no header (RFC 9110, section 6.5.1)
            self._head.count(field_size(name, value))

    def on_headers_complete(self) -> None:
        self._pending, self.in_head = 0, False
        parser = self._parser
        if not self._repeats:
            self._head.finish(parser.get_method(), self._target, parser.get_http_version())
        if not parser.should_upgrade():
            self._repeats = False
            self._receiver.begin(self._head)

    def on_body(self, body: bytes) -> None:
        self._pending = 0
        self._receiver.body(body)

    def on_message_complete(self) -> None:
        if not self._parser.should_upgrade():
            self._pending = 0
            self._receiver.end()

    def _new(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        # What follows a last request is ignored, not an error: the request has been complete before.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    def _repeat_head(self) -> None:
        """Give a new parser the lines that frame the body, without the offer. The app still sees the offer."""
        self._parser, self._repeats = self._new(), True
        lines = [f"{name}: {value}" for name, value in self._head.headers if name in _FRAMING]
        version = "1.1" if self._head.http11 else "1.0"
        self._parser.feed_data("\r\n".join([f"POST / HTTP/{version}", *lines, "", ""]).encode("latin-1"))
