"""The doctor at work on real servers, and servers that have something wrong with them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from proxy.cli.doctor import remote
from proxy.cli.doctor.keys import Keys
from proxy.cli.doctor.report import Finding, Report
from tests.contract.case import Ask
from tests.support.events import LambdaContext, event
from tests.support.server import Running
from tests.support.upstream import Received, Script, whole

KEY = "canary-3f9c1b-proxy-key"
GUARDED = {"DEMO": "1", "PROXY_KEY": KEY}
Table = dict[str, Script | Callable[[Received], Script]]


@dataclass
class Looked:
    """What the doctor found."""

    findings: list[Finding]

    @property
    def codes(self) -> list[str]:
        return [one.code for one in self.findings]

    @property
    def bad(self) -> list[str]:
        """The codes of what is to be mended or looked at."""
        return [one.code for one in self.findings if one.state in ("failed", "warning")]

    def of(self, code: str) -> dict[str, Any]:
        """The values of one finding."""
        (found,) = [one for one in self.findings if one.code == code]
        return found.values


def noted() -> Report:
    return Report(lambda _: None, lambda _: None)


def looked(report: Report) -> Looked:
    """What is in a report, once it is certain that its words are there and hold no key."""
    shown = json.dumps([[one.words("en"), one.words("zh"), one.values] for one in report.findings])
    assert KEY not in shown
    return Looked(report.findings)


def look(url: str, key: str | Keys = KEY, context: ssl.SSLContext | None = None, **more: Any) -> Looked:
    """Probe one endpoint."""
    report = noted()
    keys = key if isinstance(key, Keys) else Keys(key, "a test")
    report.keep_secret([keys.given, keys.proxy, keys.own])
    remote.examine(remote.Asked(url, keys, **more), report, context or ssl.create_default_context())
    return looked(report)


@contextlib.contextmanager
def running(app: Any, http: str = "httptools") -> Iterator[str]:
    """An ASGI app on a port of its own; its address."""
    server = Running(app, http)
    try:
        yield server.url
    finally:
        server.close()


def adding(app: Any, *headers: tuple[bytes, bytes]) -> Any:
    """What a platform does: more headers on each request."""

    async def front(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope = {**scope, "headers": [*scope["headers"], *headers]}
        await app(scope, receive, send)

    return front


def changing(app: Any, change: Callable[[Any], list[Any]]) -> Any:
    """Something in between that makes other messages of each that the app sends."""

    async def front(scope: Any, receive: Any, send: Any) -> None:
        async def sent(message: Any) -> None:
            for one in change(message) if scope["type"] == "http" else [message]:
                await send(one)

        await app(scope, receive, sent)

    return front


def without(*names: bytes) -> Callable[[Any], list[Any]]:
    """For `changing`: answers lose these headers."""

    def change(message: Any) -> list[Any]:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [pair for pair in message["headers"] if pair[0].lower() not in names]}
        return [message]

    return change


class EventFront:
    """A function that takes events and gives one value, behind HTTP, one call at a time as on the platform."""

    def __init__(self, function: Any, door: str, context: Callable[[], Any] = lambda: LambdaContext(300)) -> None:
        self._function, self._door, self._context = function, door, context
        self._thread = ThreadPoolExecutor(1)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while (message := await receive())["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            assert message["type"] == "lifespan.shutdown"
            await asyncio.get_running_loop().run_in_executor(self._thread, self._function.close)
            self._thread.shutdown()
            await send({"type": "lifespan.shutdown.complete"})
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = tuple((name.decode(), value.decode("latin-1")) for name, value in scope["headers"])
        made = event(self._door, Ask(scope["method"], scope["path"], headers, body))
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._thread, lambda: self._function(made, self._context()))
        told = [(name.lower().encode(), str(value).encode()) for name, value in answer["headers"].items()]
        await send({"type": "http.response.start", "status": answer["statusCode"], "headers": told})
        await send({"type": "http.response.body", "body": answer["body"].encode()})


def answers(table: Table, otherwise: Script) -> Callable[[Received], Script]:
    """For the scripted upstream: an answer for each 'METHOD /path', and one for everything else."""

    def choose(received: Received) -> Script:
        found = table.get(f"{received.method} {received.target}", otherwise)
        return found(received) if callable(found) else found

    return choose


def said(value: Any, status: int = 200, *fields: tuple[str, str]) -> Script:
    """A JSON answer."""
    return whole(json.dumps(value).encode(), status, *fields)


def ready(**more: Any) -> Script:
    """A readyz of ours, as the fields say."""
    told = {"platform": "server", "version": "0", "access": "proxy-key", "streams": True, "warnings": []}
    return said({**told, **more})


MODELS = said({"data": [{"id": "text-embedding-3"}, {"id": "some-model"}]})
PAGE = whole(b"<html><h1>404</h1></html>", 404, kind="text/html")


def only_with_a_key(script: Script) -> Callable[[Received], Script]:
    """An answer for whoever sends this test's key, and a 401 for others."""

    def choose(received: Received) -> Script:
        if received.header("authorization") == f"Bearer {KEY}":
            return script
        return said({"error": {"message": "no", "type": "x", "param": None, "code": "y"}}, 401)

    return choose


LISTED: Table = {"GET /readyz": ready(), "GET /v1/models": only_with_a_key(MODELS)}
