"""The load: raw HTTP/1.1 clients on asyncio, without a library that would be measured along with the relay."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

CEILING = 60.0  # seconds that one measurement may take before the run is given up
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_AT = re.compile(rb'"at":(\d+),')
_LAST = b"\r\n0\r\n\r\n"


class LoadError(Exception):
    """The server answered wrongly, or not at all."""


def request(port: int, headers: str = "", **more: Any) -> bytes:
    """A small chat call as a caller with a key sends it; `more` are further fields of its JSON.

    `headers` are further lines of its head, each with its line end.
    """
    call = {"model": "bench-1", **more, "messages": [{"role": "user", "content": "What is a sluice?"}]}
    return post(port, "/v1/chat/completions", call, headers)


def post(port: int, path: str, value: Any, headers: str = "") -> bytes:
    """A POST of JSON as a caller with a key sends it."""
    body = json.dumps(value)
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer sk-bench\r\n"
        f"Content-Type: application/json\r\nAccept: */*\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


class _Client(asyncio.Protocol):
    """One connection. `done` is set when all that was asked for has come, or to a LoadError."""

    def __init__(self, asked: bytes) -> None:
        self._asked = asked
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.fail("The connection was closed before the answer was complete.")

    def fail(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(LoadError(why))

    def check(self, received: bytes) -> None:
        if not received.startswith(b"HTTP/1.1 200 "):
            self.fail(f"The answer begins with {received[:200]!r}.")


class _Repeater(_Client):
    """Sends the request again as soon as the answer is complete. `samples` are the waits in nanoseconds."""

    def __init__(self, asked: bytes) -> None:
        super().__init__(asked)
        self.samples: list[int] = []
        self._received = b""

    def start(self, until: int) -> None:
        """Go on until the monotonic clock shows `until` nanoseconds; one call is made at least."""
        self._until = until
        self._sent = time.monotonic_ns()
        self.transport.write(self._asked)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        received = self._received + data if self._received else data
        head = received.find(b"\r\n\r\n") + 4
        match = _LENGTH.search(received, 0, head) if head >= 4 else None
        if match is None or len(received) < head + int(match[1]):
            self._received = received
            return
        self._received = b""
        self.check(received)
        self.samples.append(now - self._sent)
        if now < self._until:
            self._sent = time.monotonic_ns()
            self.transport.write(self._asked)
        elif not self.done.done():
            self.done.set_result(None)


@dataclass
class Streamed:
    """One stream as it came: when it was asked for, and each read with its time, in nanoseconds."""

    sent: int
    reads: list[tuple[int, bytes]] = field(default_factory=list)

    def first(self) -> int:
        """Nanoseconds from asking to the first event."""
        return next(at for at, data in self.reads if b"data:" in data) - self.sent

    def delays(self) -> list[int]:
        """Nanoseconds from the upstream's writing of each event to its arrival here."""
        return [at - int(match[1]) for at, data in self.reads for match in _AT.finditer(data)]

    def events(self, mark: bytes = b"data: ") -> int:
        """How many events have come, however they were cut into chunks. `mark` is in each of them once."""
        rest = b"".join(data for _, data in self.reads).partition(b"\r\n\r\n")[2]
        pieces = []
        at = 0
        while size := int(rest[at : (line := rest.index(b"\r\n", at))], 16):
            pieces.append(rest[line + 2 : line + 2 + size])
            at = line + 2 + size + 2
        return b"".join(pieces).count(mark)


class _Streamer(_Client):
    """Takes one stream after the other."""

    def start(self) -> Streamed:
        self.done = asyncio.get_running_loop().create_future()
        self._tail = b""
        self._stream = Streamed(time.monotonic_ns())
        self.transport.write(self._asked)
        return self._stream

    def data_received(self, data: bytes) -> None:
        self._stream.reads.append((time.monotonic_ns(), data))
        if len(self._stream.reads) == 1:
            self.check(data)
        # No event has CRLF in it, so this is the last chunk's.
        self._tail = (self._tail + data)[-len(_LAST) :]
        if self._tail == _LAST and not self.done.done():
            self.done.set_result(None)


async def repeat(port: int, clients: int, seconds: float, headers: str = "") -> tuple[list[int], float]:
    """Call for about `seconds`, each client one call after the other.

    Returns every call's wait in nanoseconds, and how many seconds it has taken until the last one was answered.
    """
    asked = request(port, headers)
    connected = [await _connect(port, lambda: _Repeater(asked)) for _ in range(clients)]
    try:
        begun = time.monotonic_ns()
        for client in connected:
            client.start(begun + int(seconds * 1e9))
        await asyncio.wait_for(asyncio.gather(*(client.done for client in connected)), CEILING)
        lasted = time.monotonic_ns() - begun
    finally:
        _close(connected)
    return [sample for client in connected for sample in client.samples], lasted / 1e9


async def stream(
    port: int, streams: int, events: int, pause: float, headers: str = "", *, rest: float = 0.0
) -> list[Streamed]:
    """Take so many streams, one after the other, of `events` events that are `pause` seconds apart.

    There are `rest` seconds before each.
    """
    asked = request(port, headers, stream=True, events=events, pause=pause)
    return await take(port, asked, streams, events, rest=rest)


async def take(
    port: int, asked: bytes, streams: int, events: int, mark: bytes = b"data: ", *, rest: float = 0.0
) -> list[Streamed]:
    """Take so many streams, one after the other, with `rest` seconds before each.

    Raises LoadError unless each has `events` events with this mark.
    """
    client = await _connect(port, lambda: _Streamer(asked))
    taken = []
    try:
        for _ in range(streams):
            if rest:
                await asyncio.sleep(rest)
            streamed = client.start()
            await asyncio.wait_for(client.done, CEILING)
            if (came := streamed.events(mark)) != events:
                raise LoadError(f"Of {events} events {came} have come.")
            taken.append(streamed)
    finally:
        _close([client])
    return taken


_C = TypeVar("_C", bound=_Client)


async def _connect(port: int, make: Callable[[], _C]) -> _C:
    connecting = asyncio.get_running_loop().create_connection(make, "127.0.0.1", port)
    return (await asyncio.wait_for(connecting, CEILING))[1]


def _close(clients: Sequence[_Client]) -> None:
    for client in clients:
        client.done.cancel()  # one that failed beside another need not be heard as well
        client.transport.close()
