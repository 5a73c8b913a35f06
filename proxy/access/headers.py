"""Which headers go up and which come back: two lists of what is allowed, and CORS. What is on neither list stays."""

from __future__ import annotations

import re

from proxy.messages import Headers
from proxy.settings.config import Config

_UP = frozenset(
    "content-type content-encoding accept user-agent range idempotency-key x-client-request-id openai-beta "
    "anthropic-version anthropic-beta http-referer x-title".split()
)
_UP_FAMILIES = ("x-stainless-",)
_UP_OWN_KEY = frozenset(("openai-organization", "openai-project"))  # they name the account: the owner's is not lent
_BACK = frozenset(
    "content-type content-encoding content-disposition content-range accept-ranges etag location x-request-id "
    "retry-after retry-after-ms x-should-retry".split()
)
_BACK_FAMILIES = ("openai-", "x-ratelimit-", "retry-after")
# Only the browser's own list of readable headers needs no word here (fetch.spec.whatwg.org, CORS-safelisted).
_EXPOSED = (
    "content-disposition, content-encoding, content-range, accept-ranges, etag, location, x-request-id, "
    "openai-version, openai-processing-ms, x-ratelimit-limit-requests, x-ratelimit-limit-tokens, "
    "x-ratelimit-remaining-requests, x-ratelimit-remaining-tokens, x-ratelimit-reset-requests, "
    "x-ratelimit-reset-tokens, retry-after, retry-after-ms, x-should-retry, x-sluice-request-id, "
    "x-sluice-buffered, x-sluice-truncated, x-sluice-dropped-messages, x-sluice-max-output-tokens, x-sluice-cost-usd, "
    "x-sluice-usage, x-sluice-moderation"
)
_EXPOSED_NAMES = frozenset(_EXPOSED.split(", "))
_BAD_VALUE = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")  # an HTTP token, RFC 9110 section 5.6.2; events may hold anything


def upward(headers: Headers, config: Config, own_key: bool, streamed: bool) -> list[tuple[str, str]]:
    """The caller's headers that the upstream gets, with the one `Accept-Encoding` that we can stand for.

    A streamed answer is asked for uncompressed: a compressor in between would hold events back. So is any answer to a
    form, which may ask for a stream in a field that nobody reads here.
    """
    streamed = streamed or (headers.get("content-type") or "").lower().startswith("multipart/")
    pairs = [
        (name, value)
        for name, value in headers
        if (
            name in _UP
            or name.startswith(_UP_FAMILIES)
            or (own_key and name in _UP_OWN_KEY)
            or name in config.forward_headers
        )
        and _NAME.fullmatch(name)
        and not _BAD_VALUE.search(value)
    ]
    accepted = "identity" if streamed else headers.get("accept-encoding") or "identity"
    pairs.append(("accept-encoding", "identity" if _BAD_VALUE.search(accepted) else accepted))
    return pairs


def downward(headers: Headers, own_key: bool) -> list[tuple[str, str]]:
    """The upstream's headers that the caller gets."""
    return [
        (name, value)
        for name, value in headers
        if (name in _BACK or name.startswith(_BACK_FAMILIES))
        and (own_key or name not in _UP_OWN_KEY)
        and _NAME.fullmatch(name)
        and not _BAD_VALUE.search(value)
    ]


def asks_for_websocket(headers: Headers) -> bool:
    """Whether a request wants to become a WebSocket (RFC 6455, section 4.1).

    Gateways drop `Upgrade`, which is meant for the next hop, and let the handshake's own headers pass.
    """
    offered = (one for name, value in headers if name == "upgrade" for one in value.lower().split(","))
    return any(one.partition("/")[0].strip() == "websocket" for one in offered) or "sec-websocket-key" in headers


def cors(reply: Headers, request: Headers, config: Config) -> None:
    """Let a page on an allowed origin read the reply; every reply passes here, errors included."""
    origin = request.get("origin")
    if "*" in config.allow_origins:
        reply.set("access-control-allow-origin", "*")
    else:
        reply.add("vary", "Origin")
        if origin not in config.allow_origins:
            return
        reply.set("access-control-allow-origin", str(origin))
    more = sorted({name for name, _ in reply if name.startswith(_BACK_FAMILIES) and name not in _EXPOSED_NAMES})
    reply.set("access-control-expose-headers", ", ".join([_EXPOSED, *more]))


def preflight(request: Headers) -> Headers:
    """The answer to a browser's OPTIONS, which asks before a call with a key: whatever it asks for is allowed."""
    reply = Headers([("access-control-max-age", "86400")])
    for asked, allowed in (("method", "methods"), ("headers", "headers"), ("private-network", "private-network")):
        value = request.get(f"access-control-request-{asked}")
        if value and not _BAD_VALUE.search(value):
            reply.set(f"access-control-allow-{allowed}", value)
    if "access-control-allow-methods" not in reply:
        reply.set("access-control-allow-methods", "GET, POST, DELETE, OPTIONS")
    return reply
