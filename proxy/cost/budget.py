"""The stage that counts a call for its key: it reserves what the call may cost, and books what it did cost.

Before the call goes up, the most that it may use is reserved in the store, in one step with the checks of all limits.
After its last byte the real figures are booked, or the reservation is released if the upstream answered nothing. The
store is asked once before and once after; a stream that has begun never waits for it.
"""

from __future__ import annotations

from functools import partial

from proxy import store as stores
from proxy import tokens
from proxy.call import Call
from proxy.cost import budget_refusals, claims, key_limits
from proxy.cost.bookings import Booking, Bookings
from proxy.cost.claims import Use
from proxy.errors import ConfigError, ProxyError
from proxy.messages import ByteStream, Wrapper
from proxy.store.base import Balance, Claim, Refusal, StoreUnavailable, usd

REMAINING = "x-sluice-budget-remaining-usd"


async def apply(call: Call) -> Wrapper:
    """Reserve what the call may use. Raises RateLimited, QuotaSpent, KeyInvalid, StoreUnavailable, CostTooHigh, …"""
    caller = call.caller
    store = stores.of(call.config, call.upstream, call.host)
    if store is None or caller is None:
        raise ConfigError(
            "This key has a budget or a limit on its rate, and this endpoint has no store to count in. The endpoint's "
            "owner should set STORE.",
            param="STORE",
        )
    call.plan.opens_answer = True
    limits = key_limits.limits_of(caller, call.config)
    use = await claims.highest_use(call, limits)
    booking = Booking(call, store, key_limits.holder_of(caller), limits)
    outcome = await _reserve(call, booking, use)
    if isinstance(outcome, Refusal) and outcome.reason in ("budget", "tokens") and tokens.installed():
        closer = await claims.highest_use(call, limits, counted=True)  # only now is counting worth its time
        if closer < use:
            use = closer
            outcome = await _reserve(call, booking, use)
    if isinstance(outcome, Refusal):
        raise budget_refusals.error(outcome, limits, use)
    if isinstance(outcome, Balance):
        show(call, outcome)
    return Wrapper(partial(Counted, call, booking))


async def _reserve(call: Call, booking: Booking, use: Use) -> Balance | Refusal | None:
    """Ask the store. None where it cannot be asked and calls go on without it. Raises StoreUnavailable."""
    booking.claim = Claim(call.host.new_id(), use.cost, use.tokens, claims.seconds(call))
    now = call.host.clock.wall()
    try:
        return await booking.store.reserve(booking.holder, booking.limits, booking.claim, now)
    except StoreUnavailable as error:
        call.outcome.details["store_error"] = error.reason
        call.outcome.details["advice"] = error.advice
        if call.config.store_on_error == "open":
            return None
        call.host.state(Bookings).release_later(booking, now)  # it may have been reserved all the same
        raise
    except BaseException:  # the caller is gone
        call.host.state(Bookings).release_later(booking, now)
        raise


def show(call: Call, balance: Balance) -> None:
    """Tell the caller what is left of the budget for further calls."""
    if balance.limit is not None:
        left = max(balance.limit - balance.spent - balance.reserved, 0)
        call.outcome.reply_headers.append((REMAINING, usd(left)))


class Counted:
    """Passes the answer on, and books the call when it is closed: after its last byte, or when the caller leaves."""

    def __init__(self, call: Call, booking: Booking, stream: ByteStream) -> None:
        self._call = call
        self._booking = booking
        self._stream = stream
        self._failure: ProxyError | None = None
        self._closed = False

    def __aiter__(self) -> Counted:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await self._stream.__anext__()
        except ProxyError as error:
            self._failure = error
            raise

    async def aclose(self) -> None:
        """Close the inner stream and book, even if the caller disconnects meanwhile."""
        if self._closed:
            return
        self._closed = True
        try:
            await self._stream.aclose()
        finally:
            if (balance := await self._booking.finish(self._failure)) is not None:
                show(self._call, balance)
            self._failure = None  # its frames lead back here
