"""`GET /sluice/usage`: what a key has spent by day and model, and its limits; with ADMIN_KEY, what all keys have.

Costs are texts in US dollars, exact to the nano-dollar. The console's tab Usage shows this report.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

from proxy.access import auth
from proxy.call import Call, Caller
from proxy.cost.key_limits import NEVER
from proxy.endpoints.spending import account as accounts
from proxy.endpoints.spending.account import Account, Span
from proxy.messages import Reply
from proxy.settings.config import Config
from proxy.store import periods
from proxy.store.base import KeyRecord, Row, Store, usd
from proxy.wire import work

_DAYS = 30  # that are reported if the query has no `since`
# In a report. Totals also count the rows that are left out, and no key alone has many more.
MAX_ROWS, MAX_KEYS = 10_000, 5_000
ACTIVE, EXPIRED, REVOKED = "active", "expired", "revoked"


class Sums(NamedTuple):
    """What several rows add up to. `cost` is in nano-dollars, `input` and `output` are tokens."""

    calls: int = 0
    cost: int = 0
    input: int = 0
    output: int = 0

    def plus(self, row: Row) -> Sums:
        """These sums with a row added."""
        return Sums(self.calls + row.calls, self.cost + row.cost, self.input + row.input, self.output + row.output)

    def shown(self) -> dict[str, Any]:
        """The members of the report."""
        return {"calls": self.calls, "input": self.input, "output": self.output, "cost_usd": usd(self.cost)}


async def answer(call: Call) -> Reply:
    """Report the days from `since` to `until` (YYYY-MM-DD, both included), by default the last 30.

    Raises the errors of `auth.admit`, NotCounted, BadRequest for days that make no sense, and StoreUnavailable.
    """
    if auth.is_admin(call.request.headers, call.config):
        call.admit(Caller(None, "admin"))
        store = accounts.store_of(call)
        return await accounts.reply(call, await _of_all(call, store, _span(call)))
    call.admit(auth.admit(call.request.headers, call.config, call.host.clock.wall()))
    account = accounts.own(call)
    return await accounts.reply(call, await _of_one(call, account, _span(call)))


def _span(call: Call) -> Span:
    return accounts.span(call, "since", "until", lambda until: until - timedelta(_DAYS - 1))


async def _of_one(call: Call, account: Account, days: Span) -> dict[str, Any]:
    """The report of the caller's own key."""
    await call.request.read(accounts.MAX_BODY_BYTES)  # platforms report a disconnect only after the body has been read
    now = call.host.clock.wall()
    state = await accounts.balance(account, now)
    rows = await account.store.spending(days.since, days.until, account.holder.id)
    shown, total, _ = await work.run(_added(rows, is_owner=False), call.host.clock)
    limits, seconds = account.limits, periods.seconds_left(account.limits.period, now)
    remaining = accounts.left(state, reserved=True)
    return {
        "object": "sluice.usage",
        **days._asdict(),
        "id": account.holder.id,
        "name": account.holder.name,
        "expires": account.expires,
        "limits": {
            "budget_usd": None if limits.budget is None else usd(limits.budget),
            "period": limits.period,
            "starts_again": None if seconds is None else round(now + seconds),
            "rpm": limits.requests,
            "tpm": limits.tokens,
            "parallel": limits.parallel,
        },
        "balance": {
            "spent_usd": usd(state.spent),
            "reserved_usd": usd(state.reserved),
            "left_usd": None if remaining is None else usd(remaining),
        },
        "totals": total.shown(),
        "rows": shown,
        "rows_left_out": len(rows) - len(shown),
    }


async def _of_all(call: Call, store: Store, days: Span) -> dict[str, Any]:
    """The owner's report."""
    await call.request.read(accounts.MAX_BODY_BYTES)
    records = await store.keys()
    rows = await store.spending(days.since, days.until)
    shown, total, by_key = await work.run(_added(rows, is_owner=True), call.host.clock)
    now = call.host.clock.wall()
    keys = await work.run(_keys(records, by_key, call.config, now), call.host.clock)
    return {
        "object": "sluice.usage.all",
        **days._asdict(),
        "keys": keys[:MAX_KEYS],
        "keys_left_out": len(keys[MAX_KEYS:]),
        "totals": total.shown(),
        "rows": shown,
        "rows_left_out": len(rows) - len(shown),
    }


def _added(rows: list[Row], is_owner: bool) -> work.Slices[tuple[list[dict[str, Any]], Sums, dict[str, Sums]]]:
    """The newest MAX_ROWS rows as the report shows them, the sum of all, and the sums by key."""
    shown: list[dict[str, Any]] = []
    total, by_key = Sums(), dict[str, Sums]()
    left_out = len(rows) - MAX_ROWS
    for number, row in enumerate(rows):
        total = total.plus(row)
        by_key[row.holder] = by_key.get(row.holder, Sums()).plus(row)
        if number >= left_out:
            key = {"key": row.holder, "name": row.name} if is_owner else {}
            shown.append({"day": row.day, **key, "model": row.model, **Sums().plus(row).shown()})
        if number % work.SLICE == 0:
            yield work.SLICE
    return shown, total, by_key


def _keys(
    records: list[KeyRecord], by_key: dict[str, Sums], config: Config, now: float
) -> work.Slices[list[dict[str, Any]]]:
    """Every key that has been used, with what it spent in these days; those that spent most come first."""
    keys: list[tuple[int, dict[str, Any]]] = []
    for number, record in enumerate(records):
        sums = by_key.get(record.id, Sums())
        shown = {
            "id": record.id,
            "name": record.name,
            "state": _state(record, config, now),
            "expires": None if record.expires >= NEVER else record.expires,
            "first_seen": round(record.first_seen),
            "last_seen": round(record.last_seen),
        }
        keys.append((sums.cost, {**shown, **sums.shown()}))
        if number % work.SLICE == 0:
            yield work.SLICE
    keys.sort(key=lambda pair: -pair[0])
    return [shown for _, shown in keys]


def _state(record: KeyRecord, config: Config, now: float) -> str:
    """Revoked, in the store or by REVOKED_KEYS, or expired, or active."""
    if record.revoked or record.id in config.revoked_keys or record.name in config.revoked_keys:
        return REVOKED
    return EXPIRED if record.expires <= now else ACTIVE
