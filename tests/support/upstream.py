"""An upstream made of a script: a real socket on loopback that does exactly what the test says, however wrong.

A script is data, a tuple of steps: bytes are written as they are, the other steps are below.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

CEILING = 60.0  # seconds that anything may take before its test has failed, also on a busy machine


@dataclass(frozen=True)
class Cut:
    """Close the connection here, politely or with a reset."""

    reset: bool = False


@dataclass(frozen=True)
class Wait:
    """Go on when the test calls `proceed()`, or never; a caller that leaves meanwhile is noticed."""


@dataclass(frozen=True)
class Sleep:
    """Do nothing for so many seconds."""

    seconds: float


Step = bytes | Cut | Wait | Sleep
Script = tuple[Step, ...]
REASONS = {200: "OK", 429: "Too Many Requests", 500: "Internal Server Error"}


def head(status: int = 200, *fields: tuple[str, str]) -> bytes:
    """A response head."""
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Whatever')}", *(f"{name}: {value}" for name, value in fields)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def whole(body: bytes, status: int = 200, *fields: tuple[str, str], kind: str = "application/json") -> Script:
    """A complete answer with a Content-Length."""
    return (head(status, ("Content-Type", kind), ("Content-Length", str(len(body))), *fields) + body,)


def chunk(data: bytes) -> bytes:
    """One HTTP chunk."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


END = b"0\r\n\r\n"
SSE_HEAD = head(200, ("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked"))


def stream(*pieces: bytes, end: Iterable[Step] = (END,)) -> Script:
    """An event stream of these pieces, each a chunk and a write of its own."""
    return (SSE_HEAD, *map(chunk, pieces), *end)


@dataclass
class Received:
    """One request as it arrived."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)


@dataclass
class Upstream:
    """Plays `scripts` in turn, the last one again and again. Everything it has seen can be looked at."""

    scripts: list[Script] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    choose: Callable[[Received], Script] | None = None

    def __post_init__(self) -> None:
        self.gone = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._permits: asyncio.Queue[None] = asyncio.Queue()
        self._sent = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(CEILING)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def play(self, *scripts: Script) -> Upstream:
        """Forget what was and play these."""
        self.scripts = list(scripts)
        self.received.clear()
        self.gone.clear()
        # A stream of an earlier test that still waits keeps the old queue: it must not take what is meant for these.
        self._permits = asyncio.Queue()
        return self

    def proceed(self) -> None:
        """Let one Wait go on."""
        self._loop.call_soon_threadsafe(self._permits.put_nowait, None)

    def settled(self) -> int:
        """The number of bytes sent in all, once no more have been for half a second: nobody takes them."""
        quiet, sent = 0, -1
        while quiet < 5:
            quiet, sent = (quiet + 1, sent) if self._sent == sent else (0, self._sent)
            time.sleep(0.1)
        return sent

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CEILING)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port: int = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        for _ in range(3):  # a transport closes in the loop's next round, and complains when there is none
            self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                request = await _read_request(reader)
                self.received.append(request)
                if not await self._perform(self._script(request), reader, writer):
                    break
        except ConnectionError:
            self.gone.set()
        except (asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        with contextlib.suppress(ConnectionError, RuntimeError):
            writer.close()

    def _script(self, request: Received) -> Script:
        if self.choose is not None:
            return self.choose(request)
        return self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]

    async def _perform(self, script: Script, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        permits = self._permits
        for step in script:
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
                self._sent += len(step)
            elif isinstance(step, Sleep):
                await asyncio.sleep(step.seconds)
            elif isinstance(step, Wait):
                if not await self._permitted(permits, reader):
                    return False
            else:
                if step.reset:  # SO_LINGER 0 makes close send RST
                    writer.get_extra_info("socket").setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                    )
                return False
        return True

    async def _permitted(self, permits: asyncio.Queue[None], reader: asyncio.StreamReader) -> bool:
        permit = asyncio.ensure_future(permits.get())
        leaving = asyncio.ensure_future(reader.read(1))
        await asyncio.wait({permit, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if leaving.done():
            permit.cancel()
            self.gone.set()
            return False
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        return True


async def _read_request(reader: asyncio.StreamReader) -> Received:
    raw = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = raw.split("\r\n")[:-2]
    method, target, _ = first.split(" ")
    headers = [(line.partition(":")[0], line.partition(":")[2].strip()) for line in lines]
    request = Received(method, target, headers, b"")
    if request.header("transfer-encoding") == "chunked":
        pieces = []
        while size := int(await reader.readline(), 16):
            pieces.append((await reader.readexactly(size + 2))[:-2])
        await reader.readline()
        request.body = b"".join(pieces)
    elif length := int(request.header("content-length") or 0):
        request.body = await reader.readexactly(length)
    return request


@contextlib.contextmanager
def running(*scripts: Script, **more: Any) -> Iterator[Upstream]:
    """An upstream for the length of a `with`."""
    upstream = Upstream(list(scripts), **more)
    try:
        yield upstream
    finally:
        upstream.close()
