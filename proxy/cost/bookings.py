"""Booking what calls have used, also if the store cannot be reached at that moment.

What could not be booked stays in this process and is tried again after later calls and when the server stops. Stores
book each claim once, so a repeat is harmless.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from proxy import log
from proxy.call import Call
from proxy.cost import budget_alerts
from proxy.cost.settlement import KeptAnswer, Settlement, settle
from proxy.errors import DeadlineReached, ProxyError, UpstreamTimeout
from proxy.host import Clock, Host
from proxy.settings.config import Config
from proxy.store.base import MAX_AMOUNT, NANO_PER_USD, Balance, Claim, Holder, Limits, Spending, Store, StoreUnavailable

# What waits for a store that cannot be reached, in calls. Each takes about a kilobyte.
MAX_PENDING = 10_000
# How long a call goes on with what others have left, in seconds, and a server that stops. The last attempt may take
# longer by what an operation of the store may take.
_RETRY_SECONDS, _FLUSH_SECONDS = 0.05, 5.0


class Booking:
    """One call on its way to being booked: whose it is, and what is reserved for it."""

    def __init__(self, call: Call, store: Store, holder: Holder, limits: Limits) -> None:
        self._call = call
        self.store = store
        self.holder = holder
        self.limits = limits
        self.claim = Claim("", 0, 0, 0.0)

    async def finish(self, failure: ProxyError | None) -> Balance | None:
        """Book or release the call. `failure` is what ended its answer. Returns the new balance if there is one."""
        call = self._call
        pending = call.host.state(Bookings)
        spending = await self._spending(failure)
        now = call.host.clock.wall()
        if spending is None:
            await pending.carry_out(call, self.claim.id, partial(self.store.release, self.holder, self.claim.id, now))
            return None
        work = partial(self.store.settle, self.holder, self.limits, self.claim.id, spending, now)
        balance = await pending.carry_out(call, self.claim.id, work)
        if isinstance(balance, Balance):
            await budget_alerts.check(call, self.store, self.holder, self.limits, balance)
            return balance
        return None

    async def _spending(self, failure: ProxyError | None) -> Spending | None:
        """What the call has used; None if that is nothing.

        Where nobody can know, such as after a caller has left before the answer, it is what was reserved: the upstream
        may have charged it.
        """
        call, outcome = self._call, self._call.outcome
        if outcome.headers is None:
            is_known = outcome.target is None or (
                failure is not None and not isinstance(failure, (UpstreamTimeout, DeadlineReached))
            )
            if is_known or call.request.method in ("GET", "HEAD"):
                return None
        elif call.endpoint is None:
            return None  # it has generated nothing: such calls cannot be opened for a key with a budget
        elif not call.protocol.known:
            await settle(call, KeptAnswer())
        usage = outcome.usage
        if outcome.cost_usd is None and self.claim.cost and not call.config.demo:
            if call.state(Settlement).is_empty:
                return None
            outcome.cost_usd, usage.source = self.claim.cost / NANO_PER_USD, "reserved"
        cost = round((outcome.cost_usd or 0.0) * NANO_PER_USD)
        tokens = usage.input or 0
        if usage.input is None and usage.output is None:
            tokens = self.claim.tokens
        return Spending(min(cost, MAX_AMOUNT), tokens, usage.output or 0, log.model(call) or "")


class Bookings:
    """What this process could not tell its store yet."""

    def __init__(self) -> None:
        self._pending: dict[str, Callable[[], Awaitable[Any]]] = {}

    @property
    def pending(self) -> int:
        """How many calls are still to be booked or released."""
        return len(self._pending)

    def release_later(self, booking: Booking, now: float) -> None:
        """Release a reservation that may or may not have been made."""
        claim_id = booking.claim.id
        self._keep(claim_id, partial(booking.store.release, booking.holder, claim_id, now))

    async def carry_out(self, call: Call, claim_id: str, work: Callable[[], Awaitable[Any]]) -> Any:
        """Do `work` and what is pending, or keep it for later; then the log line says why. Returns its result."""
        try:
            result = await work()
        except BaseException as error:
            if not self._keep(claim_id, work):
                call.outcome.details["booking"] = "lost"
            if not isinstance(error, StoreUnavailable):
                raise
            call.outcome.details["store_error"], call.outcome.details["advice"] = error.reason, error.advice
            return None
        await self._retry(call.host.clock, _RETRY_SECONDS)
        return result

    async def flush(self, clock: Clock) -> int:
        """Try everything that is pending, for some seconds at most. Returns how much is left."""
        await self._retry(clock, _FLUSH_SECONDS)
        return self.pending

    async def _retry(self, clock: Clock, seconds: float) -> None:
        """Try what is pending until one attempt fails or the time is over."""
        until = clock.now() + seconds
        while self._pending and clock.now() < until:
            claim_id = next(iter(self._pending))
            work = self._pending.pop(claim_id)
            try:
                await work()
            except BaseException as error:
                self._keep(claim_id, work)
                if not isinstance(error, StoreUnavailable):
                    raise
                return

    def _keep(self, claim_id: str, work: Callable[[], Awaitable[Any]]) -> bool:
        """Keep something for later. Returns whether there is room."""
        if len(self._pending) >= MAX_PENDING:
            return False
        self._pending[claim_id] = work
        return True


async def flush(host: Host, config: Config | None) -> None:
    """Book what is still pending when a server stops, and say what could not be booked."""
    left = await host.state(Bookings).flush(host.clock)
    if left:
        fields = {"event": "bookings_lost", "calls": left, "advice": "Their cost is in the log lines of these calls."}
        log.line(host, config.log_level if config else "info", "error", fields)
