"""uvicorn's httptools connection: it ignores upgrades, limits heads and drops trailers.

httptools treats a request that offers an upgrade as one without a body, and what follows as another protocol. A server
that does not switch must go on as if nothing had been offered (RFC 9110, section 7.8), but uvicorn 0.54 reads the body
as the next request of the connection.
"""

from __future__ import annotations

import asyncio

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from proxy.adapters.asgi_http import MAX_HEAD_BYTES, field_size
from proxy.adapters.server_connection import Refusing, Transport, malformed
from proxy.errors import HeadersTooLarge


class HttptoolsConnection(Refusing, HttpToolsProtocol):
    """One connection.

    `_head` counts the bytes of a request's target and headers, `_pending` those that completed nothing so far.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._head = self._pending = 0
        self._in_head = False
        self._offered: list[tuple[bytes, bytes]] = []
        super().connection_made(Transport(transport))  # type: ignore[arg-type]
        self.watch()

    def data_received(self, data: bytes) -> None:
        if self.refused:
            return
        self._received += 1
        self._unset_keepalive_if_required()
        self._pending += len(data)
        while data and not self.refused:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as offered:
                data = self._without_upgrade() + data[offered.args[0] :]
                continue
            except httptools.HttpParserError:
                self.refuse(HeadersTooLarge() if self._head > MAX_HEAD_BYTES else malformed())
            if self._pending > MAX_HEAD_BYTES:  # a header, a chunk's size line or blank lines without an end
                self.refuse(HeadersTooLarge())
            return

    def _without_upgrade(self) -> bytes:
        """The current head without its offer of an upgrade, for a new parser. The app still sees the offer."""
        self._offered = [pair for pair in self.headers if pair[0] == b"upgrade"]
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn sets up its own
        if not self._offered:  # CONNECT: what follows would belong to a tunnel, which we do not offer
            self.refuse(malformed())
            return b""
        lines = [b"%b %b HTTP/%b" % (method, self.url, version)]
        lines += [b"%b: %b" % pair for pair in self.headers if pair[0] != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

    def on_message_begin(self) -> None:
        self._head, self._in_head = 0, True
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(field_size(name, value))
        if self._in_head:  # uvicorn would add trailers to the headers (RFC 9110, section 6.5.1)
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._pending, self._in_head = 0, False
        self.headers += self._offered
        self._offered = []
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._pending = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if not self.parser.should_upgrade():
            self._pending = 0
            super().on_message_complete()

    def _count(self, size: int) -> None:
        self._pending = 0
        self._head += size
        if self._head > MAX_HEAD_BYTES:
            raise HeadersTooLarge
