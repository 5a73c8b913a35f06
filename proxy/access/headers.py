"""Which headers go up and which come back: two allow-lists, and CORS. All other headers are dropped."""

from __future__ import annotations

import re

from proxy.messages import Headers
from proxy.settings.config import Config

_UP = frozenset(
    "content-type content-encoding accept user-agent range idempotency-key x-client-request-id openai-beta "
    "anthropic-version anthropic-beta http-referer x-title".split()
)
_UP_PREFIXES = ("x-stainless-",)
# They name the account, so they pass only with the caller's own key.
_ACCOUNT = frozenset(("openai-organization", "openai-project"))
_DOWN = frozenset(
    "content-type content-encoding content-disposition content-range accept-ranges etag location x-request-id "
    "retry-after retry-after-ms x-should-retry".split()
)
_DOWN_PREFIXES = ("openai-", "x-ratelimit-", "retry-after")
# All but the CORS-safelisted response headers, which browsers always expose (fetch.spec.whatwg.org).
_EXPOSED = (
    "content-disposition, content-encoding, content-range, accept-ranges, etag, location, x-request-id, "
    "openai-version, openai-processing-ms, x-ratelimit-limit-requests, x-ratelimit-limit-tokens, "
    "x-ratelimit-remaining-requests, x-ratelimit-remaining-tokens, x-ratelimit-reset-requests, "
    "x-ratelimit-reset-tokens, retry-after, retry-after-ms, x-should-retry, x-sluice-request-id, "
    "x-sluice-buffered, x-sluice-truncated, x-sluice-dropped-messages, x-sluice-max-output-tokens, x-sluice-cost-usd, "
    "x-sluice-usage, x-sluice-moderation"
)
_EXPOSED_NAMES = frozenset(_EXPOSED.split(", "))
# gzip among the encodings that a client accepts, unless its weight is 0 (RFC 9110, section 12.5.3).
_GZIP = re.compile(r"(?:^|[\s,])gzip\s*(?:$|,|;\s*q=(?!0(?:\.0*)?\s*(?:$|,)))", re.IGNORECASE)
_INVALID_VALUE = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")  # an HTTP token (RFC 9110, section 5.6.2); events may hold anything


def upward(
    headers: Headers, config: Config, own_key: bool, streamed: bool, opened: bool = False
) -> list[tuple[str, str]]:
    """Return the caller's headers for the upstream, with an `Accept-Encoding` that Sluice can handle.

    A stream is requested uncompressed, because a compressor would hold events back. So is every answer to a form, which
    may ask for a stream in a field that Sluice does not read. `opened`: an answer that is read here is requested in an
    encoding that can be opened here.
    """
    streamed = streamed or (headers.get("content-type") or "").lower().startswith("multipart/")
    pairs = [
        (name, value)
        for name, value in headers
        if (
            name in _UP
            or name.startswith(_UP_PREFIXES)
            or (own_key and name in _ACCOUNT)
            or name in config.forward_headers
        )
        and _NAME.fullmatch(name)
        and not _INVALID_VALUE.search(value)
    ]
    accepted = "identity" if streamed else headers.get("accept-encoding") or "identity"
    if opened and not streamed:
        accepted = "gzip" if _GZIP.search(accepted) else "identity"
    pairs.append(("accept-encoding", "identity" if _INVALID_VALUE.search(accepted) else accepted))
    return pairs


def downward(headers: Headers, own_key: bool) -> list[tuple[str, str]]:
    """Return the upstream's headers for the caller."""
    return [
        (name, value)
        for name, value in headers
        if (name in _DOWN or name.startswith(_DOWN_PREFIXES))
        and (own_key or name not in _ACCOUNT)
        and _NAME.fullmatch(name)
        and not _INVALID_VALUE.search(value)
    ]


def asks_for_websocket(headers: Headers) -> bool:
    """Whether the request is a WebSocket handshake (RFC 6455, section 4.1).

    Gateways drop the hop-by-hop header `Upgrade` and pass on the handshake's own headers.
    """
    protocols = (protocol for name, value in headers if name == "upgrade" for protocol in value.lower().split(","))
    is_upgrade = any(protocol.partition("/")[0].strip() == "websocket" for protocol in protocols)
    return is_upgrade or "sec-websocket-key" in headers


def cors(reply: Headers, request: Headers, config: Config) -> None:
    """Add the CORS headers that let a page on an allowed origin read the reply. Errors need them as well."""
    origin = request.get("origin")
    if "*" in config.allow_origins:
        reply.set("access-control-allow-origin", "*")
    else:
        reply.add("vary", "Origin")
        if origin not in config.allow_origins:
            return
        reply.set("access-control-allow-origin", str(origin))
    families = sorted({name for name, _ in reply if name.startswith(_DOWN_PREFIXES) and name not in _EXPOSED_NAMES})
    reply.set("access-control-expose-headers", ", ".join([_EXPOSED, *families]))


def preflight(request: Headers) -> Headers:
    """Return the headers of the answer to a CORS preflight: whatever it asks for is allowed."""
    reply = Headers([("access-control-max-age", "86400")])
    for requested, allowed in (("method", "methods"), ("headers", "headers"), ("private-network", "private-network")):
        value = request.get(f"access-control-request-{requested}")
        if value and not _INVALID_VALUE.search(value):
            reply.set(f"access-control-allow-{allowed}", value)
    if "access-control-allow-methods" not in reply:
        reply.set("access-control-allow-methods", "GET, POST, DELETE, OPTIONS")
    return reply
