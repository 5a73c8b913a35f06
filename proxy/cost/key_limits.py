"""Who a call is counted for, and the limits on all of a key's calls together: those in the key, else the owner's."""

from __future__ import annotations

from proxy.call import Caller, Grant
from proxy.settings.config import Config
from proxy.store.base import NANO_PER_USD, Holder, Limits

# When keys end that never do, such as PROXY_KEY: in the year 2100. Stores keep numbers.
NEVER = 4_102_444_800
_NOTHING = Grant()


def holder_of(caller: Caller) -> Holder:
    """The holder that a call with the server's key is counted for. Each key of PROXY_KEY is one; so is everybody else.

    Where anybody may call, all callers without a key are one holder.
    """
    name, _, key_id = caller.id.rpartition("/")
    return Holder(key_id, name or key_id, caller.expires or NEVER)


def limits_of(caller: Caller, config: Config) -> Limits:
    """The limits of a caller. Each one that the key does not name is the owner's (KEY_BUDGET_USD and its siblings)."""
    grant = caller.grant or _NOTHING
    budget, period = grant.budget, grant.period
    if budget is None:
        budget = None if config.key_budget_usd is None else round(config.key_budget_usd * NANO_PER_USD)
        period = config.key_budget_per
    return Limits(
        budget,
        period,
        config.key_rpm if grant.rpm is None else grant.rpm,
        config.key_tpm if grant.tpm is None else grant.tpm,
        config.key_parallel if grant.parallel is None else grant.parallel,
    )
