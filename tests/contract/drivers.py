"""One driver for each adapter: it asks as a caller would and gives back what a caller gets."""

from __future__ import annotations

import base64
import json
from typing import Protocol

from proxy.adapters.scf_event import EventFunction
from proxy.adapters.scf_web import ScfWebApp
from tests.conftest import Serve
from tests.contract.case import BINARY, DISCONNECTS, RAW_PATH, REWRITES, STREAMS, Ask
from tests.support.client import Result, call
from tests.support.events import event


class Driver(Protocol):
    """`can` names what the door is able to do; cases that need more are not run through it."""

    can: frozenset[str]

    def ask(self, ask: Ask, settings: tuple[tuple[str, str], ...]) -> Result:
        """Make the call against a function with these settings."""

    def close(self) -> None:
        """Stop what was started."""


class ScfWebDriver:
    """Tencent's web function: its app behind the server that it starts, with the headers that the platform adds."""

    can = frozenset({STREAMS, DISCONNECTS, REWRITES, BINARY, RAW_PATH})

    def __init__(self, serve: Serve) -> None:
        self._serve = serve

    def ask(self, ask: Ask, settings: tuple[tuple[str, str], ...]) -> Result:
        added = (("X-Scf-Timeout", "300000"), ("X-Scf-Region", "ap-singapore"), ("X-Scf-Remote-Addr", "192.0.2.1:9"))
        port = self._serve(ScfWebApp, **dict(settings)).port
        return call(port, ask.method, ask.path, (*ask.headers, *added), ask.body)

    def close(self) -> None:
        """The servers are stopped by those who gave them."""


class ScfEventDriver:
    """Tencent's event function, called with events of one door."""

    door = "scf-function-url"
    can = frozenset({REWRITES, RAW_PATH})

    def __init__(self, serve: Serve) -> None:
        self._functions: dict[tuple[tuple[str, str], ...], EventFunction] = {}

    def ask(self, ask: Ask, settings: tuple[tuple[str, str], ...]) -> Result:
        if settings not in self._functions:
            self._functions[settings] = EventFunction(dict(settings), write=lambda _: None)
        answer = self._functions[settings](
            event(self.door, ask), {"time_limit_in_ms": 300_000, "memory_limit_in_mb": 256}
        )
        assert json.loads(json.dumps(answer)) == answer, "the platform could not carry this"
        body = answer["body"].encode()
        if answer.get("isBase64Encoded"):
            body = base64.b64decode(body)
        headers = [(name.lower(), value) for name, value in answer["headers"].items()]
        return Result(answer["statusCode"], headers, [body])

    def close(self) -> None:
        for function in self._functions.values():
            function.close()


class ScfGatewayDriver(ScfEventDriver):
    """The legacy API Gateway, which carries base64 both ways."""

    door = "scf-api-gateway"
    can = frozenset({REWRITES, RAW_PATH, BINARY})


class AsgiDriver:
    """The ASGI adapter behind real uvicorn, over a real socket."""

    can = frozenset({STREAMS, DISCONNECTS, REWRITES, BINARY, RAW_PATH})

    def __init__(self, serve: Serve) -> None:
        self._serve = serve

    def ask(self, ask: Ask, settings: tuple[tuple[str, str], ...]) -> Result:
        return call(self._serve(**dict(settings)).port, ask.method, ask.path, ask.headers, ask.body)

    def close(self) -> None:
        """The servers are stopped by those who gave them."""
