"""The upstream of benchmarks.stalls: it takes bodies of any size, and gives the answers that are dear to look at.

`python -m benchmarks.stall_upstream` prints the port it has taken on 127.0.0.1 and serves until it is stopped.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from functools import lru_cache
from typing import cast

from benchmarks.stall_kinds import BLANKS, UNTOLD, USAGES
from benchmarks.upstream import ANSWER, event

PAUSE = 0.005  # seconds between two chunks of the probe
PROBE = "the probe of the benchmark"  # what its request says
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_START = 1_000  # bytes of a body that its answer is chosen by
_WHOLE = 1_000_000  # bytes of a body that are kept, for those who count what is in it
_MODELS_BYTES = 15_900_000  # Sluice reads lists of up to 16 MB
_SSE = ("Content-Type: text/event-stream", "Transfer-Encoding: chunked")


def answer_to(target: str, body: bytes) -> bytes:
    """The answer as it goes over the wire. `body` is the request's, or the beginning of a long one."""
    if target.endswith("/moderations"):
        passed = {"flagged": False, "category_scores": {"violence": 0.01}}
        return _whole(json.dumps({"results": [passed] * len(json.loads(body)["input"])}).encode())
    start = body[:_START]
    name = next((one for one in (USAGES, BLANKS, UNTOLD) if b'"%s"' % one.encode() in start), "")
    return _made("models" if target.endswith("/models") else name)


@lru_cache
def _made(name: str) -> bytes:
    if name == "models":
        entry = b'{"id":"gpt-%07d","object":"model","owned_by":"bench","description":"' + b"x" * 100 + b'"},'
        count = _MODELS_BYTES // len(entry % 0)
        entries = b"".join(entry % number for number in range(count))
        return _whole(b'{"object":"list","data":[' + entries[:-1] + b"]}")
    if name == USAGES:
        return _whole(b'{"usage":' * (1_000_000 // 9) + b"1" + b"}" * (1_000_000 // 9))
    if name == BLANKS:
        return _whole(ANSWER, "X-Request-Id: a" + " " * 20_000 + "b")
    if name == UNTOLD:
        text = json.dumps("Water follows the channel it is given, and a gate decides when. " * 31).encode()
        one = b'data: {"id":"c","model":"gpt-4o-mini","choices":[{"index":0,"delta":{"content":%s}}]}\n\n' % text
        chunks = (b"%x\r\n%s\r\n" % (len(one), one)) * (4_000_000 // len(one))
        return _head(*_SSE) + chunks + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
    return _whole(ANSWER)


def _head(*fields: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *fields, "", ""]).encode()


def _whole(body: bytes, *fields: str) -> bytes:
    return _head("Content-Type: application/json", f"Content-Length: {len(body)}", *fields) + body


class Connection(asyncio.Protocol):
    """Answers one request after the other. The probe gets an event every PAUSE seconds until it leaves."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._loop = asyncio.get_running_loop()
        self._kept = b""
        self._left: int | None = None  # bytes of the body that are still to come; None before its head has
        self._timer: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        if self._left is None:
            self._kept += data
            end = self._kept.find(b"\r\n\r\n") + 4
            if end < 4:
                return
            self._target = self._kept.split(b" ", 2)[1].decode()
            match = _LENGTH.search(self._kept, 0, end)
            data, self._kept = self._kept[end:], b""
            self._left = int(match[1]) if match else 0
        self._left -= len(data)
        if len(self._kept) < _WHOLE:
            self._kept += data
        if self._left > 0:
            return
        body, self._kept, self._left = self._kept, b"", None
        if self._target.endswith("/chat/completions") and PROBE.encode() in body[:_START]:
            self._transport.write(_head(*_SSE))
            self._tick(self._loop.time())
        else:
            self._transport.write(answer_to(self._target, body))

    def _tick(self, due: float) -> None:
        self._transport.write(event(time.monotonic_ns()))
        self._timer = self._loop.call_at(due + PAUSE, self._tick, due + PAUSE)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()


async def serve() -> None:
    """Serve on a free port, which is printed, until cancelled."""
    for name in ("models", USAGES, BLANKS, UNTOLD, ""):
        _made(name)  # now: the probe must not wait for it
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
