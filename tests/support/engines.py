"""An engine to the upstream at work by itself."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from proxy.transports import ClosableUpstream
from proxy.upstream import Outgoing, Target, Timeouts

T = TypeVar("T")
CONTEXT = ssl.create_default_context()


class Wall:
    """A wall clock that the test turns."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds


def outgoing(base_url: str, method: str = "GET", body: bytes = b"") -> Outgoing:
    target = Target("default", base_url, "sk-x")
    return Outgoing(target, method, "models/a%2Fb", "x=%7E", [("accept", "*/*")], body, Timeouts(2, 2, 2))


def run(engine: Any, go: Callable[[ClosableUpstream], Awaitable[T]], wall: Wall | None = None) -> T:
    async def inner() -> T:
        upstream: ClosableUpstream = engine(wall or Wall(), CONTEXT)
        await upstream.warm()
        try:
            return await go(upstream)
        finally:
            await upstream.aclose()

    return asyncio.run(inner())


async def read(upstream: ClosableUpstream, base_url: str) -> bytes:
    answer = await upstream.send(outgoing(base_url))
    try:
        return b"".join([piece async for piece in answer.body])
    finally:
        await answer.body.aclose()
        await answer.body.aclose()
