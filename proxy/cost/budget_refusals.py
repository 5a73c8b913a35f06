"""From a store's refusal to the error that the caller gets, with a sentence that says what to do."""

from __future__ import annotations

from proxy.cost.claims import Use
from proxy.errors import KeyInvalid, ProxyError
from proxy.errors.quota import QuotaSpent, RateLimited
from proxy.store.base import Limits, Refusal, usd
from proxy.store.refusals import SOON_SECONDS

_NOTHING_SPENT = "Nothing was sent upstream, so nothing was spent."
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def error(refusal: Refusal, limits: Limits, use: Use) -> ProxyError:
    """Return the error for a call that may use up to `use`."""
    if refusal.reason == "revoked":
        return KeyInvalid(
            "The key that was sent is revoked. Ask the endpoint's owner for a new one.", code="revoked_key"
        )
    if refusal.reason == "budget":
        return _budget(refusal, limits, use)
    if refusal.retry_after is None:  # more than the limit in one call
        return QuotaSpent(
            f"This call may use up to {use.tokens} tokens, and your key allows {limits.tokens} a minute. Send less, or "
            f"lower the limit of the answer. {_NOTHING_SPENT}",
            None,
        )
    limit, kind = {
        "parallel": (f"{limits.parallel} calls at the same time", "requests"),
        "requests": (f"{limits.requests} requests a minute", "requests"),
        "tokens": (f"{limits.tokens} tokens a minute", "tokens"),
    }[refusal.reason]
    wait = "until another one has ended" if refusal.reason == "parallel" else _duration(refusal.retry_after)
    return RateLimited(f"Your key allows {limit}. Wait {wait} and try again.", kind, refusal.retry_after)


def _budget(refusal: Refusal, limits: Limits, use: Use) -> ProxyError:
    budget = usd(limits.budget or 0)
    period = "in all" if limits.period == "total" else f"per {limits.period}"
    state = f"Your key has a budget of {budget} US dollars {period}"
    need = f"this call, which may cost up to {usd(use.cost)}"
    if refusal.retry_after == SOON_SECONDS:
        return RateLimited(
            f"{state}, and what is left of it is reserved for your calls that are still running. Wait until they have "
            "ended and try again.",
            "requests",
            refusal.retry_after,
        )
    again = "" if refusal.retry_after is None else f" It starts again in {_duration(refusal.retry_after)}."
    return QuotaSpent(f"{state}, which does not cover {need}.{again} {_NOTHING_SPENT}", refusal.retry_after)


def _duration(seconds: float) -> str:
    if seconds < 2 * _MINUTE:
        return f"{max(1, round(seconds))} seconds"
    if seconds < 2 * _HOUR:
        return f"{round(seconds / _MINUTE)} minutes"
    return f"{round(seconds / _HOUR)} hours" if seconds < 2 * _DAY else f"{round(seconds / _DAY)} days"
