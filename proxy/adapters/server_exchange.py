"""A request that a connection receives, with its body as it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from proxy.adapters.server_head import Head
from proxy.error_reply import error_reply
from proxy.errors import ProxyError
from proxy.messages import Reply, Request


class IncomingBody:
    """A request's body as it arrives. Iterate over it once.

    - `unread`: the bytes that have arrived and nobody has read.
    - `complete`: all of it has arrived.
    """

    __slots__ = ("_discards", "_on_wanted", "_pieces", "_waiter", "complete", "unread")

    def __init__(self, on_wanted: Callable[[], None]) -> None:
        """`on_wanted` is called when the reader has taken what had arrived, and when it waits for more."""
        self._on_wanted = on_wanted
        self._pieces: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None
        self._discards = False
        self.unread = 0
        self.complete = False

    def feed(self, data: bytes) -> None:
        """Add a part that has arrived."""
        if not self._discards:
            self._pieces.append(data)
            self.unread += len(data)
            self._wake()

    def end(self) -> None:
        """Note that all has arrived."""
        self.complete = True
        self._wake()

    def discard(self) -> None:
        """Forget what has arrived, and what still will: nobody reads it any more."""
        self._discards = True
        self.take()

    def take(self) -> bytes:
        """Return what has arrived since the last time."""
        pieces, self._pieces, self.unread = self._pieces, [], 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            if self.unread:
                piece = self.take()
                self._on_wanted()
                yield piece
            elif self.complete:
                return
            else:
                self._waiter = asyncio.get_running_loop().create_future()
                self._on_wanted()
                await self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Exchange:
    """A request and its answer.

    - `request`: what the app gets; None if it gets nothing.
    - `refusal`: the answer if there is no `request`.
    - `answering`: the head of the answer has been sent.
    - `task`: what runs the app. None before it is the request's turn, and for a refusal.
    """

    __slots__ = ("answering", "body", "head", "refusal", "request", "task")

    def __init__(self, head: Head, body: IncomingBody) -> None:
        self.head = head
        self.body = body
        self.request: Request | None = None
        self.refusal: Reply | None = None
        self.answering = False
        self.task: asyncio.Task[None] | None = None

    def refuse(self, reply: Reply) -> None:
        """Answer with `reply` and close. Nobody reads the body."""
        self.refusal = reply
        self.head.keep_alive = False
        self.body.discard()


def refused(error: ProxyError) -> Exchange:
    """The exchange for bytes that are not a request."""
    exchange = Exchange(Head(), IncomingBody(lambda: None))
    reply = error_reply(error)
    reply.headers.set("access-control-allow-origin", "*")
    exchange.refuse(reply)
    return exchange
