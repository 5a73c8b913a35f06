"""Runs the doctor against real servers, and builds servers that misbehave."""

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
from tests.support.case import Ask
from tests.support.events import LambdaContext, event
from tests.support.server import Running
from tests.support.upstream import Received, Script, whole

KEY = "canary-3f9c1b-proxy-key"
GUARDED = {"DEMO": "1", "PROXY_KEY": KEY}
Table = dict[str, Script | Callable[[Received], Script]]


@dataclass
class Findings:
    """What the doctor reported."""

    all: list[Finding]

    @property
    def codes(self) -> list[str]:
        return [finding.code for finding in self.all]

    @property
    def bad(self) -> list[str]:
        """The codes of problems and warnings."""
        return [finding.code for finding in self.all if finding.state in ("failed", "warning")]

    def of(self, code: str) -> dict[str, Any]:
        """The values of one finding."""
        (finding,) = [finding for finding in self.all if finding.code == code]
        return finding.values


def new_report() -> Report:
    return Report(lambda _: None, lambda _: None)


def findings_of(report: Report) -> Findings:
    """A report's findings, after checking that each has its texts and that none shows a key."""
    shown = json.dumps([[each.text("en"), each.text("zh"), each.values] for each in report.findings])
    assert KEY not in shown
    return Findings(report.findings)


def probe(url: str, key: str | Keys = KEY, context: ssl.SSLContext | None = None, **more: Any) -> Findings:
    """Probe one endpoint."""
    report = new_report()
    keys = key if isinstance(key, Keys) else Keys(key, "a test")
    report.hide([keys.given, keys.proxy, keys.own])
    remote.examine(remote.Probe(url, keys, **more), report, context or ssl.create_default_context())
    return findings_of(report)


@contextlib.contextmanager
def running(app: Any) -> Iterator[str]:
    """Serve an ASGI app on a free port, not by our server, which would call `app.respond`; its address."""
    server = Running(app, "plain")
    try:
        yield server.url
    finally:
        server.close()


def adding(app: Any, *headers: tuple[bytes, bytes]) -> Any:
    """Add headers to each request, as a platform does."""

    async def front(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope = {**scope, "headers": [*scope["headers"], *headers]}
        await app(scope, receive, send)

    return front


def changing(app: Any, change: Callable[[Any], list[Any]]) -> Any:
    """Replace each message that the app sends, as a proxy in between might."""

    async def front(scope: Any, receive: Any, send: Any) -> None:
        async def sent(message: Any) -> None:
            for changed in change(message) if scope["type"] == "http" else [message]:
                await send(changed)

        await app(scope, receive, sent)

    return front


def without(*names: bytes) -> Callable[[Any], list[Any]]:
    """For `changing`: remove these headers from responses."""

    def change(message: Any) -> list[Any]:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [pair for pair in message["headers"] if pair[0].lower() not in names]}
        return [message]

    return change


class EventFront:
    """Serves a buffered event function over HTTP, one call at a time as the platform does."""

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
        request = event(self._door, Ask(scope["method"], scope["path"], headers, body))
        loop = asyncio.get_running_loop()
        reply = await loop.run_in_executor(self._thread, lambda: self._function(request, self._context()))
        fields = [(name.lower().encode(), str(value).encode()) for name, value in reply["headers"].items()]
        await send({"type": "http.response.start", "status": reply["statusCode"], "headers": fields})
        await send({"type": "http.response.body", "body": reply["body"].encode()})


def answers(table: Table, otherwise: Script) -> Callable[[Received], Script]:
    """For the scripted upstream: a script for each 'METHOD /path', and one for everything else."""

    def choose(received: Received) -> Script:
        script = table.get(f"{received.method} {received.target}", otherwise)
        return script(received) if callable(script) else script

    return choose


def answer(value: Any, status: int = 200, *fields: tuple[str, str]) -> Script:
    """A response with a JSON body."""
    return whole(json.dumps(value).encode(), status, *fields)


def ready(**more: Any) -> Script:
    """What our `/readyz` answers, with these fields changed."""
    fields = {"platform": "server", "version": "0", "access": "proxy-key", "streams": True, "warnings": []}
    return answer({**fields, **more})


MODELS = answer({"data": [{"id": "text-embedding-3"}, {"id": "some-model"}]})
PAGE = whole(b"<html><h1>404</h1></html>", 404, kind="text/html")


def only_with_a_key(script: Script) -> Callable[[Received], Script]:
    """This script for the test's key, and a 401 for any other."""

    def choose(received: Received) -> Script:
        if received.header("authorization") == f"Bearer {KEY}":
            return script
        return answer({"error": {"message": "no", "type": "x", "param": None, "code": "y"}}, 401)

    return choose


LISTED: Table = {"GET /readyz": ready(), "GET /v1/models": only_with_a_key(MODELS)}
