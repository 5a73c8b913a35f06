"""Taking a request's body in: how much of it, and whether it is worth a look."""

from __future__ import annotations

from proxy import moderation
from proxy.call import Call
from proxy.limits import number
from proxy.messages import Request


async def read(call: Call) -> bytes:
    """The request's body, up to MAX_BODY_MB and what the platform's door takes.

    A form or a file that nobody looks into goes up unread where the platform can do that: it may be larger than what
    fits into memory.
    """
    request, door = call.request, call.host.capabilities.body_limit
    chosen = int((call.config.max_body_mb or 0) * 1_000_000)
    passes = request.native is not None and call.protocol == "other" and not may_be_json(request)
    if (
        passes
        and not _model_decides(call)
        and not moderation.reads_prompt(call)
        and (not chosen or (request.length is not None and request.length <= chosen))
    ):
        call.native_body = request.native
        return b""
    limit = chosen or door or int(number("server", "http", "request body"))
    if door is not None and limit >= door:
        return await request.read(door, f"this platform ({call.host.platform})")
    return await request.read(limit)


def _model_decides(call: Call) -> bool:
    """Whether the model in the body says where the call may go."""
    grant = call.caller.grant if call.caller else None
    return call.config.routes_by_model or (grant is not None and bool(grant.models))


def may_be_json(request: Request) -> bool:
    """Whether the body is worth a look: not when it says that it is compressed, a form or a file."""
    if "content-encoding" in request.headers:
        return False
    return "json" in (request.headers.get("content-type") or "json").lower()
