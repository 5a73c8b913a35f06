"""The endpoint as a caller has it: one client whose answers are looked at, however wrong they are."""

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

SECONDS = 60.0  # the longest silence that is waited for: twice what the strictest gateway grants
TOTAL_SECONDS = 90.0  # the longest that one call may take, however lively it is
READ_MOST = 2_000_000
TIMEOUT = "timeout"


@dataclass
class Heard:
    """One answer. `status` is 0 and `lost` says why when there was none; times are seconds on time.time's clock."""

    status: int = 0
    headers: httpx.Headers = field(default_factory=httpx.Headers)
    body: bytes = b""
    began: float = 0.0
    seconds: float = 0.0
    local_port: Any = None
    lost: str = ""

    @property
    def ms(self) -> int:
        return round(self.seconds * 1000)

    @property
    def json(self) -> dict[str, Any]:
        """The body's JSON object, {} for anything else."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def error(self) -> dict[str, Any]:
        """OpenAI's `error` object, {} where there is none."""
        found = self.json.get("error")
        return found if isinstance(found, dict) else {}

    @property
    def what(self) -> str:
        """The answer in a few words that need no translation."""
        if not self.status:
            return self.lost
        if message := self.error.get("message"):
            return f"HTTP {self.status}, {message}"
        kind = self.headers.get("content-type", "").partition(";")[0]
        moved = self.headers.get("location")
        return ", ".join(part for part in (f"HTTP {self.status}", kind, f"→ {moved}" if moved else "") if part)


@final
class Deadline:
    """The end of one call, whatever still drips in: once it has come, `passed` is true and no read waits any longer.

    A client's time-outs are for one read each, also while a head comes in, where nobody else could look at a clock.
    So the deadline shuts the `sockets` down from a thread of its own.
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

    def note(self, event: str, told: dict[str, Any]) -> None:
        """For the client's `trace`: remember each connection (www.encode.io/httpcore/extensions/#trace)."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._sockets.append(told["return_value"].get_extra_info("socket"))
            if self.passed:
                self._end()

    def _end(self) -> None:
        self.passed = True
        for one in self._sockets:
            with contextlib.suppress(OSError):  # closed long since
                socket.socket.shutdown(one, socket.SHUT_RDWR)  # SSLSocket's own would pull TLS away from the reader


class _AsTheEngine(httpx.BaseTransport):
    """Goes through the outbound proxies that Sluice's own calls would go through."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._transports: dict[OutboundProxy | None, httpx.HTTPTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        found = proxy_for(str(request.url))
        if found is not None and not found.is_usable:
            raise httpx.UnsupportedProtocol(f"{found.variable}: {found.shown}")
        if found not in self._transports:
            self._transports[found] = httpx.HTTPTransport(verify=self._context, proxy=found.url if found else None)
        return self._transports[found].handle_request(request)

    def close(self) -> None:
        for one in self._transports.values():
            one.close()


class Door:
    """Calls below `root`, the base URL without its /v1. `key` is the caller's, or ''. `straight` uses no proxy."""

    def __init__(
        self,
        root: str,
        key: str,
        context: ssl.SSLContext,
        seconds: float = SECONDS,
        total: float = TOTAL_SECONDS,
        *,
        straight: bool = False,
    ) -> None:
        self.root, self.key, self._total = root, key, total
        self._sockets: list[socket.socket] = []
        self.client = httpx.Client(
            transport=httpx.HTTPTransport(verify=context) if straight else _AsTheEngine(context),
            timeout=httpx.Timeout(seconds, connect=10.0),
            headers={"accept-encoding": "identity", "user-agent": f"sluice-doctor/{__version__}"},
        )

    def deadline(self) -> Deadline:
        """For one call: what is to end it. Its `note` belongs into the call's extensions as `trace`."""
        return Deadline(self._total, self._sockets)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def authorised(self, key: str | None = None) -> dict[str, str]:
        """The header that carries `key`, or this door's own."""
        sent = self.key if key is None else key
        return {"authorization": f"Bearer {sent}"} if sent else {}

    def ask(self, path: str, method: str = "GET", *, key: str | None = None, **more: Any) -> Heard:
        """One whole call; `path` begins with a slash, or is a whole address. Raises nothing."""
        headers = {**self.authorised(key), **more.pop("headers", {})}
        url = path if "://" in path else self.root + path
        began, started = time.time(), time.monotonic()
        heard = Heard(began=began)
        deadline = self.deadline()
        traced = {"trace": deadline.note}
        try:
            with deadline, self.client.stream(method, url, headers=headers, extensions=traced, **more) as response:
                heard.status, heard.headers = response.status_code, response.headers
                stream = response.extensions.get("network_stream")
                heard.local_port = stream.get_extra_info("client_addr") if stream else None
                for piece in response.iter_raw():
                    heard.body += piece
                    if len(heard.body) > READ_MOST or deadline.passed:
                        break
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            heard.status, heard.lost = 0, reason(error)
        if deadline.passed:
            heard.status, heard.lost = 0, TIMEOUT
        heard.seconds = time.monotonic() - started
        return heard


def reason(error: Exception) -> str:
    """Why there is no answer, short."""
    return TIMEOUT if isinstance(error, httpx.TimeoutException) else str(error) or type(error).__name__
