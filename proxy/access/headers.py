"""Which headers go up and which come back: allow-lists, and CORS. All other headers are dropped.

Each API adds families of its own: clients and servers invent new headers in them all the time, and depend on them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from proxy.messages import Headers
from proxy.settings.config import Config
from proxy.wire.path_table import GEMINI, MESSAGES, OPENAI, RESPONSES

_UP = frozenset(
    "content-type content-encoding accept user-agent range idempotency-key x-client-request-id openai-beta "
    "anthropic-version anthropic-beta http-referer x-title x-session-id x-session-affinity".split()
)
_UP_PREFIXES = ("x-stainless-",)
# They name an account, so they pass only with the caller's own key.
_ACCOUNT = frozenset(
    "openai-organization openai-project anthropic-organization-id chatgpt-account-id x-goog-user-project".split()
)
_ANTHROPIC = ("anthropic-",)  # these go up with every call, and mean nothing to others
_OPENAI_ACCOUNT = ("openai-organization", "openai-project")
_DOWN = frozenset(
    "content-type content-encoding content-disposition content-range accept-ranges etag location x-request-id "
    "retry-after retry-after-ms x-should-retry".split()
)
_DOWN_PREFIXES = ("openai-", "x-ratelimit-", "retry-after")


class Family(NamedTuple):
    """The headers that an API adds, upward and downward, by their names and by how their names begin."""

    up: tuple[str, ...] = ()
    up_prefixes: tuple[str, ...] = ()
    down: tuple[str, ...] = ()
    down_prefixes: tuple[str, ...] = ()


# Sources, read 2026-11-26: github.com/openai/codex (codex-api), platform.claude.com/docs/en/api/errors,
# code.claude.com/docs/en/llm-gateway-protocol, github.com/googleapis/python-genai.
FAMILIES = {
    OPENAI: Family(),
    RESPONSES: Family(
        up=("session-id", "session_id", "thread-id", "originator", "x-openai-subagent", "chatgpt-account-id"),
        up_prefixes=("x-codex-", "x-openai-internal-codex-"),
        down=("x-models-etag", "x-reasoning-included"),
        down_prefixes=("x-codex-",),
    ),
    MESSAGES: Family(
        up=("x-app",),
        up_prefixes=("anthropic-", "x-claude-code-"),
        down=("request-id",),
        down_prefixes=("anthropic-",),
    ),
    GEMINI: Family(
        up=("x-goog-api-client", "x-server-timeout", "x-goog-user-project"),
        down=("server-timing",),
        down_prefixes=("x-goog-",),
    ),
}
# What passes for each API: names, and beginnings of names.
_UP_RULES = {
    api: (_UP.union(family.up, _OPENAI_ACCOUNT), (*_UP_PREFIXES, *family.up_prefixes))
    for api, family in FAMILIES.items()
}
_DOWN_RULES = {
    api: (_DOWN.union(family.down), (*_DOWN_PREFIXES, *family.down_prefixes)) for api, family in FAMILIES.items()
}
_FAMILY_NAMES = frozenset(name for family in FAMILIES.values() for name in family.down)
# How the names begin that a page may read on top of _EXPOSED.
_EXPOSED_PREFIXES = (*_DOWN_PREFIXES, *(prefix for family in FAMILIES.values() for prefix in family.down_prefixes))
# All but the CORS-safelisted response headers, which browsers always expose (fetch.spec.whatwg.org).
_EXPOSED = (
    "content-disposition, content-encoding, content-range, accept-ranges, etag, location, x-request-id, "
    "openai-version, openai-processing-ms, x-ratelimit-limit-requests, x-ratelimit-limit-tokens, "
    "x-ratelimit-remaining-requests, x-ratelimit-remaining-tokens, x-ratelimit-reset-requests, "
    "x-ratelimit-reset-tokens, retry-after, retry-after-ms, x-should-retry, x-sluice-request-id, "
    "x-sluice-buffered, x-sluice-truncated, x-sluice-dropped, x-sluice-dropped-messages, x-sluice-max-output-tokens, "
    "x-sluice-cost-usd, x-sluice-usage, x-sluice-moderation, x-sluice-budget-remaining-usd"
)
_EXPOSED_NAMES = frozenset(_EXPOSED.split(", "))
# gzip among the encodings that a client accepts, unless its weight is 0 (RFC 9110, section 12.5.3).
_GZIP = re.compile(r"(?:^|[\s,])gzip\s*(?:$|,|;\s*q=(?!0(?:\.0*)?\s*(?:$|,)))", re.IGNORECASE)
_INVALID_VALUE = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")  # an HTTP token (RFC 9110, section 5.6.2); events may hold anything


def for_translation(headers: list[tuple[str, str]], api: str) -> list[tuple[str, str]]:
    """Return the headers of a call of `api` for an upstream of another API, which must answer readably."""
    family = FAMILIES[api]
    prefixes = (*family.up_prefixes, *_ANTHROPIC, "accept-encoding")
    kept = [(name, value) for name, value in headers if name not in family.up and not name.startswith(prefixes)]
    return [*kept, ("accept-encoding", "identity")]


def upward(
    headers: Headers, config: Config, own_key: bool, streamed: bool, opened: bool = False, *, api: str = OPENAI
) -> list[tuple[str, str]]:
    """Return the caller's headers for the upstream, with an `Accept-Encoding` that Sluice can handle.

    A stream is requested uncompressed, because a compressor would hold events back. So is every answer to a form, which
    may ask for a stream in a field that Sluice does not read. `opened`: an answer that is read here is requested in an
    encoding that can be opened here. `api` is the one that the upstream is called with.
    """
    names, prefixes = _UP_RULES[api]
    forwarded = config.forward_headers
    streamed = streamed or (headers.get("content-type") or "").lower().startswith("multipart/")
    pairs = [
        (name, value)
        for name, value in headers
        if (name in names or name in forwarded or (name.startswith(prefixes) and _NAME.fullmatch(name)))
        and (own_key or name not in _ACCOUNT or name in forwarded)
        and not _INVALID_VALUE.search(value)
    ]
    accepted = "identity" if streamed else headers.get("accept-encoding") or "identity"
    if opened and not streamed:
        accepted = "gzip" if _GZIP.search(accepted) else "identity"
    pairs.append(("accept-encoding", "identity" if _INVALID_VALUE.search(accepted) else accepted))
    return pairs


def downward(headers: Headers, own_key: bool, api: str = OPENAI) -> list[tuple[str, str]]:
    """Return the upstream's headers for the caller."""
    names, prefixes = _DOWN_RULES[api]
    return [
        (name, value)
        for name, value in headers
        if (name in names or (name.startswith(prefixes) and _NAME.fullmatch(name)))
        and (own_key or name not in _ACCOUNT)
        and not _INVALID_VALUE.search(value)
    ]


def asks_for_websocket(headers: Headers) -> bool:
    """Whether the request is a WebSocket handshake (RFC 6455, section 4.1).

    Gateways drop the hop-by-hop header `Upgrade` and pass on the handshake's own headers.
    """
    if "upgrade" not in headers:
        return "sec-websocket-key" in headers
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
    families = {
        name
        for name, _ in reply
        if (name in _FAMILY_NAMES or name.startswith(_EXPOSED_PREFIXES)) and name not in _EXPOSED_NAMES
    }
    exposed = ", ".join([_EXPOSED, *sorted(families)]) if families else _EXPOSED
    reply.set("access-control-expose-headers", exposed)


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
