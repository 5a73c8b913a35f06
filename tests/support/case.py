"""What a contract case is: data. A driver of each adapter runs it as a black box."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.upstream import Received, Script

STREAMS = "streams"  # pieces reach the client one by one
DISCONNECTS = "sees_disconnect"
REWRITES = "rewrites_stream"
BINARY = "binary"  # bodies that are no text, both ways
RAW_PATH = "raw_path"  # the door shows the path as it stood on the wire
DOTS = "dots"  # dot segments included, which a URL parser in front resolves

CHAT = b'{"model":"gpt-4o","messages":[]}'
STREAMED = b'{"model":"gpt-4o","stream":true,"messages":[]}'
JSON = ("Content-Type", "application/json")
CALLER = (("Authorization", "Bearer sk-caller"), JSON)
LOCAL = "nothing goes up"


def error_code(error: dict[str, Any]) -> Any:
    """Sluice's code of an error: in Google's form it is one of the details."""
    reasons = [detail["reason"] for detail in error.get("details", ()) if detail.get("domain") == "sluice"]
    return reasons[0].lower() if reasons else error["code"]


@dataclass(frozen=True)
class Ask:
    """The caller's request."""

    method: str = "POST"
    path: str = "/v1/chat/completions"
    headers: tuple[tuple[str, str], ...] = CALLER
    body: bytes = CHAT


@dataclass(frozen=True)
class Want:
    """What must come of it; what is None is not looked at. `up` checks the request that reached the upstream."""

    status: int = 200
    body: bytes | None = None
    code: str | None = None
    says: str | None = None
    headers: dict[str, str | None] = field(default_factory=dict)
    up: Callable[[Received], Any] | str | None = None


@dataclass(frozen=True)
class Case:
    """One promise. `settings` are added to the address of the scripted upstream.

    `refusals` are what the upstream answers first, one call each; `want.up` sees the call after them.
    """

    name: str
    ask: Ask
    upstream: Script
    want: Want
    needs: frozenset[str] = frozenset()
    settings: tuple[tuple[str, str], ...] = ()
    refusals: tuple[Script, ...] = ()
