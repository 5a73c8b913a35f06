"""The stage that limits every wait for the answer: it ends a call before the platform does, and sends pings meanwhile.

This is the only place with a time limit. Inner streams know nothing of time.
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
    """Limit the waits for the answer if there is a deadline, a longest silence, or the stream gets pings."""
    if call.ends_at is None and call.request.silence is None and not keepalive.applies(call):
        return None
    return Wrapper(partial(limit_waits, call))


async def limit_waits(call: Call, stream: ByteStream) -> AsyncGenerator[bytes, None]:
    """Yield the pieces of `stream`, and pings while it is silent.

    Raises DeadlineReached when the time is up, even if the stream is never silent, and when neither pieces nor pings
    have ended a silence that is the longest that the platform bears.
    """
    now, ends_at, pings = call.host.clock.now, inf if call.ends_at is None else call.ends_at, Keepalive(call)
    silence = inf if call.request.silence is None else call.request.silence
    quiet_until = call.started + silence
    pump = call.host.clock.reader(stream)
    try:
        while True:
            time = now()
            if time >= ends_at or time >= quiet_until:
                raise DeadlineReached(call.request.deadline, is_fixed=time >= quiet_until)
            wait = min(ends_at, pings.due_at, quiet_until) - time
            piece = await pump.next(None if wait == inf else max(0.0, wait))
            if piece is not None:
                pings.note(piece)
                yield piece
            elif now() >= pings.due_at:
                yield pings.ping()
            else:
                continue
            if silence != inf and not is_collected(call):
                quiet_until = now() + silence
    except StopAsyncIteration:
        return
    finally:
        await pump.aclose()
        await stream.aclose()


def is_collected(call: Call) -> bool:
    """Whether a later stage puts the pieces together, so that none of them ends the caller's silence."""
    return call.plan.wants_events and not call.streamed
