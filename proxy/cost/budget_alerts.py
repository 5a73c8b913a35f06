"""BUDGET_WEBHOOK: an address that is told, once each, that a key has spent 80 % and 100 % of its budget."""

from __future__ import annotations

import json
from typing import Any

from proxy import log
from proxy.call import Call
from proxy.errors import ProxyError
from proxy.store import periods
from proxy.store.base import Balance, Holder, Limits, Store, StoreUnavailable, usd
from proxy.upstream import Outgoing, Target, Timeouts

THRESHOLDS = (80, 100)  # per cent
_SECONDS = 3.0  # to connect, and to answer
_MAX_NOTED = 10_000


class Noted:
    """The thresholds that this process knows to be told already: holder, period and per cent."""

    def __init__(self) -> None:
        self.told: dict[tuple[str, str, int], None] = {}


async def check(call: Call, store: Store, holder: Holder, limits: Limits, balance: Balance) -> None:
    """Tell the owner's webhook about a threshold that was reached. Never raises but when cancelled from outside."""
    address, limit = call.config.budget_webhook, balance.limit
    if address is None or limit is None:
        return
    now = call.host.clock.wall()
    period, told = periods.period_key(limits.period, now), call.host.state(Noted).told
    for percent in THRESHOLDS:
        key = (holder.id, period, percent)
        if balance.spent * 100 < limit * percent or key in told:
            continue
        try:
            is_first = await store.note_threshold(holder.id, period, percent, now)
        except StoreUnavailable:
            return  # the next call tries again
        told[key] = None
        if len(told) > _MAX_NOTED:
            told.pop(next(iter(told)))
        if is_first:
            await _post(call, address, _message(holder, period, percent, balance))


def _message(holder: Holder, period: str, percent: int, balance: Balance) -> dict[str, Any]:
    spent, budget = usd(balance.spent), usd(balance.limit or 0)
    text = f"Sluice: the key {holder.name} has spent {percent} % of its budget ({spent} of {budget} US dollars)."
    return {
        "event": "budget_threshold",
        "text": text,  # what Slack and most chat services show of a message
        "key_name": holder.name,
        "key_id": holder.id,
        "percent": percent,
        "period": period,
        "spent_usd": spent,
        "budget_usd": budget,
    }


async def _post(call: Call, address: str, message: dict[str, Any]) -> None:
    base_url, _, path = address.partition("://")[2].partition("/")
    path, _, query = path.partition("?")
    target = Target("webhook", f"{address.partition('://')[0]}://{base_url}", "", id="webhook")
    headers = [("content-type", "application/json"), ("accept-encoding", "identity")]
    body = json.dumps(message).encode()
    fields: dict[str, Any] = {"event": "budget_webhook", "percent": message["percent"], "key_id": message["key_id"]}
    try:
        answer = await call.upstream.send(
            Outgoing(target, "POST", path, query, headers, body, Timeouts(_SECONDS, _SECONDS, _SECONDS))
        )
        await answer.body.aclose()
        fields["status"] = answer.status
        failed = answer.status >= 300
    except ProxyError as error:
        fields["error"], failed = error.code, True
    log.line(call.host, call.config.log_level, "warning" if failed else "info", fields)
