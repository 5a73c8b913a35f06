"""AWS Lambda, buffered: mangum around a small ASGI app, for function URLs, both API Gateways and load balancers.

mangum builds the answer that each of these expects. It also turns the event into an ASGI scope, which loses what a
relay needs (encoded paths, repeated headers). The app therefore reads the event itself: mangum puts it into the scope,
with Lambda's context, as `aws.event` and `aws.context` (its README, "Event and context"; handlers of mangum 0.22.0).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from proxy import error_reply
from proxy.adapters import aws_events
from proxy.adapters.asyncio_host import FunctionInstance, Write
from proxy.adapters.aws_events import Door
from proxy.adapters.event_fields import check_size, reading_event
from proxy.adapters.log_output import write_line
from proxy.errors import BodyTooLarge, ProxyError
from proxy.messages import Headers, Request
from proxy.streaming.envelope import Envelope

# The content types that mangum sends as text, by containment. It sends everything else as base64.
TEXT_TYPES = [
    "text/",
    "application/json",
    "application/javascript",
    "application/xml",
    "application/x-ndjson",
    "application/problem+json",
    "application/jsonl",
]
# The managed runtimes whose awslambdaric writes Chinese as UTF-8. Elsewhere (older runtimes, container images) a
# character takes six bytes instead of three. awslambdaric decides by the same variable (4.2.2,
# lambda_runtime_marshaller.py).
_RUNTIME_VARIABLE = "AWS_EXECUTION_ENV"
_UTF8_RUNTIMES = tuple(f"AWS_Lambda_python3.{minor}" for minor in (12, 13, 14, 15))


class BufferedFunction(FunctionInstance):
    """The function. `environ` holds its settings."""

    platform = "aws-lambda-buffered"
    streams = False
    body_limit = aws_events.FUNCTION_BODY_LIMIT

    def __init__(self, environ: Mapping[str, str], write: Write = write_line) -> None:
        from mangum import Mangum  # the streaming function has no need of it

        super().__init__(environ, write)
        asyncio.set_event_loop(self._loop)
        self._mangum = Mangum(self._app, lifespan="off", text_mime_types=TEXT_TYPES)
        self._escapes = environ.get(_RUNTIME_VARIABLE) not in _UTF8_RUNTIMES

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        """Answer one event. Never raises: a failed invocation shows the caller nothing useful."""
        # mangum looks up the current loop, and any `asyncio.run()` in between leaves none behind.
        asyncio.set_event_loop(self._loop)
        try:
            door = aws_events.door_of(event)
            with reading_event():  # mangum reads the event without defaults
                answer: dict[str, Any] = self._mangum(event, context)
            check_size(answer, self._envelope(door))  # Lambda's runtime would exit, and the next call would be cold
        except ProxyError as error:
            reply = error_reply.answer(error, self.host)
            body = cast("bytes", reply.body).decode()
            headers = dict(reply.headers)
            return {"statusCode": reply.status, "headers": headers, "body": body, "isBase64Encoded": False}
        return answer

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI app that mangum calls."""
        try:
            with reading_event():
                request = self._request(scope["aws.event"], scope["aws.context"])
        except ProxyError as error:
            reply = error_reply.answer(error, self.host)
        else:
            reply = await self.answer(request)
        fit_headers(reply.headers)
        headers = [(name.encode(), value.encode()) for name, value in reply.headers]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    def _request(self, event: Mapping[str, Any], context: Any) -> Request:
        door = aws_events.door_of(event)
        remaining = getattr(context, "get_remaining_time_in_millis", None)
        function_left = remaining() / 1000 if callable(remaining) else None
        deadline = aws_events.seconds_left(event, door, function_left, self.host.clock.wall())
        request = aws_events.to_request(event, door, deadline)
        if len(cast("bytes", request.body)) > door.request_limit:
            raise BodyTooLarge(door.request_limit, f"AWS Lambda behind {door.name}")
        request.envelope = self._envelope(door)
        return request

    def _envelope(self, door: Door) -> Envelope:
        where = f"AWS Lambda behind {door.name}"
        return Envelope(door.response_limit, where, self._escapes, base64=True, texts=tuple(TEXT_TYPES))


def fit_headers(headers: Headers) -> None:
    """Drop the length, which is Lambda's to count, and values that mangum cannot read: it expects UTF-8, not Latin-1.

    Name the type of a body without one: mangum would call it JSON.
    """
    headers.remove_all({name for name, value in headers if name == "content-length" or not value.isascii()})
    if "content-type" not in headers:
        headers.set("content-type", "application/octet-stream")
