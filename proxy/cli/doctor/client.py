"""An HTTP client for the endpoint under test: it calls as an app would, and never raises over a bad response."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from typing import Any, final

import httpx

from proxy import __version__
from proxy.transports.outbound import OutboundProxy, proxy_for

SILENCE_SECONDS = 60.0  # how long to wait for the next byte: twice what the strictest gateway allows
CALL_SECONDS = 90.0  # how long one call may take, even if bytes keep coming
MAX_RESPONSE_BYTES = 2_000_000
TIMEOUT = "timeout"


@dataclass
class Response:
    """One response. Without one, `status` is 0 and `failure` says why. `started` is a Unix time."""

    status: int = 0
    headers: httpx.Headers = field(default_factory=httpx.Headers)
    body: bytes = b""
    started: float = 0.0
    seconds: float = 0.0
    local_port: Any = None
    failure: str = ""

    @property
    def ms(self) -> int:
        return round(self.seconds * 1000)

    @property
    def json(self) -> dict[str, Any]:
        """The body as a JSON object; {} if it is anything else."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def error(self) -> dict[str, Any]:
        """OpenAI's `error` object; {} if there is none."""
        error = self.json.get("error")
        return error if isinstance(error, dict) else {}

    @property
    def summary(self) -> str:
        """The response in a few words that need no translation."""
        if not self.status:
            return self.failure
        if message := self.error.get("message"):
            return f"HTTP {self.status}, {message}"
        content_type = self.headers.get("content-type", "").partition(";")[0]
        location = self.headers.get("location")
        code = self.headers.get("x-vercel-error", "")
        parts = (f"HTTP {self.status}", code, content_type, f"→ {location}" if location else "")
        return ", ".join(part for part in parts if part)


@final
class Deadline:
    """Ends one call after `seconds`, even while bytes keep coming in. `passed` says whether it has.

    httpx's time-outs cover single reads only, and it offers no hook while it reads a response's head. So a timer
    thread shuts the `sockets` down.
    """

    def __init__(self, seconds: float, sockets: list[socket.socket]) -> None:
        self.passed = False
        self._sockets = sockets
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """Remember each new connection; pass it as httpx's `trace` (www.encode.io/httpcore/extensions/#trace)."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._sockets.append(info["return_value"].get_extra_info("socket"))
            if self.passed:
                self._end()

    def _end(self) -> None:
        self.passed = True
        for connection in self._sockets:
            with contextlib.suppress(OSError):  # already closed
                # SSLSocket.shutdown would drop the TLS layer while another thread is reading from it.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)


class _OutboundTransport(httpx.BaseTransport):
    """Uses the same outbound proxies as Sluice's own calls."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._transports: dict[OutboundProxy | None, httpx.HTTPTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        proxy = proxy_for(str(request.url))
        if proxy is not None and not proxy.is_usable:
            raise httpx.UnsupportedProtocol(f"{proxy.variable}: {proxy.shown}")
        if proxy not in self._transports:
            self._transports[proxy] = httpx.HTTPTransport(verify=self._context, proxy=proxy.url if proxy else None)
        return self._transports[proxy].handle_request(request)

    def close(self) -> None:
        for transport in self._transports.values():
            transport.close()


class Client:
    """Calls paths below `root`, the base URL without /v1. `key` is the caller's, or ''. `direct` skips proxies."""

    def __init__(
        self,
        root: str,
        key: str,
        context: ssl.SSLContext,
        silence_seconds: float = SILENCE_SECONDS,
        call_seconds: float = CALL_SECONDS,
        *,
        direct: bool = False,
    ) -> None:
        self.root, self.key, self._call_seconds = root, key, call_seconds
        self._sockets: list[socket.socket] = []
        self.http = httpx.Client(
            transport=httpx.HTTPTransport(verify=context) if direct else _OutboundTransport(context),
            timeout=httpx.Timeout(silence_seconds, connect=10.0),
            headers={"accept-encoding": "identity", "user-agent": f"sluice-doctor/{__version__}"},
        )

    def deadline(self) -> Deadline:
        """A deadline for one call. Pass its `trace` in the call's extensions."""
        return Deadline(self._call_seconds, self._sockets)

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def authorization(self, key: str | None = None) -> dict[str, str]:
        """The header that carries `key`, by default this client's own."""
        sent = self.key if key is None else key
        return {"authorization": f"Bearer {sent}"} if sent else {}

    def request(self, path: str, method: str = "GET", *, key: str | None = None, **options: Any) -> Response:
        """Make one call and read the whole response. `path` begins with a slash, or is a full URL. Never raises."""
        headers = {**self.authorization(key), **options.pop("headers", {})}
        url = path if "://" in path else self.root + path
        response = Response(started=time.time())
        started = time.monotonic()
        deadline = self.deadline()
        extensions = {"trace": deadline.trace}
        try:
            with deadline, self.http.stream(method, url, headers=headers, extensions=extensions, **options) as incoming:
                response.status, response.headers = incoming.status_code, incoming.headers
                connection = incoming.extensions.get("network_stream")
                response.local_port = connection.get_extra_info("client_addr") if connection else None
                for piece in incoming.iter_raw():
                    response.body += piece
                    if len(response.body) > MAX_RESPONSE_BYTES or deadline.passed:
                        break
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            response.status, response.failure = 0, describe(error)
        if deadline.passed:
            response.status, response.failure = 0, TIMEOUT
        response.seconds = time.monotonic() - started
        return response


def describe(error: Exception) -> str:
    """Why there is no response, in a few words."""
    return TIMEOUT if isinstance(error, httpx.TimeoutException) else str(error) or type(error).__name__
