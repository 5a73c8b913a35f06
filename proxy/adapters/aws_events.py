"""AWS Lambda's events, which both of its adapters read: their doors, paths, queries and deadlines. Not an adapter.

Sources: docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html (function URL), services-apigateway.html (both
gateways), services-alb.html and gettingstarted-limits.html, read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from proxy.adapters.event_fields import build_query, build_request, mapping, pairs, read_headers
from proxy.errors import BadRequest
from proxy.messages import Request
from proxy.platforms.limits import number

PLATFORM = "aws"
FUNCTION_BODY_LIMIT = int(number(PLATFORM, "function URL", "request body"))
# Only API Gateway's REST APIs need to be told which bodies are binary
# (docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-payload-encodings.html, read 2026-11-26).
_AS_BINARY = (
    "The owner can add this type to the REST API's binary media types (multipart/form-data for uploads; */* for all), "
    "or use the streaming function's URL, which carries bytes as they are."
)


@dataclass(frozen=True, slots=True)
class Door:
    """A kind of event: its name in the table of limits, and its gateway's own time limit in seconds, if it has one."""

    name: str
    seconds: float | None

    @property
    def request_limit(self) -> int:
        """The largest request body in bytes."""
        return int(number(PLATFORM, self.name, "request body"))

    @property
    def response_limit(self) -> int:
        """The largest buffered response in bytes, as the JSON value that the function returns."""
        return int(number(PLATFORM, self.name, "response body"))


FUNCTION_URL = Door("function URL", None)
HTTP_API = Door("HTTP API", number(PLATFORM, "HTTP API", "time-out"))
REST_API = Door("REST API", number(PLATFORM, "REST API", "time-out"))
# With ResponseTransferMode STREAM the gateway waits for up to 15 minutes, which is the function's own limit too.
REST_STREAM = Door("REST API", None)
ALB = Door("ALB", None)


def door_of(event: Any, streaming: bool = False) -> Door:
    """The door that an event came through, by the field that only it has. Raises BadRequest if it is not HTTP."""
    context = mapping(mapping(event).get("requestContext"))
    if "elb" in context:
        return ALB
    if isinstance(context.get("http"), Mapping):
        # Both send version 2.0. A custom domain hides the gateway's name, but never a function URL's.
        return FUNCTION_URL if ".lambda-url." in str(context.get("domainName")) else HTTP_API
    # A v2 event behind a custom domain can have a `path` too. Only v1 has the method at the top.
    if context and "httpMethod" in event and "path" in event:
        return REST_STREAM if streaming else REST_API
    raise BadRequest(
        "This function only answers HTTP: call it through its function URL, an API Gateway or a load balancer. A test "
        "event without a request in it cannot be relayed.",
        code="unknown_event",
    )


def wire_path(event: Mapping[str, Any]) -> str:
    """The path as far as the event shows it, without the stage prefix. Some gateways have decoded it."""
    path = str(event.get("rawPath") or event.get("path") or "/")
    stage = mapping(event.get("requestContext")).get("stage")
    # Only v2 gateways leave the stage in the path. The slash: `/dev` must not match `/development`.
    if "rawPath" in event and stage and stage != "$default" and (path + "/").startswith(f"/{stage}/"):
        path = path[len(str(stage)) + 1 :] or "/"
    return path


def wire_query(event: Mapping[str, Any], door: Door) -> str:
    """The query as it was sent if the event has it raw, else rebuilt from its parameters."""
    if "rawQueryString" in event:
        return str(event["rawQueryString"] or "")
    parameters = pairs(event.get("multiValueQueryStringParameters") or event.get("queryStringParameters"))
    if door is ALB:  # load balancers do not decode parameters
        parameters = [
            (unquote_plus(name), "" if value is None else unquote_plus(str(value))) for name, value in parameters
        ]
    return build_query(parameters)


def seconds_left(event: Mapping[str, Any], door: Door, function_left: float | None, wall: float) -> float | None:
    """Seconds until the function or its gateway times out, whichever comes first; None if neither does.

    The gateway counts from the time in the event, which is before our cold start. `wall` is Unix time in seconds.
    """
    limits = [] if function_left is None else [function_left]
    if door.seconds is not None:
        context = mapping(event.get("requestContext"))
        started = context.get("timeEpoch") or context.get("requestTimeEpoch")
        waited = max(0.0, wall - started / 1000) if isinstance(started, (int, float)) else 0.0
        # A clock that is minutes off, or a recorded event, must not end every call before it starts.
        limits.append(door.seconds - (waited if waited < door.seconds else 0.0))
    return max(0.0, min(limits)) if limits else None


def to_request(event: Mapping[str, Any], door: Door, deadline: float | None) -> Request:
    """The event as a Request; `deadline` is in seconds. Raises as event_fields.build_request does."""
    method = mapping(mapping(event.get("requestContext")).get("http")).get("method") or event.get("httpMethod")
    headers = read_headers(mapping(event.get("multiValueHeaders")) or event.get("headers"))
    if door is REST_API:  # it carries text, unless it has binary media types, which no event tells
        headers.remove("accept-encoding")
    path, query, body = wire_path(event), wire_query(event, door), event.get("body")
    is_base64 = event.get("isBase64Encoded")
    return build_request(
        str(method or "GET"), path, query, headers, body, is_base64=is_base64, deadline=deadline, advice=_AS_BINARY
    )
