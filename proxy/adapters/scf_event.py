"""Tencent SCF event function: one event in, one value out. Never streams, and the platform logs what it returns.

Sources: cloud.tencent.com/document/product/583/96099 (Function URL), 583/12513 (API Gateway), 583/52631 (CLB), as
noted on 2026-11-23. Everything is read with defaults: headers come in any case, bodies as text, object or null.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote, urlencode

from proxy import error_reply, log, startup, transports
from proxy.adapters.asyncio_host import AsyncioClock
from proxy.adapters.ids import new_id
from proxy.adapters.log_output import write_line
from proxy.errors import BadRequest, ConfigError, NotCarried, ProxyError, ResponseTooLarge
from proxy.host import Capabilities, Host
from proxy.messages import Headers, Reply, Request
from proxy.platforms.limits import number
from proxy.relay import relay
from proxy.settings import config, regions
from proxy.streaming.envelope import Envelope, fits

PLATFORM = "tencent"
_PATH_SAFE = "/%:@!$&'()*+,;=~-._"
"""What stays as it is in a path; a door that decodes it gets it encoded again."""


@dataclass(frozen=True, slots=True)
class Door:
    """One kind of event: how it is told, and whether its answer may be base64."""

    name: str
    base64: bool


FUNCTION_URL = Door("function URL", base64=False)
API_GATEWAY = Door("API Gateway", base64=True)
CLB = Door("CLB", base64=True)


def door_of(event: Mapping[str, Any]) -> Door | None:
    """The door that an event came through, by the key that only it has; None for a timer, a queue, a test click."""
    names = {str(name).lower() for name in _mapping(event.get("headers"))}
    if {"x-uri", "x-method"} <= names and "payload" in event:
        return CLB
    if "httpMethod" not in event:
        return None
    # Function URL events promise no requestContext; the legacy gateway always sends one.
    return API_GATEWAY if "requestContext" in event else FUNCTION_URL


class EventFunction:
    """The function for the life of its instance: one event loop, one upstream, settings read at the first call."""

    def __init__(self, environ: Mapping[str, str], write: Callable[[str], None] = write_line) -> None:
        self._environ = environ
        self._config: config.Config | None = None
        self._upstream: transports.ClosableUpstream | None = None
        # One loop for the life of the process: kept connections belong to the loop that opened them.
        self._loop = asyncio.new_event_loop()
        self._host = Host(
            platform="tencent-scf-event",
            capabilities=Capabilities(
                streams=False,
                sees_disconnect=False,
                rewrites_stream=True,
                body_limit=int(number(PLATFORM, "event function", "request body")),
            ),
            clock=AsyncioClock(),
            new_id=new_id,
            choose=random.randrange,
            write=write,
            region=environ.get("TENCENTCLOUD_REGION") or None,
        )

    def prepare(self) -> None:
        """Do before the first call what it would otherwise wait for; a wrong setting is told by each call."""
        with suppress(ConfigError):
            self._start({})

    def __call__(self, event: Any, context: Any, started: float | None = None) -> dict[str, Any]:
        """Answer one event, which came in at `started` on the monotonic clock.

        Never raises: a failed invocation shows the caller nothing useful.
        """
        started = time.monotonic() if started is None else started
        door = door_of(event) if isinstance(event, Mapping) else None
        try:
            if door is None:
                raise BadRequest(
                    "This function only answers HTTP: call it through its function URL. A timer, a queue or a test "
                    "event without httpMethod and headers cannot be relayed.",
                    code="unknown_event",
                )
            settings, upstream = self._start(_mapping(context))
            request = self._read(event, door, _seconds_left(_mapping(context), started))
            request.envelope = envelope(door)
            reply = self._loop.run_until_complete(relay(request, settings, upstream, self._host))
            return to_answer(reply, door)
        except ProxyError as error:
            asked = Headers((str(name), "") for name in _mapping(_mapping(event).get("headers")))
            method = str(_mapping(event).get("httpMethod"))
            return to_answer(error_reply.answer(error, self._host, asked, method), door or FUNCTION_URL)

    def _read(self, event: Mapping[str, Any], door: Door, deadline: float | None) -> Request:
        try:
            return to_request(event, door, deadline)
        except ProxyError:
            raise
        except Exception as error:  # an event that only looks like one
            raise BadRequest(f"The event cannot be read ({type(error).__name__}).", code="bad_event") from None

    def close(self) -> None:
        """Close connections and the loop; a platform never does, it just stops the instance."""
        if self._upstream is not None:
            self._loop.run_until_complete(self._upstream.aclose())
        self._loop.close()

    def _start(self, context: Mapping[str, Any]) -> tuple[config.Config, transports.ClosableUpstream]:
        """The settings and the upstream, made at the first call. Raises ConfigError at each until they are right."""
        if self._config is None or self._upstream is None:
            loaded = startup.load_with_file(self._environ)
            self._upstream = transports.make(loaded, self._host)
            self._config = loaded
            self._warn(loaded)
        region = context.get("tencentcloud_region")
        if region and region != self._host.region:
            self._host.region = str(region)
            self._warn(self._config)
        return self._config, self._upstream

    def _warn(self, settings: config.Config) -> None:
        advice = regions.warning(self._host.region, settings)
        if advice:
            log.line(self._host, settings.log_level, "warning", {"event": "region", "message": advice})


def envelope(door: Door) -> Envelope:
    """What the platform makes of an answer for this door: Python's own JSON, in which Chinese takes twice the room."""
    limit = int(number(PLATFORM, "event function", "response body"))
    return Envelope(limit, "a Tencent event function", escapes=True, base64=door.base64)


def to_request(event: Mapping[str, Any], door: Door, deadline: float | None) -> Request:
    """The event as a Request. Raises BadRequest where its body is marked as base64 and is none, or has lost its end."""
    headers = Headers(
        (str(name), str(one))
        for name, value in _mapping(event.get("headers")).items()
        for one in (value if isinstance(value, list) else [value])
        if one is not None
    )
    if door is CLB:
        path, _, query = (headers.get("x-uri") or "/").partition("?")
        method, body = headers.get("x-method") or "GET", event.get("payload")
    else:
        path, method, body = str(event.get("path") or "/"), str(event.get("httpMethod")), event.get("body")
        given = event.get("queryString")
        if given is None:
            given = event.get("queryStringParameters")
        query = given if isinstance(given, str) else _query(_mapping(given))
    # The answer must be text: what a compressor makes of it is not.
    headers.remove("accept-encoding")
    request = Request(
        method=method.upper(),
        path=quote(path, safe=_PATH_SAFE, errors="replace"),
        query=quote(query, safe=_PATH_SAFE + "?", errors="replace"),
        headers=headers,
        body=_body(body, event.get("isBase64Encoded")),
        deadline=deadline,
        origin=f"https://{headers.get('host') or ''}",
    )
    if isinstance(body, (str, type(None))):  # an object is written anew, in another length
        request.check_complete(len(cast("bytes", request.body)))
    headers.remove("content-length")  # the body's length as it was before the platform took it apart
    return request


def to_answer(reply: Reply, door: Door) -> dict[str, Any]:
    """The reply as this door takes it, or the error that says why it cannot be carried."""
    try:
        answer = _answer(reply, door)
        limit = number(PLATFORM, "event function", "response body")
        if not fits(answer, int(limit), escapes=True):
            raise ResponseTooLarge(int(limit), "a Tencent event function")
    except ProxyError as error:
        return _answer(Reply(error.status, _replaced(reply.headers, error), error.body()), door)
    return answer


def _answer(reply: Reply, door: Door) -> dict[str, Any]:
    body = cast("bytes", reply.body)  # the host does not stream, so relay has collected it
    headers: dict[str, Any] = {}
    for name, value in reply.headers:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    headers.pop("content-length", None)  # the platform's own: it counts what it makes of this value
    answer: dict[str, Any] = {"isBase64Encoded": False} if door.base64 else {}
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        if not door.base64:
            raise NotCarried(f"Tencent's {door.name}") from None
        text, answer["isBase64Encoded"] = base64.b64encode(body).decode("ascii"), True
    return {**answer, "statusCode": reply.status, "headers": headers, "body": text}


def _replaced(headers: Headers, error: ProxyError) -> Headers:
    """Our own and the CORS headers of a reply that cannot be carried, and those of the error instead of the rest."""
    kept = [pair for pair in headers if pair[0].startswith(("x-sluice-", "access-control-", "vary"))]
    return Headers([*kept, *error.headers()])


def _body(body: Any, is_base64: Any) -> bytes:
    if body is None:
        return b""
    if not isinstance(body, str):
        return json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
    if str(is_base64).lower() != "true":
        return body.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        raise BadRequest("The event's body says that it is base64 and is not.", code="bad_event") from None


def _query(parameters: Mapping[str, Any]) -> str:
    return urlencode(
        {str(name): "" if value is None else value for name, value in parameters.items()}, doseq=True, errors="replace"
    )


def _seconds_left(context: Mapping[str, Any], started: float) -> float | None:
    """There is no remaining-time call on this platform: the limit less what has gone by since we were called."""
    limit = context.get("time_limit_in_ms")
    if not isinstance(limit, (int, float)) or not 0 < limit < 1e12:
        return None
    return max(0.0, limit / 1000 - (time.monotonic() - started))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
