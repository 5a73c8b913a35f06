"""From the limit that a claim would break to the Refusal, the same for every store. Pure."""

from __future__ import annotations

from proxy.store import periods
from proxy.store.base import Limits, Refusal

# What frees a place or some budget is the end of other calls, and nobody knows when that is.
SOON_SECONDS = 2.0
# When a repeat can succeed: never, when other calls end, or in the next period. For rates it is a bucket.
NEVER, SOON, PERIOD = "never", "soon", "period"


def refusal(reason: str, when: str | int, limits: Limits, now: float) -> Refusal:
    """The refusal for a limit. `when` is one of the words above, or the bucket that must leave the window.

    Raises ValueError for anything else.
    """
    if reason not in ("revoked", "parallel", "requests", "tokens", "budget"):
        raise ValueError("unknown reason")
    if when == NEVER:
        return Refusal(reason, None)
    if when == SOON:
        return Refusal(reason, SOON_SECONDS)
    if when == PERIOD:
        return Refusal(reason, periods.seconds_left(limits.period, now))
    return Refusal(reason, max(0.0, periods.leaves(int(when), now)))
