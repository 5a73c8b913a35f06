"""The stage that watches the clock: it ends a call before the platform does, and has a silent stream pinged meanwhile.

This is the one place where an answer is waited for with a limit. Streams below it know nothing of time.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial
from math import inf

from proxy.call import Call
from proxy.errors import DeadlineReached
from proxy.messages import ByteStream, Wrapper
from proxy.streaming import keepalive
from proxy.streaming.keepalive import Keepalive


async def apply(call: Call) -> Wrapper | None:
    """Limit the waits for the answer, where there is a deadline or the stream is kept open with pings."""
    if call.ends_at is None and not keepalive.wanted(call):
        return None
    return Wrapper(partial(timed, call))


async def timed(call: Call, stream: ByteStream) -> AsyncGenerator[bytes, None]:
    """The pieces of `stream`, with pings while it is silent.

    Raises DeadlineReached when time is up, also for a stream that never falls silent.
    """
    now, ends_at, pings = call.host.clock.now, inf if call.ends_at is None else call.ends_at, Keepalive(call)
    pump = call.host.clock.pump(stream)
    try:
        while True:
            time = now()
            if time >= ends_at:
                raise DeadlineReached(call.request.deadline)
            wait = min(ends_at, pings.due) - time
            piece = await pump.next(None if wait == inf else max(0.0, wait))
            if piece is not None:
                pings.heard(piece)
                yield piece
            elif now() >= pings.due:
                yield pings.ping()
    except StopAsyncIteration:
        return
    finally:
        await pump.aclose()
        await stream.aclose()
