"""What the tests over real sockets share: requests, events and how to open a stream."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable

from tests.conftest import Serve
from tests.support.client import Connection
from tests.support.upstream import CEILING

KEY = (("Authorization", "Bearer sk-caller"), ("Content-Type", "application/json"))
CHAT = b'{"model":"gpt-4o","stream":true,"messages":[]}'
PLAIN = b'{"model":"gpt-4o","messages":[]}'
QUICK = {"KEEPALIVE_FIRST_SECONDS": "0.05", "KEEPALIVE_SECONDS": "0.05"}


def event(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "c1", "model": "m", "created": 7, "choices": [choice]}).encode() + b"\n\n"


def opened(
    serve: Serve, settings: dict[str, str] | None = None, body: bytes = CHAT, path: str = "/v1/chat/completions"
) -> Connection:
    """A connection with a call under way, by default a streamed chat."""
    connection = Connection(serve(**settings or {}).port)
    connection.send("POST", path, KEY, body)
    return connection


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until something has happened in it."""
    end = time.monotonic() + CEILING
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.001)


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + CEILING
    while time.monotonic() < until:
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("it did not happen")
