"""Bounds the time of a store's operations on every host: nothing here knows asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from proxy.host import Clock
from proxy.store.base import Balance, Claim, Holder, KeyRecord, Limits, Refusal, Row, Spending, Store, StoreUnavailable

T = TypeVar("T")
# For what the owner asks: it reads or marks any number of keys.
REPORT_SECONDS = 30.0


async def within(clock: Clock, seconds: float, work: Callable[[], Awaitable[T]]) -> T:
    """The result of `work()`, which is cancelled after `seconds`; then StoreUnavailable is raised.

    Returns or raises only once the work has stopped. What it has already sent to a store may still take effect.
    """
    results: list[T] = []

    async def run() -> AsyncIterator[bytes]:
        results.append(await work())
        yield b""

    # Not a reader, which costs less: clients of others set timeouts on the task that they run in (asyncio.timeout),
    # which would end the caller's wait instead of theirs.
    pump = clock.pump(run())
    try:
        await pump.next(seconds)
    finally:
        await pump.aclose()
    if not results:
        raise StoreUnavailable("timeout")
    return results[0]


class BoundedStore:
    """A store whose operations end in time: those of calls within `seconds`, those of reports in REPORT_SECONDS."""

    def __init__(self, store: Store, clock: Clock, seconds: float) -> None:
        self._store, self._clock, self._seconds = store, clock, seconds

    async def reserve(self, holder: Holder, limits: Limits, claim: Claim, now: float) -> Balance | Refusal:
        """See base.Store."""
        return await self._call(lambda: self._store.reserve(holder, limits, claim, now))

    async def settle(self, holder: Holder, limits: Limits, claim_id: str, spending: Spending, now: float) -> Balance:
        """See base.Store."""
        return await self._call(lambda: self._store.settle(holder, limits, claim_id, spending, now))

    async def release(self, holder: Holder, claim_id: str, now: float) -> None:
        """See base.Store."""
        await self._call(lambda: self._store.release(holder, claim_id, now))

    async def balance(self, holder_id: str, limits: Limits, now: float) -> Balance:
        """See base.Store."""
        return await self._call(lambda: self._store.balance(holder_id, limits, now))

    async def note_threshold(self, holder_id: str, period_key: str, percent: int, now: float) -> bool:
        """See base.Store."""
        return await self._call(lambda: self._store.note_threshold(holder_id, period_key, percent, now))

    async def revoke(self, name_or_id: str, now: float) -> int:
        """See base.Store."""
        return await within(self._clock, REPORT_SECONDS, lambda: self._store.revoke(name_or_id, now))

    async def keys(self) -> list[KeyRecord]:
        """See base.Store."""
        return await within(self._clock, REPORT_SECONDS, self._store.keys)

    async def spending(self, since: str, until: str, holder_id: str | None = None) -> list[Row]:
        """See base.Store."""
        return await within(self._clock, REPORT_SECONDS, lambda: self._store.spending(since, until, holder_id))

    async def aclose(self) -> None:
        """See base.Store."""
        await self._store.aclose()

    async def _call(self, work: Callable[[], Awaitable[T]]) -> T:
        return await within(self._clock, self._seconds, work)
