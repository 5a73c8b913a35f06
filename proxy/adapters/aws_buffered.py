"""AWS Lambda, buffered: mangum around our ASGI app, for function URLs, both API Gateways and load balancers.

mangum takes the event apart and puts the answer together. What it gets wrong for a relay is put right around it: our
own loop before each call, unknown events answered here, paths and queries as they stood in the event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, cast

from proxy import error_reply
from proxy.adapters import aws_events
from proxy.adapters.asgi import App, Scope
from proxy.adapters.aws_events import Door
from proxy.adapters.log_output import write_line
from proxy.errors import BadRequest, BodyTooLarge, ConfigError, ProxyError, ResponseTooLarge
from proxy.messages import Headers, Reply, Request
from proxy.platforms.limits import number
from proxy.streaming.envelope import Envelope, fits

# mangum matches by containment and makes base64 of everything else.
TEXT_TYPES = [
    "text/",
    "application/json",
    "application/javascript",
    "application/xml",
    "application/x-ndjson",
    "application/problem+json",
    "application/jsonl",
]
# The managed runtimes whose awslambdaric writes Chinese as it is; elsewhere (older ones, images of one's own) it takes
# six bytes for three. It looks at this variable too (lambda_runtime_marshaller.py of awslambdaric 4.2.2).
_RUNTIME_VARIABLE = "AWS_EXECUTION_ENV"
_RAW_RUNTIMES = tuple(f"AWS_Lambda_python3.{minor}" for minor in (12, 13, 14, 15))


class LambdaApp(App):
    """Takes the request from the event itself, for mangum's scope has lost some of it."""

    platform = "aws-lambda-buffered"
    warms_counting = False
    streams = False
    sees_disconnect = False
    body_limit = int(number("aws", "function URL", "request body"))
    stops_on_mistake = False

    def request(self, scope: Scope, request: Request) -> Request:
        """The one that BufferedFunction has made."""
        made: Request = scope["sluice.request"]
        return made

    def fit(self, headers: Headers) -> None:
        """Drop what cannot be carried: mangum reads values as UTF-8 and HTTP's are Latin-1; the length is Lambda's.

        mangum calls a body without a type JSON, which is worse than to call it unknown.
        """
        headers.remove_all({name for name, value in headers if name == "content-length" or not value.isascii()})
        if "content-type" not in headers:
            headers.set("content-type", "application/octet-stream")


class BufferedFunction:
    """The function for the life of its instance."""

    def __init__(self, environ: Mapping[str, str], write: Callable[[str], None] = write_line) -> None:
        from mangum import Mangum  # the streaming function never pays for it

        self.app = LambdaApp(environ, write=write)
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        self._mangum = Mangum(self._with_request, lifespan="off", text_mime_types=TEXT_TYPES)
        self._request = Request("GET", "/", "", Headers())
        self._escapes = environ.get(_RUNTIME_VARIABLE) not in _RAW_RUNTIMES

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        """Answer one event. Never raises: a failed invocation shows the caller nothing useful."""
        door = aws_events.door_of(event)
        # mangum looks the loop up itself, and any `asyncio.run()` in between would have left none behind.
        asyncio.set_event_loop(self._loop)
        try:
            if door is None:
                raise aws_events.unknown_event()
            answer = self._answer(event, context, door)
            self._check_size(answer, door)
        except ProxyError as error:
            return _told(error_reply.answer(error, self.app.host))
        return answer

    def close(self) -> None:
        """Close connections and the loop; the platform never does, it just stops the instance."""
        self._loop.run_until_complete(self.app.aclose())
        self._loop.close()

    def _read(self, event: Any, context: Any, door: Door) -> Request:
        """The event as a Request. Raises BadRequest, and BodyTooLarge where this door takes less than the function."""
        left = aws_events.seconds_left(event, door, _function_left(context), self.app.host.clock.wall())
        request = aws_events.to_request(event, door, left)
        request.envelope = envelope(door, self._escapes)
        if len(cast("bytes", request.body)) > door.request_limit:
            raise BodyTooLarge(door.request_limit, f"AWS Lambda behind {door.name}")
        return request

    def prepare(self) -> None:
        """Do before the first call what it would otherwise wait for; a wrong setting is told by each call."""
        with suppress(ConfigError):
            self.app.start()

    def _answer(self, event: Any, context: Any, door: Door) -> dict[str, Any]:
        try:
            self._request = self._read(event, context, door)
            answer: dict[str, Any] = self._mangum(event, context)
        except ProxyError:
            raise
        except Exception as error:  # an event that only looks like one: mangum reads it without defaults
            raise BadRequest(
                f"The event cannot be read ({type(error).__name__}). Call this function over HTTP.", code="bad_event"
            ) from None
        return answer

    async def _with_request(self, scope: Scope, receive: Any, send: Any) -> None:
        scope["sluice.request"] = self._request
        await self.app(scope, receive, send)

    def _check_size(self, answer: dict[str, Any], door: Door) -> None:
        """Raise ResponseTooLarge before Lambda would: the runtime exits then, and the next call is cold."""
        limit = int(number("aws", door.name, "response body"))
        if not fits(answer, limit, self._escapes):
            raise ResponseTooLarge(limit, f"AWS Lambda behind {door.name}")


def envelope(door: Door, escapes: bool) -> Envelope:
    """What Lambda makes of an answer for this door."""
    limit = int(number("aws", door.name, "response body"))
    return Envelope(limit, f"AWS Lambda behind {door.name}", escapes, base64=True, texts=tuple(TEXT_TYPES))


def _told(reply: Reply) -> dict[str, Any]:
    body = cast("bytes", reply.body).decode()
    return {"statusCode": reply.status, "headers": dict(reply.headers), "body": body, "isBase64Encoded": False}


def _function_left(context: Any) -> float | None:
    """Seconds, by the context's own word; None for a context without it."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    return remaining() / 1000 if callable(remaining) else None
