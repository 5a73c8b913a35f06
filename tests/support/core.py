"""relay() without a server: a host in fake time and an upstream made of a list."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from proxy import startup
from proxy.errors import ProxyError
from proxy.host import Capabilities, Host
from proxy.messages import Headers, Reply, Request
from proxy.relay import relay
from proxy.upstream import Answer, Outgoing
from tests.support import fake_clock
from tests.support.case import error_code
from tests.support.fake_clock import FakeClock

SSE = (("content-type", "text/event-stream"),)
JSON_HEAD = (("content-type", "application/json"),)
KEY = (("authorization", "Bearer sk-caller"),)


class Body:
    """Pieces as a ByteStream; a number is a pause in seconds, an exception is raised."""

    def __init__(self, *steps: bytes | float | Exception) -> None:
        self._steps = list(steps)
        self.closed = False

    def __aiter__(self) -> Body:
        return self

    async def __anext__(self) -> bytes:
        while self._steps:
            step = self._steps.pop(0)
            if isinstance(step, Exception):
                raise step
            if isinstance(step, bytes):
                return step
            await asyncio.sleep(step)
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed = True


class Listed:
    """Answers every call with the same head and body, after `wait` seconds; or raises."""

    def __init__(
        self,
        *steps: bytes | float | Exception,
        status: int = 200,
        headers: tuple[tuple[str, str], ...] = SSE,
        wait: float = 0,
        error: Exception | None = None,
    ) -> None:
        self.body = Body(*steps)
        self.sent: list[Outgoing] = []
        self._status, self._headers, self._wait, self._error = status, headers, wait, error

    async def send(self, outgoing: Outgoing) -> Answer:
        self.sent.append(outgoing)
        await asyncio.sleep(self._wait)
        if self._error is not None:
            raise self._error
        return Answer(self._status, Headers(self._headers), self.body)


class Routed(Listed):
    """Answers calls to moderation services apart: `service` is asked for each, its calls are kept in `asked`."""

    def __init__(
        self,
        *steps: bytes | float | Exception,
        service: Callable[[Outgoing], Awaitable[Answer]],
        status: int = 200,
        headers: tuple[tuple[str, str], ...] = SSE,
    ) -> None:
        super().__init__(*steps, status=status, headers=headers)
        self.asked: list[Outgoing] = []
        self._service = service

    async def send(self, outgoing: Outgoing) -> Answer:
        if outgoing.target.name != "moderation":
            return await super().send(outgoing)
        self.asked.append(outgoing)
        return await self._service(outgoing)


def json_answer(value: Any, status: int = 200) -> Answer:
    """An answer of a service."""
    return Answer(status, Headers((("content-type", "application/json"),)), Body(json.dumps(value).encode()))


def host(lines: list[str] | None = None, body_limit: int | None = None) -> Host:
    write: Callable[[str], None] = (lines if lines is not None else []).append
    return Host(
        "test",
        Capabilities(streams=True, rewrites_stream=True, body_limit=body_limit),
        FakeClock(),
        new_id=lambda: "sl_1",
        choose=lambda count: count - 1,
        write=write,
    )


def request(
    path: str = "/v1/chat/completions",
    body: bytes | AsyncIterator[bytes] = b'{"model":"m","stream":true}',
    deadline: float | None = None,
    headers: tuple[tuple[str, str], ...] = KEY,
    method: str = "POST",
) -> Request:
    return Request(method, path, "", Headers(headers), body, deadline=deadline)


def run(
    upstream: Listed,
    asked: Request | None = None,
    lines: list[str] | None = None,
    limit: int | None = None,
    settings: dict[str, str] | None = None,
) -> tuple[Reply, list[bytes]]:
    """The reply and its pieces; an error that breaks the body off is raised."""

    async def go() -> tuple[Reply, list[bytes]]:
        reply = await relay(asked or request(), startup.load(settings or {}), upstream, host(lines, limit))
        if isinstance(reply.body, bytes):
            return reply, [reply.body]
        try:
            return reply, [piece async for piece in reply.body]
        finally:
            await reply.body.aclose()
            await reply.body.aclose()

    return fake_clock.run(go())


def error_of(reply: Reply) -> dict[str, Any]:
    """The error of a reply, with Sluice's code."""
    assert isinstance(reply.body, bytes)
    error: dict[str, Any] = json.loads(reply.body)["error"]
    return {**error, "code": error_code(error)} if "code" in error else error


__all__ = [
    "JSON_HEAD",
    "KEY",
    "SSE",
    "Body",
    "Listed",
    "ProxyError",
    "Routed",
    "error_of",
    "host",
    "json_answer",
    "request",
    "run",
]
