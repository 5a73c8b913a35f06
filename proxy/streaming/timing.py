"""The stage that watches the clock: it keeps a silent stream open, and ends a call before the platform does.

Gateways and apps give up on a connection that carries nothing for half a minute; reasoning models think for longer.
A ping that is due before the upstream has answered sends the reply's head early, so the first one waits longer.

This is the one place where an answer is waited for with a limit. Streams below it know nothing of time.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from functools import partial
from math import inf

from proxy.call import Call
from proxy.errors import DeadlineReached
from proxy.messages import ByteStream, Wrapper

_ID = re.compile(rb"(?:^|[\r\n])id:")


async def apply(call: Call) -> Wrapper | None:
    """Limit the waits for the answer, where there is a deadline or the stream may be kept open with pings."""
    pings = _pings(call)
    if call.ends_at is None and not pings:
        return None
    return Wrapper(partial(timed, call, pings))


def _pings(call: Call) -> bool:
    """Streams of text are what waits for thought; other streams are left alone."""
    return bool(
        call.host.capabilities.streams
        and call.streamed
        and call.protocol.ping(has_ids=False) is not None
        and call.config.keepalive_seconds
    )


async def timed(call: Call, pings: bool, stream: ByteStream) -> AsyncGenerator[bytes, None]:
    """The pieces of `stream`, with pings while it is silent. Raises DeadlineReached when time is up, also for a stream
    that never falls silent.
    """
    now, ends_at, protocol = call.host.clock.now, inf if call.ends_at is None else call.ends_at, call.protocol
    ping_at = call.started + call.config.keepalive_first_seconds if pings else inf
    has_ids = False
    pump = call.host.clock.pump(stream)
    try:
        while True:
            time = now()
            if time >= ends_at:
                raise DeadlineReached(call.request.deadline)
            wait = min(ends_at, ping_at) - time
            piece = await pump.next(None if wait == inf else max(0.0, wait))
            if pings and call.is_sse is False:  # a buffered answer, or one that cannot be read here
                pings, ping_at = False, inf
            if piece is None:
                if now() >= ping_at and (ping := protocol.ping(has_ids)) is not None:
                    ping_at = now() + call.config.keepalive_seconds
                    yield ping
                continue
            if piece and pings:  # the head alone breaks no silence
                has_ids = has_ids or (b"id:" in piece and _ID.search(piece) is not None)
                ping_at = now() + call.config.keepalive_seconds
            yield piece
    except StopAsyncIteration:
        return
    finally:
        await pump.aclose()
        await stream.aclose()
