"""A connection of the server: it runs the app for one request after another, whichever parser reads them.

asyncio calls it as a protocol, its parser as a receiver of requests.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import cast

from proxy.adapters.server_deadline import Deadline, Phase
from proxy.adapters.server_exchange import Exchange, IncomingBody, refused
from proxy.adapters.server_head import Head, Parser, Receiver
from proxy.adapters.server_shared import Shared
from proxy.adapters.server_writer import Writer
from proxy.errors import IncompleteBody, ProxyError, RequestTimeout
from proxy.messages import Reply, Request

# Above this much of a body that the app has not read, reading from the socket pauses.
MAX_UNREAD_BYTES = 65_536
# How long a connection stays open after a refusal, while what still arrives is dropped. Closing it with unread bytes
# resets it, and the reset can overtake the answer (RFC 9112, section 9.6).
LINGER_SECONDS = 1.0


class Connection(asyncio.BufferedProtocol):
    """A connection that asyncio feeds, and that uvicorn closes by `shutdown`."""

    def __init__(self, shared: Shared, parser: Callable[[Receiver], Parser]) -> None:
        self._loop = asyncio.get_running_loop()
        self._shared = shared
        self._parser = parser(self)
        self._transport: asyncio.Transport
        self._writer: Writer
        self._peer: str | None = None
        self._trusts_proxy = False
        self._exchange: Exchange | None = None  # whose turn it is
        self._waiting: deque[Exchange] = deque()  # the requests behind it
        self._incoming: Exchange | None = None  # whose body is arriving
        self._last = False  # no request is taken after those that have begun
        self._reading = True
        self._deadline = Deadline(self._loop, shared.keep_alive_seconds, self._time_out)

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._writer = Writer(self._transport, self._shared.default_lines)
        self._shared.state.connections.add(self)  # type: ignore[arg-type]  # uvicorn names its own classes
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if isinstance(peer, tuple) else None
        self._trusts_proxy = self._peer in self._shared.trusted_proxies
        self._deadline.enter(Phase.HEAD)

    def connection_lost(self, exc: Exception | None) -> None:
        self._shared.state.connections.discard(self)
        self._drop_input()
        self._deadline.cancel()
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            self._cancel(exchange)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._shared.buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._last and self._incoming is None:
            return  # what follows the last request is dropped
        try:
            self._parser.feed(self._shared.buffer[:nbytes])
        except ProxyError as error:
            self._refuse(error)
        self._advance()

    def eof_received(self) -> bool:
        """Refuse a request that ends too early. Otherwise the caller has left: let asyncio close."""
        if self._incoming is None:
            return False
        self._refuse(IncompleteBody())
        self._advance()
        return True

    def pause_writing(self) -> None:
        self._writer.pause()

    def resume_writing(self) -> None:
        self._writer.resume()

    # What uvicorn calls.

    def shutdown(self) -> None:
        """Close, after the answer that is under way."""
        if self._exchange is None:
            self._close()
        else:
            self._exchange.head.keep_alive = False

    # What the parser calls.

    def begin(self, head: Head) -> None:
        if self._last:
            return
        self._incoming = exchange = Exchange(head, IncomingBody(self._body_wanted))
        if head.error is None:
            exchange.request = head.request(self._trusts_proxy, self._peer)
        else:
            exchange.refuse(self._shared.app.refuse(head.error))
        self._last = not head.keep_alive
        self._waiting.append(exchange)

    def body(self, data: bytes) -> None:
        if self._incoming is not None:
            self._incoming.body.feed(data)

    def end(self) -> None:
        if self._incoming is not None:
            self._incoming.body.end()
            self._incoming = None

    # The requests, one after the other.

    def _advance(self) -> None:
        """Begin the next request if it is its turn. Set whether to read, and for how long to wait."""
        if self._exchange is None and self._waiting:
            self._start(self._waiting.popleft())
        unread = self._incoming.body.unread if self._incoming is not None else 0
        drops = self._last and self._incoming is None  # the caller may still leave
        reads = drops or (not self._waiting and unread <= MAX_UNREAD_BYTES)
        if reads != self._reading:
            self._reading = reads
            if reads:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()
        self._deadline.enter(self._phase())

    def _start(self, exchange: Exchange) -> None:
        self._exchange = exchange
        request = exchange.request
        if request is None:
            refusal = cast(Reply, exchange.refusal)
            self._writer.send(exchange, refusal, cast(bytes, refusal.body))
            self._finish(exchange)
            return
        request.body = exchange.body.take() if exchange.body.complete else exchange.body
        exchange.task = self._loop.create_task(self._run(exchange, request))
        self._shared.state.tasks.add(exchange.task)

    async def _run(self, exchange: Exchange, request: Request) -> None:
        try:
            reply = await self._shared.app.respond(request)
            if isinstance(reply.body, bytes):
                if self._writer.writable is not None:
                    await self._writer.writable
                self._writer.send(exchange, reply, reply.body)
                self._finish(exchange)
            else:
                await self._writer.send_stream(exchange, reply, reply.body, self._finish)
        finally:
            self._shared.state.tasks.discard(cast("asyncio.Task[None]", exchange.task))
            exchange.task = None  # a cancelled task keeps its frames, and they keep the exchange
            if self._exchange is exchange:  # its answer is incomplete
                self._exchange = None
                self._close()

    def _cancel(self, exchange: Exchange) -> None:
        task = cast("asyncio.Task[None]", exchange.task)
        task.cancel()
        task.add_done_callback(self._shared.state.tasks.discard)  # before its first step, it has no `finally`

    def _body_wanted(self) -> None:
        exchange = self._incoming
        if exchange is not None and exchange is self._exchange and exchange.head.expects_continue:
            exchange.head.expects_continue = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._advance()

    def _refuse(self, error: ProxyError) -> None:
        """Answer with `error` after the requests before it, and take no more."""
        if self._last and self._incoming is None:
            return
        exchange = self._incoming
        self._last, self._incoming = True, None
        if exchange is not None and self._waiting:
            self._waiting.pop()  # the rest of its body cannot be read
        elif exchange is not None:
            if exchange is self._exchange:
                self._exchange = None
                self._cancel(exchange)
            if exchange.answering:  # what is wrong may belong to its body, and an answer has begun
                self._close()
                return
        self._waiting.append(refused(error))

    # The answers.

    def _finish(self, exchange: Exchange) -> None:
        """Go on after an answer."""
        self._shared.state.total_requests += 1
        self._exchange = None
        is_incomplete = exchange is self._incoming
        if exchange.head.keep_alive:
            if is_incomplete:
                exchange.body.discard()
            self._advance()
        elif is_incomplete or exchange.refusal is not None:
            self._linger()
        else:
            self._close()

    # The end, and the time until then.

    def _drop_input(self) -> None:
        self._last, self._incoming = True, None
        self._waiting.clear()

    def _close(self) -> None:
        self._drop_input()
        self._transport.close()

    def _linger(self) -> None:
        self._drop_input()
        if self._transport.can_write_eof() and not self._transport.is_closing():
            self._transport.write_eof()
            self._loop.call_later(LINGER_SECONDS, self._transport.close)
        else:  # pragma: no cover — TLS ends before it reaches our servers
            self._transport.close()

    def _phase(self) -> Phase:
        if self._incoming is not None:
            return Phase.BODY if self._reading else Phase.ANSWER
        if self._exchange is not None or self._last:
            return Phase.ANSWER
        return Phase.HEAD if self._parser.in_head else Phase.IDLE

    def _time_out(self, phase: Phase) -> None:
        if phase is Phase.IDLE:
            self._close()
        else:
            self._refuse(RequestTimeout())
            self._advance()
