"""What a store must do, in the plainest form: lists in memory that are searched anew for each question."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from proxy.store.base import Balance, Claim, Holder, Limits, Refusal, Row, Spending

BUCKET = 3


class Call(NamedTuple):
    """A reservation. `counted` is the time in whose minute it counts; None if no rate was limited."""

    holder: str
    claim: Claim
    ends: float
    counted: float | None


class Booked(NamedTuple):
    holder: str
    day: str
    spending: Spending


class Used(NamedTuple):
    """A request, and the tokens of a claim at a time."""

    holder: str
    claim_id: str
    at: float
    requests: int
    tokens: int


@dataclass
class Model:
    live: list[Call] = field(default_factory=list)
    booked: list[Booked] = field(default_factory=list)
    settled: set[tuple[str, str]] = field(default_factory=set)
    used: list[Used] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)
    noted: set[tuple[str, str, int]] = field(default_factory=set)

    def reserve(self, holder: Holder, limits: Limits, claim: Claim, now: float) -> Balance | Refusal:
        self.names[holder.id] = holder.name
        if {holder.id, holder.name} & self.revoked:
            return Refusal("revoked", None)
        if any((call.holder, call.claim.id) == (holder.id, claim.id) for call in self.live):
            return self.balance(holder.id, limits, now)
        self._run_out(holder.id, now)
        running = [call for call in self.live if call.holder == holder.id]
        if limits.parallel is not None and len(running) >= limits.parallel:
            return Refusal("parallel", 2.0 if limits.parallel else None)
        for reason, limit, amount in (("requests", limits.requests, 1), ("tokens", limits.tokens, claim.tokens)):
            wait = self._wait(holder.id, reason, limit, amount, now)
            if wait != 0:
                return Refusal(reason, wait)
        if limits.budget is not None:
            spent, reserved, _ = self.balance(holder.id, limits, now)
            if claim.cost > limits.budget:
                return Refusal("budget", None)
            if spent + claim.cost > limits.budget:
                return Refusal("budget", _left(limits.period, now))
            if spent + reserved + claim.cost > limits.budget:
                return Refusal("budget", 2.0)
        limited = limits.requests is not None or limits.tokens is not None
        self.live.append(Call(holder.id, claim, now + claim.seconds, now if limited else None))
        if limited:
            self.used.append(Used(holder.id, claim.id, now, 1, claim.tokens))
        return self.balance(holder.id, limits, now)

    def settle(self, holder: Holder, limits: Limits, claim_id: str, spending: Spending, now: float) -> Balance:
        self.names[holder.id] = holder.name
        self._end(holder.id, claim_id, spending.input + spending.output)
        self._run_out(holder.id, now)
        if (holder.id, claim_id) not in self.settled:
            self.settled.add((holder.id, claim_id))
            self.booked.append(Booked(holder.id, _day(now), spending))
        return self.balance(holder.id, limits, now)

    def release(self, holder: Holder, claim_id: str, now: float) -> None:
        self._end(holder.id, claim_id, 0)
        self._run_out(holder.id, now)

    def balance(self, holder_id: str, limits: Limits, now: float) -> Balance:
        days = {"day": _day(now), "month": _day(now)[:7], "total": ""}[limits.period]
        mine = [one for one in self.booked if one.holder == holder_id and one.day.startswith(days)]
        live = [call for call in self.live if call.holder == holder_id and call.ends > now]
        return Balance(sum(one.spending.cost for one in mine), sum(call.claim.cost for call in live), limits.budget)

    def revoke(self, name_or_id: str, now: float) -> int:
        self.revoked.add(name_or_id)
        return sum(name_or_id in pair for pair in self.names.items())

    def note_threshold(self, holder_id: str, period_key: str, percent: int, now: float) -> bool:
        note = (holder_id, period_key, percent)
        is_new = note not in self.noted
        self.noted.add(note)
        return is_new

    def spending(self, since: str, until: str, holder_id: str) -> list[Row]:
        mine = [one for one in self.booked if one.holder == holder_id and since <= one.day <= until]
        rows = []
        for day, model in sorted({(one.day, one.spending.model) for one in mine}):
            same = [one.spending for one in mine if (one.day, one.spending.model) == (day, model)]
            sums = [sum(values) for values in zip(*(one[:3] for one in same), strict=True)]
            rows.append(Row(holder_id, self.names[holder_id], day, model, len(same), *sums))
        return rows

    def _run_out(self, holder_id: str, now: float) -> None:
        self.live = [call for call in self.live if call.holder != holder_id or call.ends > now]

    def _end(self, holder_id: str, claim_id: str, tokens: int) -> None:
        for call in self.live:
            if (call.holder, call.claim.id) == (holder_id, claim_id):
                self.live.remove(call)
                if call.counted is not None:
                    self.used.append(Used(holder_id, claim_id, call.counted, 0, tokens - call.claim.tokens))
                return

    def _wait(self, holder_id: str, kind: str, limit: int | None, amount: int, now: float) -> float | None:
        """How long until `amount` more is within the limit: 0 for now, None for never."""
        if limit is None:
            return 0
        if amount > limit:
            return None
        counts: dict[int, int] = {}
        for one in self.used:
            bucket = int(one.at // BUCKET)
            in_window = (bucket + 1) * BUCKET > now - 60 and bucket <= (now + 60) // BUCKET
            if one.holder == holder_id and in_window:
                counts[bucket] = counts.get(bucket, 0) + getattr(one, kind)
        leave = [0.0, *((bucket + 1) * BUCKET + 60 - now for bucket in sorted(counts) if counts[bucket])]
        kept = sum(counts.values())
        for position, wait in enumerate(leave):
            if position:
                kept -= counts[round((wait + now - 60) / BUCKET) - 1]
            if kept + amount <= limit:
                return wait
        raise AssertionError("an empty window has room")


def _day(now: float) -> str:
    return datetime.fromtimestamp(now, timezone.utc).strftime("%Y-%m-%d")


def _left(period: str, now: float) -> float | None:
    moment = datetime.fromtimestamp(now, timezone.utc)
    next_one = moment
    while period != "total" and _name(period, next_one) == _name(period, moment):
        next_one = (next_one + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return None if period == "total" else (next_one - moment).total_seconds()


def _name(period: str, moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d" if period == "day" else "%Y-%m")
