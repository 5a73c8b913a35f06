"""The periods of budgets and the window of rates, as numbers and names. Pure.

Rates are counted in buckets of BUCKET_SECONDS. A bucket counts until its last second is out of the window, so no 60
seconds hold more than the limit; a caller who is at the limit waits up to BUCKET_SECONDS longer than necessary.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from math import floor
from typing import NamedTuple

from proxy.store.base import DAY, DAY_SECONDS, MONTH, TOTAL

WINDOW_SECONDS, BUCKET_SECONDS = 60, 3
# Of a holder's sums, those of periods that ended longer ago are removed. Clocks may differ, but not by so much.
_KEPT_PERIOD_DAYS = 40


class Window(NamedTuple):
    """Buckets: the one that counts a call now, the first and the last that are in the window, the oldest to keep.

    Buckets in the future are those of instances whose clock is ahead. More than a window ahead, a clock is wrong.
    """

    current: int
    first: int
    last: int
    oldest: int


def window(now: float) -> Window:
    """The window that ends at `now`."""
    first = floor((now - WINDOW_SECONDS) / BUCKET_SECONDS)
    size = WINDOW_SECONDS // BUCKET_SECONDS
    return Window(floor(now / BUCKET_SECONDS), first, floor((now + WINDOW_SECONDS) / BUCKET_SECONDS), first - size)


def leaves(bucket: int, now: float) -> float:
    """In how many seconds a bucket has left the window."""
    return (bucket + 1) * BUCKET_SECONDS + WINDOW_SECONDS - now


def day_of(now: float) -> str:
    """The day as YYYY-MM-DD, in UTC."""
    return _utc(now).strftime("%Y-%m-%d")


def period_key(period: str, now: float) -> str:
    """The name of the period that contains `now`: 2026-11-27, 2026-11 or total. Raises ValueError for other periods."""
    if period == TOTAL:
        return TOTAL
    if period not in (DAY, MONTH):
        raise ValueError(f"a period is {DAY}, {MONTH} or {TOTAL}")
    return day_of(now) if period == DAY else day_of(now)[:7]


def seconds_left(period: str, now: float) -> float | None:
    """How long the period that contains `now` still lasts; None if it never ends."""
    if period == TOTAL:
        return None
    moment = _utc(now)
    end = moment.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    if period == MONTH and end.day != 1:
        end = (end.replace(day=1) + timedelta(days=32)).replace(day=1)  # 32 days after its first day, a month is over
    return (end - moment).total_seconds()


def oldest_day(now: float) -> str:
    """Sums of days before this one, and of months before its month, are no longer needed."""
    return day_of(now - _KEPT_PERIOD_DAYS * DAY_SECONDS)


def months(since: str, until: str) -> list[str]:
    """The months, as YYYY-MM, from the day `since` to the day `until`."""
    first, last = ((int(year), int(month)) for year, month in (since.split("-")[:2], until.split("-")[:2]))
    count = (last[0] - first[0]) * 12 + last[1] - first[1] + 1
    positions = (first[1] - 1 + offset for offset in range(count))
    return [f"{first[0] + position // 12:04d}-{position % 12 + 1:02d}" for position in positions]


def _utc(now: float) -> datetime:
    return datetime.fromtimestamp(now, timezone.utc)
