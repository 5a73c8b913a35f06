"""The instrument for many streams at once: the upstream and all clients of a relay in one loop on one core.

One thread with epoll and without asyncio, so that it costs little per chunk and its own limit is high. The upstream
writes each chunk when it is due, with a call of its own, and puts its clock into it; the client takes the difference.
Needs Linux.
"""

from __future__ import annotations

import contextlib
import heapq
import re
import select
import socket
import time
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks import load
from benchmarks.relays import Subject
from benchmarks.samples import percentile
from benchmarks.upstream import STREAM_HEAD, event

PAUSE_NS = 25_000_000  # between two chunks of a stream: 40 a second, as a fast model writes them
BEGIN_SECONDS = 15.0  # that all streams of a crowd together may take to begin
MAX_DESCRIPTORS = 10_000
_WRITES = 64  # chunks that are written before the loop reads again
_READ_BYTES = 65_536
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_AT = re.compile(rb'"at":(\d+),')


@dataclass(frozen=True)
class Window:
    """What a crowd has shown in a time of observation. Times are in seconds."""

    streams: int
    written: int
    arrived: int
    delay_p50: float
    delay_p99: float
    late_p99: float  # how much later than due the upstream has written: the instrument's own fault
    instrument_busy: float  # share of its core
    relay_cpu: float
    relay_waited: float  # share of the time in which other programs had its core

    @property
    def relay_cpu_per_chunk(self) -> float:
        """Seconds of the relay's CPU."""
        return self.relay_cpu / max(1, self.arrived)


class Crowd:
    """An upstream at `port`, and clients that stream from it, directly or through a relay."""

    def __init__(self, pause_ns: int = PAUSE_NS) -> None:
        self._pause = pause_ns
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._epoll = select.epoll()
        self._epoll.register(self._listener.fileno(), select.EPOLLIN)
        self._clients: dict[int, socket.socket] = {}
        self._upstreams: dict[int, socket.socket] = {}
        self._asked: dict[int, bytes] = {}  # requests that are not complete yet
        self._answered: list[int] = []
        self._begun: set[int] = set()
        self._due: list[tuple[int, int]] = []
        self._failed = ""
        self._clear()

    def _clear(self) -> None:
        self._delays, self._late = array("q"), array("q")

    @contextlib.contextmanager
    def streaming(self, port: int, streams: int, *, in_step: bool = False) -> Iterator[None]:
        """So many streams through the server at `port`, all begun and paced; they are cut off in the end.

        Their chunks are due at times of their own, spread evenly over a pause, or all at once where `in_step`.
        Raises LoadError when they do not begin in BEGIN_SECONDS, or one ends.
        """
        try:
            request = load.request(port, stream=True, crowd=True)
            for _ in range(streams):
                client = socket.create_connection(("127.0.0.1", port), BEGIN_SECONDS)
                client.setblocking(False)
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._clients[client.fileno()] = client
                self._epoll.register(client.fileno(), select.EPOLLIN)
                client.send(request)
                self._step(0.0)
            self._run(BEGIN_SECONDS, lambda: len(self._begun) == streams)
            if len(self._begun) < streams:
                raise load.LoadError(f"Of {streams} streams {len(self._begun)} have begun in {BEGIN_SECONDS} s.")
            now = time.monotonic_ns()
            shift = 0 if in_step else self._pause
            self._due = [(now + shift * place // streams, fd) for place, fd in enumerate(self._answered)]
            yield
        finally:
            self._failed = ""
            self._due.clear()
            for fd in list(self._clients):
                self._close(self._clients, fd)
            self._run(BEGIN_SECONDS, lambda: not self._upstreams)  # until the relay has closed its side as well
            for fd in list(self._upstreams):
                self._close(self._upstreams, fd)
            self._answered.clear()
            self._begun.clear()
            self._asked.clear()

    def observe(self, seconds: float, relay: Subject) -> Window:
        """Go on for so long and report on it and on the relay. Raises LoadError when a stream ends."""
        used, waited = relay.cpu(), relay.waited()
        self._clear()
        begun, cpu = time.monotonic(), time.process_time()
        self._run(seconds)
        cpu = time.process_time() - cpu
        lasted = time.monotonic() - begun
        used, waited = relay.cpu() - used, relay.waited() - waited
        none = array("q", [0])
        delays, late = self._delays or none, self._late or none
        return Window(
            streams=len(self._clients),
            written=len(self._late),
            arrived=len(self._delays),
            delay_p50=percentile(delays, 50) / 1e9,
            delay_p99=percentile(delays, 99) / 1e9,
            late_p99=percentile(late, 99) / 1e9,
            instrument_busy=cpu / lasted,
            relay_cpu=used,
            relay_waited=waited / lasted,
        )

    def close(self) -> None:
        """Stop listening."""
        self._epoll.close()
        self._listener.close()

    def _run(self, seconds: float, is_over: Callable[[], bool] = bool) -> None:
        until = time.monotonic_ns() + int(seconds * 1e9)
        while (now := time.monotonic_ns()) < until and not is_over():
            if self._failed:
                raise load.LoadError(self._failed)
            following = min(until, self._due[0][0]) if self._due else until
            self._step(max(0, following - now) / 1e9)

    def _step(self, wait: float) -> None:
        """Read what is there, after a wait of at most so many seconds, and write what is due."""
        if wait:
            # Not epoll's own timeout, which counts in milliseconds.
            select.select([self._epoll.fileno()], [], [], min(wait, 0.1))
        for fd, _ in self._epoll.poll(0, 256):
            if fd in self._clients:
                self._read_client(fd)
            elif fd in self._upstreams:
                self._read_upstream(fd)
            else:
                self._accept()
        for _ in range(_WRITES):
            if not self._due or self._due[0][0] > (now := time.monotonic_ns()):
                return
            due, fd = self._due[0]
            heapq.heapreplace(self._due, (due + self._pause, fd))
            self._late.append(now - due)
            try:
                chunk = event(time.monotonic_ns())
                if self._upstreams[fd].send(chunk) != len(chunk):
                    self._failed = "The relay does not take more."
            except (OSError, KeyError):  # the buffer is full, or the relay has closed the connection
                self._failed = "The relay does not take more."

    def _read_client(self, fd: int) -> None:
        try:
            data = self._clients[fd].recv(_READ_BYTES)
        except OSError:
            data = b""
        now = time.monotonic_ns()
        if not data:
            self._failed = "A stream has ended."
            self._close(self._clients, fd)
            return
        if fd not in self._begun:
            if data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 200 "):
                self._failed = f"The response begins with {data[:200]!r}."
            if b'"at":' in data:
                self._begun.add(fd)
        for match in _AT.finditer(data):
            self._delays.append(now - int(match[1]))

    def _read_upstream(self, fd: int) -> None:
        try:
            data = self._upstreams[fd].recv(_READ_BYTES)
        except OSError:
            data = b""
        if not data:
            self._close(self._upstreams, fd)
            return
        data = self._asked.pop(fd, b"") + data
        head = data.find(b"\r\n\r\n") + 4
        match = _LENGTH.search(data, 0, head) if head >= 4 else None
        if match and len(data) >= head + int(match[1]):
            self._answered.append(fd)
            self._upstreams[fd].send(STREAM_HEAD + event(time.monotonic_ns()))
        else:
            self._asked[fd] = data

    def _accept(self) -> None:
        accepted, _ = self._listener.accept()
        accepted.setblocking(False)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._upstreams[accepted.fileno()] = accepted
        self._epoll.register(accepted.fileno(), select.EPOLLIN)

    def _close(self, sockets: dict[int, socket.socket], fd: int) -> None:
        self._epoll.unregister(fd)
        sockets.pop(fd).close()


def raise_descriptor_limit() -> int:
    """Let this process, and what it starts, have MAX_DESCRIPTORS, or as many as the system allows; returns how many."""
    import resource  # Windows has none, where this module is imported but not used

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(MAX_DESCRIPTORS, hard)
    if soft not in (resource.RLIM_INFINITY, hard) and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted
