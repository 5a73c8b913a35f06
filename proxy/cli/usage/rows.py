"""Rows: what a call, or a sum of calls, adds to the table. The log's lines become rows here.

Whatever else knows what was spent makes rows of its own and adds them to the same table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, NamedTuple

from proxy.cli.usage.options import GROUPS

# Shown for what a line does not have: the key of a request without one, the model of a request that names none.
UNKNOWN = "-"
# Endings of a call that are no failure: proxy/log.py has them all.
_GOOD_ENDINGS = frozenset(("complete", "client_disconnected", "handed_over"))
_COUNTED_HERE = frozenset(("estimate", "at_least"))
# Their own methods aside, only these cost anything: a GET that reaches no upstream is a probe, or the console's page.
_FREE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
_MINUTE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
_MAX_NAME_LENGTH = 200
# No line has more (proxy/cost/figures.py), and sums of less never overflow the table's decimals.
_MAX_TOKENS = 1_000_000_000_000
_MAX_COST, _MIN_EXPONENT = Decimal(1_000_000_000), -20
_ZERO = Decimal(0)


class Row(NamedTuple):
    """The names that calls are grouped by, and figures to add: of one call, or of many that have the same names.

    `day` is YYYY-MM-DD. `cost_usd` is in US dollars and exact. `estimated_tokens` are those of the input and the output
    that Sluice counted itself, because the upstream reported none. `unpriced_calls` succeeded and have no known cost.
    """

    key: str
    model: str
    response_model: str
    day: str
    upstream: str
    path: str
    platform: str
    status: str
    calls: int
    failed_calls: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    estimated_tokens: int
    unpriced_calls: int
    cost_usd: Decimal


FIRST_FIGURE = len(GROUPS)  # the fields before are the names, in the order of GROUPS
FIGURES = Row._fields[FIRST_FIGURE:]


def maker(utc_offset: timedelta) -> Callable[[Mapping[str, Any]], Row | None]:
    """Return the function that makes a row of a line's fields, with days that begin at midnight at `utc_offset`.

    It returns None for lines that are no call: events, probes, and pages that Sluice serves itself. Fields may be texts
    that hold numbers, as they are in CSV.
    """

    @lru_cache(maxsize=4_096)
    def day_of(minute: str) -> str:
        if not _MINUTE.fullmatch(minute):
            return UNKNOWN
        try:
            return (datetime.fromisoformat(minute) + utc_offset).date().isoformat()
        except (ValueError, OverflowError):
            return UNKNOWN

    def make(fields: Mapping[str, Any]) -> Row | None:
        get = fields.get
        status, upstream = _count(get("status")), get("upstream")
        if not status or (upstream is None and get("method") in _FREE_METHODS):
            return None
        prompt, output = _count(get("gen_ai.usage.input_tokens")), _count(get("gen_ai.usage.output_tokens"))
        cost = _cost(get("cost_usd"))
        has_failed = status >= 400 or get("ending", "complete") not in _GOOD_ENDINGS
        asked, answered = get("gen_ai.request.model"), get("gen_ai.response.model")
        timestamp = get("timestamp")
        return Row(
            _name(get("key_id")),
            _name(asked or answered),
            _name(answered or asked),
            day_of(timestamp[:16]) if isinstance(timestamp, str) else UNKNOWN,
            _name(upstream),
            _name(get("path")),
            _name(get("platform")),
            str(status),
            1,
            int(has_failed),
            prompt,
            _count(get("gen_ai.usage.cache_read.input_tokens")),
            output,
            prompt + output if get("usage_source") in _COUNTED_HERE else 0,
            int(cost is None and status < 400 and upstream is not None and get("method") not in _FREE_METHODS),
            _ZERO if cost is None else cost,
        )

    return make


def _name(value: Any) -> str:
    return value[:_MAX_NAME_LENGTH] if isinstance(value, str) and value else UNKNOWN


def _count(value: Any) -> int:
    """The number of tokens, or the status; 0 where there is none, or no plausible one."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 13:
        value = int(value)
    return value if type(value) is int and 0 <= value <= _MAX_TOKENS else 0


def _cost(value: Any) -> Decimal | None:
    """US dollars, exactly as written; None where there are none, or no plausible ones."""
    if isinstance(value, str):
        try:
            value = Decimal(value)
        except InvalidOperation:
            return None
    if type(value) is int:  # not true and false
        value = Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite() or not 0 <= value <= _MAX_COST:
        return None
    exponent = value.as_tuple().exponent
    return value if isinstance(exponent, int) and exponent >= _MIN_EXPONENT else None
