"""A key's balance in the form of OpenAI's former billing API, which apps still read.

Which members apps read, and what gateways answer:

- NextChat shows `total_usage` (cents) and `hard_limit_usd` (dollars), and asks for the days from the first of the month
  to tomorrow: github.com/ChatGPTNextWeb/NextChat app/client/platforms/openai.ts `usage()` (read 2026-11-27).
- one-api and its relatives answer `subscription` and `usage`. `access_until` is 0 for a key that never ends, and the
  limit of a key without one is 100 million dollars: github.com/songquanpeng/one-api controller/billing.go and
  controller/channel-billing.go (read 2026-11-27).
- `credit_grants` as OpenAI answered it: github.com/chatboxai/chatbox/issues/225 (read 2026-11-27).

Apps ask for all kinds of days and subtract the total from the limit. So `total_usage` is always what was spent in the
current period of the budget, and only `daily_costs` follows the days asked for.
"""

from __future__ import annotations

from datetime import date, datetime, timezone
from typing import Any

from proxy.call import Call
from proxy.endpoints.spending import account as accounts
from proxy.endpoints.spending.account import Account
from proxy.errors import MethodNotAllowed
from proxy.messages import Reply
from proxy.store import periods
from proxy.store.base import NANO_PER_USD, Balance, Row
from proxy.wire import work

# The limit of a key without one, in dollars, as one-api has it: apps need a number and know this one.
UNLIMITED_USD = 100_000_000
_NANO_PER_CENT = NANO_PER_USD // 100


async def answer(call: Call) -> Reply:
    """Answer one of BILLING_PATHS for a caller without a key of its own: its own budget, and nothing else.

    Raises MethodNotAllowed, NotCounted, BadRequest for days that make no sense, and StoreUnavailable: a balance
    cannot be guessed, so STORE_ON_ERROR changes nothing here.
    """
    if call.request.method not in ("GET", "HEAD"):
        raise MethodNotAllowed("A balance can only be read. Send GET.")
    account = accounts.own(call)
    days = accounts.span(call, "start_date", "end_date", lambda until: until.replace(day=1))
    await call.request.read(accounts.MAX_BODY_BYTES)  # platforms report a disconnect only after the body has been read
    now = call.host.clock.wall()
    state = await accounts.balance(account, now)
    name = call.path.rpartition("/")[2]
    if name == "subscription":
        value = _subscription(account, state)
    elif name == "credit_grants":
        value = _credit_grants(account, state, now)
    else:
        rows = await account.store.spending(days.since, days.until, account.holder.id)
        daily_costs = await work.run(_daily_costs(rows), call.host.clock)
        value = {"object": "list", "daily_costs": daily_costs, "total_usage": state.spent / _NANO_PER_CENT}
    return await accounts.reply(call, value)


def _subscription(account: Account, state: Balance) -> dict[str, Any]:
    limit = _limit_usd(state)
    return {
        "object": "billing_subscription",
        "has_payment_method": True,
        "soft_limit_usd": limit,
        "hard_limit_usd": limit,
        "system_hard_limit_usd": limit,
        "access_until": account.expires or 0,
    }


def _credit_grants(account: Account, state: Balance, now: float) -> dict[str, Any]:
    """The budget of the current period as one grant."""
    limit, used = _limit_usd(state), state.spent / NANO_PER_USD
    begin, end = _period(account.limits.period, now)
    grant = {
        "object": "credit_grant",
        "id": periods.period_key(account.limits.period, now),
        "grant_amount": limit,
        "used_amount": used,
        "effective_at": begin,
        "expires_at": min(end or account.holder.expires, account.holder.expires),
    }
    available = accounts.left(state, reserved=False)
    return {
        "object": "credit_summary",
        "total_granted": limit,
        "total_used": used,
        "total_available": UNLIMITED_USD - used if available is None else available / NANO_PER_USD,
        "grants": {"object": "list", "data": [grant]},
    }


def _limit_usd(state: Balance) -> float:
    return UNLIMITED_USD if state.limit is None else state.limit / NANO_PER_USD


def _period(period: str, now: float) -> tuple[int, int | None]:
    """When the period that contains `now` begins and ends, in Unix time: 0 and None for one that has no bounds."""
    seconds = periods.seconds_left(period, now)
    if seconds is None:
        return 0, None
    key = periods.period_key(period, now)
    return _midnight(key if len(key) == len("2026-11-27") else f"{key}-01"), round(now + seconds)


def _daily_costs(rows: list[Row]) -> work.Slices[list[dict[str, Any]]]:
    """Each day on which something was spent, with the cost in cents of each model."""
    days: dict[str, list[dict[str, Any]]] = {}
    for number, row in enumerate(rows, 1):
        days.setdefault(row.day, []).append({"name": row.model, "cost": row.cost / _NANO_PER_CENT})
        if number % work.SLICE == 0:
            yield work.SLICE
    return [{"timestamp": float(_midnight(day)), "line_items": items} for day, items in days.items()]


def _midnight(day: str) -> int:
    """The Unix time at which a day begins in UTC."""
    first = date.fromisoformat(day)
    return int(datetime(first.year, first.month, first.day, tzinfo=timezone.utc).timestamp())
