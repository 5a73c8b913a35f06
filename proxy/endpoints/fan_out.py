"""Calls to several upstreams at once, with one time limit for all of them."""

from __future__ import annotations

from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass

from proxy.call import Call
from proxy.errors import ProxyError
from proxy.upstream import timed_out

MAX_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Result:
    """One upstream's first piece or its error, and the seconds until the wait for it ended."""

    value: bytes | ProxyError
    seconds: float


async def first_pieces(
    call: Call, streams: Sequence[AsyncIterable[bytes]], seconds: float = MAX_SECONDS
) -> list[Result]:
    """Read the first piece of every stream at once, for at most `seconds` and as long as the platform permits.

    A stream that is late gets an UpstreamTimeout as its result.
    """
    clock = call.host.clock
    started = clock.now()
    ends_at = started + seconds
    if call.ends_at is not None:
        ends_at = min(ends_at, call.ends_at)
    pumps = [clock.pump(stream) for stream in streams]
    results: list[Result] = []
    try:
        for pump in pumps:
            value: bytes | ProxyError | None
            try:
                value = await pump.next(max(0.0, ends_at - clock.now()))
            except ProxyError as error:
                value = error
            results.append(Result(timed_out(seconds) if value is None else value, clock.now() - started))
    finally:
        for pump in pumps:
            await pump.aclose()
    return results
