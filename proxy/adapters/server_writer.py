"""Writes answers to a connection: a whole one at once, a stream piece by piece at the caller's pace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from proxy.adapters import server_reply
from proxy.adapters.server_exchange import Exchange
from proxy.messages import ByteStream, Reply


class Writer:
    """The sending side of a connection.

    - `default_lines`: returns the header lines of every answer.
    - `writable`: what to wait for before writing, because the caller is slow; None if it is not.
    """

    def __init__(self, transport: asyncio.Transport, default_lines: Callable[[], str]) -> None:
        self._transport = transport
        self._default_lines = default_lines
        self.writable: asyncio.Future[None] | None = None

    def pause(self) -> None:
        """The transport's buffer is full."""
        self.writable = asyncio.get_running_loop().create_future()

    def resume(self) -> None:
        """The transport's buffer has room again."""
        writable, self.writable = self.writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    def send(self, exchange: Exchange, reply: Reply, body: bytes) -> None:
        """Send the reply with its whole body in one packet. Raises ValueError if it is not a valid one."""
        framing = server_reply.framing(reply, exchange.head.method, exchange.head.http11)
        self._transport.write(self._head(exchange, reply) + framing.piece(body) + framing.end())

    async def send_stream(
        self, exchange: Exchange, reply: Reply, body: ByteStream, on_end: Callable[[Exchange], None]
    ) -> None:
        """Send the head, then each piece as it comes, then call `on_end`. Closes `body`.

        The head does not wait for the first piece, which may take a while. A body that fails leaves the answer
        incomplete, without `on_end`.
        """
        write = self._transport.write
        try:
            framing = server_reply.framing(reply, exchange.head.method, exchange.head.http11)
            write(self._head(exchange, reply))
            async for piece in body:
                if self.writable is not None:
                    await self.writable
                write(framing.piece(piece))
            write(framing.end())
            # Now the caller may leave. That must not cancel the work that remains, such as counting what it cost.
            on_end(exchange)
        except Exception:  # already logged; raising it would only print it again
            return
        finally:
            await body.aclose()

    def _head(self, exchange: Exchange, reply: Reply) -> bytes:
        exchange.answering = True
        more = self._default_lines()
        if not exchange.head.keep_alive:
            more += "connection: close\r\n"
        return server_reply.head(reply.status, reply.headers, more)
