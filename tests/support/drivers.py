"""One driver for each adapter: it asks as a caller would and gives back what a caller gets."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from typing import Protocol

import pytest

from proxy.adapters.aliyun_fc import FcApp
from proxy.adapters.aws_buffered import BufferedFunction
from proxy.adapters.azure_functions import FunctionsApp
from proxy.adapters.cloudrun import CloudRunApp
from proxy.adapters.edgeone import EdgeOneApp
from proxy.adapters.scf_event import EventFunction
from proxy.adapters.scf_web import ScfWebApp
from proxy.cli.lambda_simulator import LambdaFront
from tests.conftest import Serve
from tests.support import aliyun, azure, cloudrun, edgeone, vercel
from tests.support.case import BINARY, DISCONNECTS, DOTS, RAW_PATH, REWRITES, STREAMS, Ask
from tests.support.client import Result, call
from tests.support.events import LambdaContext, event
from tests.support.paths import ROOT
from tests.support.server import Running, close_all
from tests.support.workers import Workers


class Driver(Protocol):
    """`can` names what the door is able to do; cases that need more are not run through it.

    `function` is its function's name in the registry of platforms.
    """

    function: str
    can: frozenset[str]

    def ask(self, ask: Ask, settings: tuple[tuple[str, str], ...]) -> Result:
        """Make the call against a function with these settings."""

    def close(self) -> None:
        """Stop what was started."""


class ScfWebDriver:
    """Tencent's web function: its app behind the server that it starts, with the headers that the platform adds."""

    function = "tencent-scf-web"
    can = frozenset({STREAMS, DISCONNECTS, REWRITES, BINARY, RAW_PATH, DOTS})

    def __init__(self, serve: Serve) -> None:
        self._serve = serve

    def ask(self, ask: Ask, settings: tuple[tuple[str, str], ...]) -> Result:
        added = (("X-Scf-Timeout", "300000"), ("X-Scf-Region", "ap-singapore"), ("X-Scf-Remote-Addr", "192.0.2.1:9"))
        port = self._serve(ScfWebApp, **dict(settings)).port
        return call(port, ask.method, ask.path, (*ask.headers, *added), ask.body)

    def close(self) -> None:
        """The servers are stopped by those who gave them."""


class AliyunFcDriver:
    """Aliyun's web function: its app behind the server that it starts, with the headers that the platform adds."""

    function = "aliyun-fc"
    can = frozenset({STREAMS, DISCONNECTS, REWRITES, BINARY, RAW_PATH, DOTS})

    def __init__(self, serve: Serve) -> None:
        self._serve = serve

    def ask(self, ask: Ask, settings: tuple[tuple[str, str], ...]) -> Result:
        port = self._serve(FcApp, **dict(settings)).port
        return call(port, ask.method, ask.path, (*ask.headers, *aliyun.ADDED), ask.body)

    def close(self) -> None:
        """The servers are stopped by those who gave them."""


class ScfEventDriver:
    """Tencent's event function, called with events of one door."""

    function = "tencent-scf-event"
    door = "scf-function-url"
    can = frozenset({REWRITES, RAW_PATH, DOTS})

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
    can = frozenset({REWRITES, RAW_PATH, DOTS, BINARY})


class LambdaDriver:
    """The buffered Lambda function, called with events of one door."""

    function = "aws-lambda-buffered"
    door = "aws-function-url"
    can = frozenset({REWRITES, RAW_PATH, DOTS, BINARY})

    def __init__(self, serve: Serve) -> None:
        self._functions: dict[tuple[tuple[str, str], ...], BufferedFunction] = {}

    def ask(self, ask: Ask, settings: tuple[tuple[str, str], ...]) -> Result:
        if settings not in self._functions:
            self._functions[settings] = BufferedFunction(dict(settings), write=lambda _: None)
        answer = self._functions[settings](event(self.door, ask), LambdaContext(300))
        assert json.loads(json.dumps(answer)) == answer, "the platform could not carry this"
        body = base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"].encode()
        headers = [(name.lower(), value) for name, value in (answer.get("headers") or {}).items()]
        headers += [(n.lower(), one) for n, all_ in (answer.get("multiValueHeaders") or {}).items() for one in all_]
        return Result(answer["statusCode"], headers, [body])

    def close(self) -> None:
        for function in self._functions.values():
            function.close()


class RestApiDriver(LambdaDriver):
    """The same behind API Gateway's REST API (version 1.0 events)."""

    door = "aws-rest-api"


class HttpApiDriver(LambdaDriver):
    """The same behind API Gateway's HTTP API, on a stage with a name."""

    door = "aws-http-api"


class AlbDriver(LambdaDriver):
    """The same behind a load balancer."""

    door = "aws-alb"


class LambdaStreamDriver:
    """The streaming Lambda function in processes of its own, behind the simulator of the Runtime API."""

    function = "aws-lambda-stream"
    can = frozenset({STREAMS, REWRITES, BINARY, RAW_PATH, DOTS})

    def __init__(self, serve: Serve) -> None:
        self._fronts: dict[tuple[tuple[str, str], ...], Running] = {}

    def ask(self, ask: Ask, settings: tuple[tuple[str, str], ...]) -> Result:
        if settings not in self._fronts:
            clean = {name: value for name, value in os.environ.items() if name.startswith(("PATH", "COVERAGE", "HOME"))}
            environ = {**clean, "PYTHONPATH": str(ROOT), "LOG_LEVEL": "off", **dict(settings)}
            self._fronts[settings] = Running(LambdaFront(environ))
        return call(self._fronts[settings].port, ask.method, ask.path, ask.headers, ask.body)

    def close(self) -> None:
        close_all(self._fronts.values())


class WorkersDriver:
    """The built Worker under Pyodide; guarded, each piece of an answer passes through Python."""

    function = "cloudflare"
    can = frozenset({STREAMS, DISCONNECTS, BINARY, RAW_PATH})

    def __init__(self, workers: Workers, guarded: bool) -> None:
        self.can = self.can | {REWRITES} if guarded else self.can
        self._workers = workers
        self._more = {"STREAM_GUARD": "1"} if guarded else {}

    def ask(self, ask: Ask, settings: tuple[tuple[str, str], ...]) -> Result:
        return call(self._workers.at({**dict(settings), **self._more}), ask.method, ask.path, ask.headers, ask.body)

    def close(self) -> None:
        """The host is stopped by those who gave it."""


class AsgiDriver:
    """The ASGI adapter behind real uvicorn, over a real socket."""

    function = "server"
    engine = "direct"
    can = frozenset({STREAMS, DISCONNECTS, REWRITES, BINARY, RAW_PATH, DOTS})

    def __init__(self, serve: Serve) -> None:
        self._serve = serve

    def ask(self, ask: Ask, settings: tuple[tuple[str, str], ...]) -> Result:
        return call(
            self._serve(UPSTREAM_ENGINE=self.engine, **dict(settings)).port, ask.method, ask.path, ask.headers, ask.body
        )

    def close(self) -> None:
        """The servers are stopped by those who gave them."""


class AsgiHttpxDriver(AsgiDriver):
    """The same with httpx to the upstream, which outbound proxies need."""

    engine = "httpx"


class VercelDriver:
    """Vercel's function in processes of its own: its app behind the uvicorn of Vercel's own runtime."""

    function = "vercel"
    can = frozenset({STREAMS, DISCONNECTS, REWRITES, BINARY, RAW_PATH, DOTS})

    def __init__(self, serve: Serve) -> None:
        self._functions: dict[tuple[tuple[str, str], ...], vercel.Function] = {}

    def ask(self, ask: Ask, settings: tuple[tuple[str, str], ...]) -> Result:
        if settings not in self._functions:
            self._functions[settings] = vercel.Function(dict(settings))
        port = self._functions[settings].port
        result = call(port, ask.method, ask.path, (*ask.headers, *vercel.headers()), ask.body)
        # Vercel's proxy writes its own name there.
        result.headers = [pair for pair in result.headers if pair != ("server", "uvicorn")]
        return result

    def close(self) -> None:
        for function in self._functions.values():
            function.close()
            print(function.log)  # where the other functions' processes have written it


class AzureDriver:
    """Azure's function: its app behind the server that it starts, with what the platform makes of a call."""

    function = "azure-functions"
    can = frozenset({STREAMS, DISCONNECTS, REWRITES, BINARY, RAW_PATH, DOTS})

    def __init__(self, serve: Serve) -> None:
        self._serve = serve

    def ask(self, ask: Ask, settings: tuple[tuple[str, str], ...]) -> Result:
        ask = azure.passed_on(ask)
        return call(self._serve(FunctionsApp, **dict(settings)).port, ask.method, ask.path, ask.headers, ask.body)

    def close(self) -> None:
        """The servers are stopped by those who gave them."""


class CloudRunDriver:
    """The service: its app behind the server that it starts, with the headers that Google's front end adds."""

    function = "cloudrun"
    can = frozenset({STREAMS, DISCONNECTS, REWRITES, BINARY, RAW_PATH, DOTS})

    def __init__(self, serve: Serve) -> None:
        self._serve = serve

    def ask(self, ask: Ask, settings: tuple[tuple[str, str], ...]) -> Result:
        port = self._serve(CloudRunApp, **dict(settings)).port
        return call(port, ask.method, ask.path, (*ask.headers, *cloudrun.ADDED), ask.body)

    def close(self) -> None:
        """The servers are stopped by those who gave them."""


class EdgeOneDriver:
    """EdgeOne's function: its app behind a server, with the headers that the platform adds.

    tests/deploy/test_edgeone_build.py runs the same cases behind the platform's own runtime.
    """

    function = "edgeone"
    can = frozenset({STREAMS, DISCONNECTS, REWRITES, BINARY, RAW_PATH, DOTS})

    def __init__(self, serve: Serve) -> None:
        self._serve = serve

    def ask(self, ask: Ask, settings: tuple[tuple[str, str], ...]) -> Result:
        port = self._serve(EdgeOneApp, **dict(settings)).port
        return call(port, ask.method, ask.path, (*ask.headers, *edgeone.ADDED), ask.body)

    def close(self) -> None:
        """The servers are stopped by those who gave them."""


# All but the Worker, which takes the host that runs it.
DRIVERS: dict[str, Callable[[Serve], Driver]] = {
    "asgi": AsgiDriver,
    "asgi-httpx": AsgiHttpxDriver,
    "scf-web": ScfWebDriver,
    "scf-event": ScfEventDriver,
    "scf-gateway": ScfGatewayDriver,
    "aliyun-fc": AliyunFcDriver,
    "aws-function-url": LambdaDriver,
    "aws-http-api": HttpApiDriver,
    "aws-rest-api": RestApiDriver,
    "aws-alb": AlbDriver,
    "aws-stream": LambdaStreamDriver,
    "vercel": VercelDriver,
    "azure-functions": AzureDriver,
    "cloudrun": CloudRunDriver,
    "edgeone": EdgeOneDriver,
}

_PYODIDE = pytest.mark.any_python("Pyodide brings the Python that runs the Worker")
_LAMBDA = pytest.mark.any_python("the Lambda bundle needs Python 3.12; here the function URL stands for its doors")
_NEWER = pytest.mark.any_python("its bundle brings Python 3.12 or newer; here the SCF web function stands for it")
_ONCE = {
    **dict.fromkeys(("workers", "workers-guarded"), _PYODIDE),
    "vercel": pytest.mark.any_python("Vercel's runtime needs Python 3.12"),
    **dict.fromkeys(("aliyun-fc", "azure-functions", "cloudrun"), _NEWER),
    **dict.fromkeys(("aws-http-api", "aws-rest-api", "aws-alb", "aws-stream"), _LAMBDA),
}
# The names of all, as parameters of a test.
EVERY_DRIVER = [pytest.param(name, marks=_ONCE.get(name, ())) for name in (*DRIVERS, "workers", "workers-guarded")]
