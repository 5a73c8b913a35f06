"""Buffered doors: a platform that takes one value back gets the whole answer at once, with the truth in its headers."""

from __future__ import annotations

from proxy.call import Call, media_type
from proxy.delivery import Delivery
from proxy.errors import DeadlineReached, ResponseTooLarge
from proxy.messages import Reply


async def hold(call: Call, reply: Reply) -> Reply:
    """`reply` with its body collected; a stream becomes valid SSE in one piece, marked `x-sluice-buffered: 1`.

    The head has not gone out, so a failure that came before any text raises its ProxyError and keeps its own status,
    and so does an answer above what the platform carries back. Behind text the last words stay in the stream, and
    `x-sluice-truncated` says why they came: deadline or upstream.
    """
    delivery = reply.body
    if not isinstance(delivery, Delivery):
        return reply
    limit = call.host.capabilities.response_limit
    pieces: list[bytes] = []
    size = 0
    try:
        async for piece in delivery:
            pieces.append(piece)
            size += len(piece)
            # Counted while it comes: a function that first took all of a large file would run out of memory.
            if limit is not None and size > limit:
                raise ResponseTooLarge(limit, f"this platform ({call.host.platform})")
    finally:
        await delivery.close_unlogged()
    if (failure := delivery.failure) is not None:
        if not delivery.has_text:
            raise failure
        call.ending = failure.code
        reply.headers.set("x-sluice-truncated", "deadline" if isinstance(failure, DeadlineReached) else "upstream")
    if media_type(reply.headers) == "text/event-stream":
        reply.headers.set("x-sluice-buffered", "1")
    return Reply(reply.status, reply.headers, b"".join(pieces))
