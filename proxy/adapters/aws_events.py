"""What the two Lambda adapters have in common: which door an event came through, and what it says. Not an adapter.

Sources: docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html (function URL), services-apigateway.html (both
gateways), services-alb.html, and gettingstarted-limits.html, as noted on 2026-11-23.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote, unquote_plus, urlencode

from proxy.errors import BadRequest
from proxy.messages import Headers, Request
from proxy.platforms.limits import number

PLATFORM = "aws"
_PATH_SAFE = "/%:@!$&'()*+,;=~-._"


@dataclass(frozen=True, slots=True)
class Door:
    """One kind of event: its name in the limits table, and the gateway's own time limit in seconds, if it has one."""

    name: str
    seconds: float | None

    @property
    def request_limit(self) -> int:
        """The largest request body in bytes."""
        return int(number(PLATFORM, self.name, "request body"))


FUNCTION_URL = Door("function URL", None)
HTTP_API = Door("HTTP API", number(PLATFORM, "HTTP API", "time-out"))
REST_API = Door("REST API", number(PLATFORM, "REST API", "time-out"))
# With ResponseTransferMode STREAM the gateway waits for up to 15 minutes, which is the function's own limit too.
REST_STREAM = Door("REST API", None)
ALB = Door("ALB", None)


def door_of(event: Any, streaming: bool = False) -> Door | None:
    """The door that an event came through, by the key that only it has; None for anything that is no HTTP."""
    context = _mapping(_mapping(event).get("requestContext"))
    if "elb" in context:
        return ALB
    if isinstance(context.get("http"), Mapping):
        # Both send version 2.0. A custom domain hides the gateway's name, but never a function URL's.
        return FUNCTION_URL if ".lambda-url." in str(context.get("domainName")) else HTTP_API
    # A v2 event behind a custom domain can have a `path` of its own; only v1 has the method at the top.
    if context and "httpMethod" in event and "path" in event:
        return REST_STREAM if streaming else REST_API
    return None


def unknown_event() -> BadRequest:
    """What to answer to an event that came through no door."""
    return BadRequest(
        "This function only answers HTTP: call it through its function URL, an API Gateway or a load balancer. A test "
        "event without a request in it cannot be relayed.",
        code="unknown_event",
    )


def wire_path(event: Mapping[str, Any]) -> str:
    """The path as the caller sent it, as far as the door shows it, without the stage in front."""
    context = _mapping(event.get("requestContext"))
    path = str(event.get("rawPath") or event.get("path") or "/")
    stage = context.get("stage")
    # Only a v2 gateway leaves the stage in the path; `/dev` must not eat `/development`.
    if "rawPath" in event and stage and stage != "$default" and (path + "/").startswith(f"/{stage}/"):
        path = path[len(str(stage)) + 1 :] or "/"
    return quote(path, safe=_PATH_SAFE, errors="replace")


def wire_query(event: Mapping[str, Any], door: Door) -> str:
    """The query: as it was sent where the event has it raw, else made anew from its parameters."""
    if "rawQueryString" in event:
        return quote(str(event["rawQueryString"] or ""), safe=_PATH_SAFE + "?", errors="replace")
    given = event.get("multiValueQueryStringParameters") or event.get("queryStringParameters")
    pairs: list[tuple[str, str]] = []
    for name, value in _mapping(given).items():
        pairs += [(str(name), "" if one is None else str(one)) for one in _listed(value)]
    if door is ALB:  # a load balancer hands on what was encoded as it was
        pairs = [(unquote_plus(name), unquote_plus(value)) for name, value in pairs]
    return urlencode(pairs, errors="replace")


def seconds_left(event: Mapping[str, Any], door: Door, function_left: float | None, wall: float) -> float | None:
    """Seconds until the function or the gateway in front of it gives up, whichever comes first.

    The gateway counts from the event's own request time, which lies before our cold start. `wall` is Unix time.
    """
    limits = [] if function_left is None else [function_left]
    if door.seconds is not None:
        context = _mapping(event.get("requestContext"))
        begun = context.get("timeEpoch") or context.get("requestTimeEpoch")
        waited = max(0.0, wall - begun / 1000) if isinstance(begun, (int, float)) else 0.0
        # A clock that is minutes off, or a recorded event, must not end every call before it starts.
        limits.append(door.seconds - (waited if waited < door.seconds else 0.0))
    return max(0.0, min(limits)) if limits else None


def to_request(event: Mapping[str, Any], door: Door, deadline: float | None) -> Request:
    """The event as a Request. Raises BadRequest where its body is marked as base64 and is none, or has lost its end."""
    headers = Headers(_headers(event))
    context = _mapping(event.get("requestContext"))
    method = _mapping(context.get("http")).get("method") or event.get("httpMethod") or "GET"
    request = Request(
        method=str(method).upper(),
        path=wire_path(event),
        query=wire_query(event, door),
        headers=headers,
        body=_body(event),
        deadline=deadline,
        origin=f"https://{headers.get('host') or ''}",
    )
    request.check_complete(len(cast("bytes", request.body)))
    headers.remove("content-length")  # of what the caller sent, not of what the platform made of it
    return request


def _headers(event: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    several = _mapping(event.get("multiValueHeaders"))
    for name, value in (several or _mapping(event.get("headers"))).items():
        for one in _listed(value):
            if one is not None:
                yield str(name), str(one)


def _body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body")
    if not isinstance(body, str):
        return b""
    if not event.get("isBase64Encoded"):
        return body.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        raise BadRequest("The event's body says that it is base64 and is not.", code="bad_event") from None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
