"""Tencent SCF event function: one event in, one value out. It never streams, and the platform logs what it returns.

Sources: cloud.tencent.com/document/product/583/96099 (function URL), 583/12513 (API Gateway) and 583/52631 (CLB), read
2026-11-23.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from proxy import error_reply
from proxy.adapters import event_fields
from proxy.adapters.asyncio_host import FunctionInstance, Write
from proxy.adapters.log_output import write_line
from proxy.errors import BadRequest, NotCarried, ProxyError
from proxy.messages import Headers, Reply, Request
from proxy.platforms.limits import number
from proxy.streaming.envelope import Envelope

PLATFORM, KIND = "tencent", "event function"
_WEB_FUNCTION = "The owner can deploy the web function, which carries any content."


@dataclass(frozen=True, slots=True)
class Door:
    """A kind of event: its name, and whether its answer may be base64."""

    name: str
    base64: bool


FUNCTION_URL = Door("function URL", base64=False)
API_GATEWAY = Door("API Gateway", base64=True)
CLB = Door("CLB", base64=True)


def door_of(event: Any) -> Door:
    """The door that an event came through, by the field that only it has. Raises BadRequest for timers and queues."""
    names = {str(name).lower() for name in event_fields.mapping(event_fields.mapping(event).get("headers"))}
    if {"x-uri", "x-method"} <= names and "payload" in event:
        return CLB
    if "httpMethod" in event_fields.mapping(event):
        # The documents of function URLs promise no requestContext; the legacy gateway always sends one.
        return API_GATEWAY if "requestContext" in event else FUNCTION_URL
    raise BadRequest(
        "This function only answers HTTP: call it through its function URL. A timer, a queue or a test event without "
        "httpMethod and headers cannot be relayed.",
        code="unknown_event",
    )


class EventFunction(FunctionInstance):
    """The function. `environ` holds its settings."""

    platform = "tencent-scf-event"
    streams = False
    body_limit = int(number(PLATFORM, KIND, "request body"))
    region_variable = "TENCENTCLOUD_REGION"

    def __init__(self, environ: Mapping[str, str], write: Write = write_line) -> None:
        super().__init__(environ, write)

    def __call__(self, event: Any, context: Any, started: float | None = None) -> dict[str, Any]:
        """Answer one event. `started` is when it arrived, on the monotonic clock.

        Never raises: a failed invocation shows the caller nothing useful.
        """
        started = time.monotonic() if started is None else started
        context = event_fields.mapping(context)
        door = FUNCTION_URL  # answers an event that came through no door
        try:
            with event_fields.reading_event():
                door = door_of(event)
                request = to_request(event, door, _seconds_left(context, started))
        except ProxyError as error:
            return to_answer(error_reply.answer(error, self.host), door)
        if region := context.get("tencentcloud_region"):
            self.learn_region(str(region))
        return to_answer(self._loop.run_until_complete(self.answer(request)), door)


def to_request(event: Mapping[str, Any], door: Door, deadline: float | None) -> Request:
    """The event as a Request; `deadline` is in seconds. Raises as event_fields.build_request does."""
    headers = event_fields.read_headers(event.get("headers"))
    if door is CLB:
        path, _, query = (headers.get("x-uri") or "/").partition("?")
        method, body = headers.get("x-method") or "GET", event.get("payload")
    else:
        path, method, body = str(event.get("path") or "/"), str(event.get("httpMethod")), event.get("body")
        parameters = event.get("queryString")
        if parameters is None:
            parameters = event.get("queryStringParameters")
        query = parameters if isinstance(parameters, str) else event_fields.build_query(event_fields.pairs(parameters))
    headers.remove("accept-encoding")  # the answer must be text, which a compressed body is not
    is_base64 = event.get("isBase64Encoded")
    request = event_fields.build_request(
        method, path, query, headers, body, is_base64=is_base64, deadline=deadline, advice=_WEB_FUNCTION
    )
    request.envelope = _envelope(door)
    return request


def to_answer(reply: Reply, door: Door) -> dict[str, Any]:
    """The value to return for a reply, or for the error that says why the platform cannot carry it."""
    try:
        answer = _answer(reply, door)
        event_fields.check_size(answer, _envelope(door))
    except ProxyError as error:
        kept = [pair for pair in reply.headers if pair[0].startswith(("x-sluice-", "access-control-", "vary"))]
        return _answer(Reply(error.status, Headers([*kept, *error.headers()]), error.body()), door)
    return answer


def _answer(reply: Reply, door: Door) -> dict[str, Any]:
    body = cast("bytes", reply.body)  # complete, because the host does not stream
    answer: dict[str, Any] = {"isBase64Encoded": False} if door.base64 else {}
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        if not door.base64:
            raise NotCarried(f"Tencent's {door.name}") from None
        text, answer["isBase64Encoded"] = base64.b64encode(body).decode("ascii"), True
    headers = event_fields.join_headers(reply.headers)
    headers.pop("content-length", None)  # the platform counts what it sends
    return {**answer, "statusCode": reply.status, "headers": headers, "body": text}


def _envelope(door: Door) -> Envelope:
    limit = int(number(PLATFORM, KIND, "response body"))
    return Envelope(limit, "a Tencent event function", escapes=True, base64=door.base64)


def _seconds_left(context: Mapping[str, Any], started: float) -> float | None:
    """The function's time limit less the time since `started`. The platform has no call for the remaining time."""
    limit = context.get("time_limit_in_ms")
    if not isinstance(limit, (int, float)) or not 0 < limit < 1e12:
        return None
    return max(0.0, limit / 1000 - (time.monotonic() - started))
