"""The benchmark's upstream: raw HTTP/1.1 on asyncio with answers made beforehand, so that it is never what is measured.

`python -m benchmarks.upstream` prints the port it has taken on 127.0.0.1 and serves until it is stopped.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import cast

BURST = "A burst of {} events, please."
_BURST = re.compile(re.escape(BURST).replace(r"\{\}", r"(\d+)").encode())
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)

_TEXT = "Water follows the channel it is given, and a gate decides when. " * 3
ANSWER = json.dumps(
    {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1795392000,
        "model": "bench-1",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": _TEXT, "refusal": None, "annotations": []},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 19, "completion_tokens": 42, "total_tokens": 61},
        "system_fingerprint": "fp_bench",
    }
).encode()
_WHOLE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: req_bench\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER)
)
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Request-Id: req_bench\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
_FINISH = (
    b'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1795392000,"model":"bench-1",'
    b'"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}\n\n'
    b'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1795392000,"model":"bench-1",'
    b'"choices":[],"usage":{"prompt_tokens":19,"completion_tokens":42,"total_tokens":61}}\n\ndata: [DONE]\n\n'
)
_END = b"0\r\n\r\n"


def event(at: int) -> bytes:
    """One streamed event of about 200 bytes as an HTTP chunk; `at` is nanoseconds on the monotonic clock."""
    data = (
        b'data: {"at":%d,"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1795392000,"model":"bench-1",'
        b'"choices":[{"index":0,"delta":{"content":" water"},"logprobs":null,"finish_reason":null}]}\n\n' % at
    )
    return b"%x\r\n%s\r\n" % (len(data), data)


class Connection(asyncio.Protocol):
    """Answers one request after the other.

    A request whose JSON has `events` gets so many events, one every `pause` seconds, or as fast as they are taken
    where `pause` is 0. One whose prompt is BURST gets so many at once and a proper end: of a translated request only
    the prompt arrives here. Any other gets ANSWER.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._loop = asyncio.get_running_loop()
        self._received = b""
        self._paused = False
        self._left = 0
        self._chunk = b""
        self._end = _END
        self._timer: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        self._received += data
        head = self._received.find(b"\r\n\r\n") + 4
        if head < 4:
            return
        match = _LENGTH.search(self._received, 0, head)
        end = head + (int(match[1]) if match else 0)
        if len(self._received) < end:
            return
        body, self._received = self._received[head:end], self._received[end:]
        if b'"events"' in body:
            asked = json.loads(body)
            self._stream(int(asked["events"]), asked["pause"])
        elif b"burst" in body and (match := _BURST.search(body)):
            self._stream(int(match[1]), 0, b"%x\r\n%s\r\n" % (len(_FINISH), _FINISH))
        else:
            self._transport.write(_WHOLE)

    def _stream(self, events: int, pause: float, finish: bytes = b"") -> None:
        self._left, self._end = events, finish + _END
        self._transport.write(STREAM_HEAD)
        if pause:
            self._tick(self._loop.time(), pause)
        else:
            self._chunk = event(time.monotonic_ns())
            self._pour()

    def _tick(self, due: float, pause: float) -> None:
        """Write one event now and the next `pause` seconds after this one was `due`."""
        self._transport.write(event(time.monotonic_ns()))
        self._left -= 1
        if self._left:
            self._timer = self._loop.call_at(due + pause, self._tick, due + pause, pause)
        else:
            self._transport.write(self._end)

    def _pour(self) -> None:
        """Write events, each with a call of its own, until the other side has enough for now."""
        while self._left and not self._paused:
            self._transport.write(self._chunk)
            self._left -= 1
        if self._chunk and not self._left:
            self._chunk = b""
            self._transport.write(self._end)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._pour()

    def connection_lost(self, exc: Exception | None) -> None:
        self._left, self._chunk = 0, b""
        if self._timer is not None:
            self._timer.cancel()


async def serve() -> None:
    """Serve on a free port, which is printed, until cancelled."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
