"""Whose spending a call asks for, in which days, and how the answer is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date, timedelta
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from proxy import store
from proxy.call import Call
from proxy.cost import key_limits
from proxy.errors import BadRequest, NotCounted
from proxy.messages import Headers, Reply
from proxy.store import periods
from proxy.store.base import KEPT_DAYS, Balance, Holder, Limits, Store
from proxy.wire import work

MAX_BODY_BYTES = 100_000
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_FIRST_YEAR = 2000  # no store is older, and no span that begins later leaves the calendar
_MAX_PARAMETERS = 20
_ENCODER = json.JSONEncoder(ensure_ascii=False)


class Account(NamedTuple):
    """The caller's own budget. `expires` is Unix time, None for a key that never ends."""

    store: Store
    holder: Holder
    limits: Limits
    expires: int | None


class Span(NamedTuple):
    """Days in UTC, as YYYY-MM-DD, both included."""

    since: str
    until: str


def store_of(call: Call) -> Store:
    """The store of this process. Raises NotCounted without one, ConfigError for one that cannot work here."""
    opened = store.of(call.config, call.upstream, call.host)
    if opened is None:
        raise NotCounted
    return opened


def own(call: Call) -> Account:
    """The account of the admitted caller. Raises NotCounted if nothing is counted for it, else as `store_of`."""
    caller = call.caller
    if caller is None or caller.own_key:
        raise NotCounted(
            "Calls with your own provider key are not counted here, so there is no balance to show. Ask your provider."
        )
    limits = key_limits.limits_of(caller, call.config)
    return Account(store_of(call), key_limits.holder_of(caller), limits, caller.expires)


async def balance(account: Account, now: float) -> Balance:
    """The account's budget in the period of `now` (Unix time). Raises StoreUnavailable."""
    return await account.store.balance(account.holder.id, account.limits, now)


def left(state: Balance, *, reserved: bool) -> int | None:
    """What a budget has left, in nano-dollars, also after what running calls have `reserved`; None without a budget."""
    if state.limit is None:
        return None
    return max(0, state.limit - state.spent - (state.reserved if reserved else 0))


def span(call: Call, first: str, last: str, begin: Callable[[date], date]) -> Span:
    """The days that the query asks for with its parameters `first` and `last`.

    Without the last one until today; without the first one from `begin` of the last. Raises BadRequest unless both are
    YYYY-MM-DD, in order, and at most KEPT_DAYS.
    """
    try:
        query = parse_qs(call.request.query, max_num_fields=_MAX_PARAMETERS)
    except ValueError:
        raise BadRequest(f"The query has more than {_MAX_PARAMETERS} parameters. Send {first} and {last}.") from None
    since, until = (_day(name, query.get(name, [""])[-1]) for name in (first, last))
    today = date.fromisoformat(periods.day_of(call.host.clock.wall()))
    until = until or max(today, since or today)
    since = since or begin(until)
    if since > until:
        raise BadRequest(f"{first} is later than {last}. Swap them.", param=first)
    if until - since >= timedelta(KEPT_DAYS):
        raise BadRequest(
            f"{first} and {last} span more than {KEPT_DAYS} days, and no spending is kept longer. Ask for fewer days.",
            param=first,
        )
    return Span(since.isoformat(), until.isoformat())


def _day(name: str, text: str) -> date | None:
    """The day of a parameter; None if it is missing or empty."""
    if not text:
        return None
    if _DAY.fullmatch(text):
        try:
            day = date.fromisoformat(text)
        except ValueError:
            day = date.min
        if day.year >= _FIRST_YEAR:
            return day
    raise BadRequest(f"{name} is not a day. Write it as YYYY-MM-DD, for example 2026-11-27.", param=name)


async def reply(call: Call, value: dict[str, Any]) -> Reply:
    """`value` as JSON. It may hold thousands of rows, so other calls proceed while it is encoded."""
    body = await work.run(_encode(value), call.host.clock)
    return Reply(200, Headers([("content-type", "application/json"), ("cache-control", "no-store")]), body)


def _encode(value: dict[str, Any]) -> work.Slices[bytes]:
    pieces, parts = [], _ENCODER.iterencode(value)
    while batch := list(islice(parts, work.SLICE)):
        pieces.append("".join(batch).encode("utf-8", "replace"))
        yield len(batch)
    return b"".join(pieces)
