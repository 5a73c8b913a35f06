"""The server's parser with h11, for where httptools is not installed."""

from __future__ import annotations

import h11

from proxy.adapters.http_rules import MAX_HEAD_BYTES
from proxy.adapters.server_head import Head, Receiver, malformed
from proxy.errors import HeadersTooLarge


class H11Parser:
    """A parser with one h11 connection for each request: h11 would wait for our answers, which it does not see."""

    def __init__(self, receiver: Receiver) -> None:
        self.in_head = True
        self._receiver = receiver
        self._connection = self._new()

    def feed(self, data: memoryview) -> None:
        self.in_head = self._connection.their_state is h11.IDLE
        self._connection.receive_data(bytes(data))
        try:
            while isinstance(event := self._connection.next_event(), h11.Event):
                self._report(event)
        except h11.RemoteProtocolError as error:
            too_large = error.error_status_hint == HeadersTooLarge.status
            raise HeadersTooLarge if too_large else malformed() from None

    def _report(self, event: h11.Event) -> None:
        if isinstance(event, h11.Request):
            self.in_head = False
            self._receiver.begin(_head(event))
        elif isinstance(event, h11.Data):
            self._receiver.body(bytes(event.data))
        else:  # the end, maybe with trailers, which are no headers (RFC 9110, section 6.5.1)
            rest, _ = self._connection.trailing_data
            self._connection = self._new()
            self.in_head = bool(rest)
            if rest:  # h11 takes no bytes for the end of the connection
                self._connection.receive_data(rest)
            self._receiver.end()

    @staticmethod
    def _new() -> h11.Connection:
        return h11.Connection(h11.SERVER, MAX_HEAD_BYTES)


def _head(event: h11.Request) -> Head:
    head = Head()
    head.count(len(event.target))
    for name, value in event.headers:
        head.add(name, value)
    head.finish(event.method, event.target, event.http_version.decode("ascii"))
    return head
