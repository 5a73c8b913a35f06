"""The operations of a SQLite store, each inside a transaction that its caller began."""

from __future__ import annotations

import sqlite3

from proxy.store import periods, sqlite_schema
from proxy.store.base import (
    DAY,
    DAY_SECONDS,
    KEPT_DAYS,
    MAX_CLAIMS,
    MAX_MODELS,
    MONTH,
    OTHER,
    REVOKED_DAYS,
    SETTLED_SECONDS,
    TOTAL,
    Balance,
    Claim,
    Holder,
    KeyRecord,
    Limits,
    Refusal,
    Row,
    Spending,
    model_label,
)
from proxy.store.refusals import NEVER, PERIOD, SOON, refusal


def reserve(db: sqlite3.Connection, holder: Holder, limits: Limits, claim: Claim, now: float) -> Balance | Refusal:
    """See base.Store."""
    period = periods.period_key(limits.period, now)
    if _register(db, holder, now):
        return refusal("revoked", NEVER, limits, now)
    known = db.execute("SELECT 1 FROM claims WHERE holder = ? AND id = ?", (holder.id, claim.id)).fetchone()
    if known is not None:  # a repeat
        return balance(db, holder.id, limits.budget, period, now)
    _prune(db, holder.id, now)
    broken = _broken_limit(db, holder.id, limits, claim, now)
    if broken is not None:
        return refusal(*broken, limits, now)
    bucket = None
    if limits.requests is not None or limits.tokens is not None:
        bucket = periods.window(now).current
        db.execute(
            "INSERT INTO rates VALUES (?, ?, 1, ?) ON CONFLICT (holder, bucket) DO UPDATE "
            "SET requests = requests + 1, tokens = tokens + excluded.tokens",
            (holder.id, bucket, claim.tokens),
        )
    values = (holder.id, claim.id, claim.cost, claim.tokens, bucket, now + claim.seconds)
    db.execute("INSERT INTO claims VALUES (?, ?, ?, ?, ?, ?)", values)
    return balance(db, holder.id, limits.budget, period, now)


def settle(  # noqa: PLR0917 — the operation's own
    db: sqlite3.Connection, holder: Holder, limits: Limits, claim_id: str, spending: Spending, now: float
) -> Balance:
    """See base.Store."""
    period = periods.period_key(limits.period, now)
    _register(db, holder, now)
    _end(db, holder.id, claim_id, spending.input + spending.output)
    _prune(db, holder.id, now)
    db.execute("DELETE FROM settled WHERE at < ?", (now - SETTLED_SECONDS,))
    if db.execute("INSERT INTO settled VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (holder.id, claim_id, now)).rowcount:
        _book(db, holder.id, spending, now)
    return balance(db, holder.id, limits.budget, period, now)


def release(db: sqlite3.Connection, holder_id: str, claim_id: str, now: float) -> None:
    """See base.Store."""
    _end(db, holder_id, claim_id, 0)
    _prune(db, holder_id, now)


def balance(db: sqlite3.Connection, holder_id: str, budget: int | None, period: str, now: float) -> Balance:
    """See base.Store. `period` is a period_key."""
    where = "FROM claims WHERE holder = ? AND until > ?"
    reserved = db.execute(f"SELECT coalesce(sum(cost), 0) {where}", (holder_id, now)).fetchone()[0]
    return Balance(_spent(db, holder_id, period), reserved, budget)


def revoke(db: sqlite3.Connection, name_or_id: str, now: float) -> int:
    """See base.Store."""
    until = now + REVOKED_DAYS * DAY_SECONDS
    db.execute("INSERT OR REPLACE INTO revoked VALUES (?, ?)", (name_or_id, until))
    return db.execute("UPDATE keys SET revoked = 1 WHERE ? IN (id, name)", (name_or_id,)).rowcount


def keys(db: sqlite3.Connection) -> list[KeyRecord]:
    """See base.Store."""
    rows = db.execute("SELECT id, name, expires, revoked, first_seen, last_seen FROM keys ORDER BY name, id")
    return [KeyRecord._make(row)._replace(revoked=bool(row[3])) for row in rows]


def spending(db: sqlite3.Connection, since: str, until: str, holder_id: str | None) -> list[Row]:
    """See base.Store."""
    rows = db.execute(
        "SELECT holder, coalesce(name, ''), day, model, calls, cost, input, output "
        "FROM spending LEFT JOIN keys ON keys.id = holder "
        "WHERE day BETWEEN ? AND ? AND holder = coalesce(?, holder) ORDER BY day, holder, model",
        (since, until, holder_id),
    )
    return [Row(*row) for row in rows]


def note_threshold(db: sqlite3.Connection, holder_id: str, period_key: str, percent: int, now: float) -> bool:
    """See base.Store."""
    until = now + (REVOKED_DAYS if period_key == TOTAL else KEPT_DAYS) * DAY_SECONDS
    values = (holder_id, period_key, percent, until)
    return db.execute("INSERT INTO notes VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", values).rowcount > 0


def _register(db: sqlite3.Connection, holder: Holder, now: float) -> bool:
    """Note that a key was seen. Returns whether it is revoked."""
    sqlite_schema.clean(db, now)
    db.execute(
        "INSERT INTO keys VALUES (:id, :name, :expires, EXISTS (SELECT 1 FROM revoked WHERE subject IN (:id, :name)), "
        ":now, :now) ON CONFLICT (id) DO UPDATE SET name = excluded.name, expires = excluded.expires, "
        "revoked = max(revoked, excluded.revoked), last_seen = max(last_seen, excluded.last_seen)",
        {**holder._asdict(), "now": now},
    )
    return bool(db.execute("SELECT revoked FROM keys WHERE id = ?", (holder.id,)).fetchone()[0])


def _broken_limit(
    db: sqlite3.Connection, holder_id: str, limits: Limits, claim: Claim, now: float
) -> tuple[str, str | int] | None:
    """The first limit that the claim would break, and when a repeat can succeed; None if there is none."""
    running, reserved = db.execute(
        "SELECT count(*), coalesce(sum(cost), 0) FROM claims WHERE holder = ?", (holder_id,)
    ).fetchone()
    if running >= min(MAX_CLAIMS, MAX_CLAIMS if limits.parallel is None else limits.parallel):
        return ("parallel", NEVER if limits.parallel == 0 else SOON)
    window = periods.window(now)
    for column, limit, amount in (("requests", limits.requests, 1), ("tokens", limits.tokens, claim.tokens)):
        if limit is None:
            continue
        buckets = db.execute(
            f"SELECT bucket, {column} FROM rates WHERE holder = ? AND bucket BETWEEN ? AND ? ORDER BY bucket",  # noqa: S608
            (holder_id, window.first, window.last),
        ).fetchall()
        if (when := _when(buckets, limit - amount)) is not None:
            return (column, when)
    if limits.budget is not None:
        spent = _spent(db, holder_id, periods.period_key(limits.period, now))
        if claim.cost > limits.budget:
            return ("budget", NEVER)
        if spent + claim.cost > limits.budget:
            return ("budget", PERIOD)
        if spent + reserved + claim.cost > limits.budget:
            return ("budget", SOON)
    return None


def _when(buckets: list[tuple[int, int]], room: int) -> str | int | None:
    """The bucket after which the others fit into `room`, or NEVER; None if all of them fit."""
    if room < 0:
        return NEVER
    total = sum(amount for _, amount in buckets)
    when = None
    for bucket, amount in buckets:
        if total <= room:
            break
        total, when = total - amount, bucket
    return when


def _end(db: sqlite3.Connection, holder_id: str, claim_id: str, tokens: int) -> None:
    """End a reservation, if there is one, whose call has used so many tokens."""
    this = (holder_id, claim_id)
    claim = db.execute("SELECT tokens, bucket FROM claims WHERE holder = ? AND id = ?", this).fetchone()
    if claim is not None:
        db.execute("DELETE FROM claims WHERE holder = ? AND id = ?", this)
        db.execute(
            "UPDATE rates SET tokens = tokens + ? WHERE holder = ? AND bucket = ?",
            (tokens - claim[0], holder_id, claim[1]),
        )


def _prune(db: sqlite3.Connection, holder_id: str, now: float) -> None:
    """Remove reservations that have run out, and buckets that no instance needs any more."""
    db.execute("DELETE FROM claims WHERE holder = ? AND until <= ?", (holder_id, now))
    db.execute("DELETE FROM rates WHERE holder = ? AND bucket < ?", (holder_id, periods.window(now).oldest))


def _book(db: sqlite3.Connection, holder_id: str, spending: Spending, now: float) -> None:
    day = periods.day_of(now)
    for period in (DAY, MONTH, TOTAL):
        db.execute(
            "INSERT INTO sums VALUES (?, ?, ?) ON CONFLICT (holder, period) DO UPDATE SET cost = cost + excluded.cost",
            (holder_id, periods.period_key(period, now), spending.cost),
        )
    model = model_label(spending.model)
    others, known = db.execute(
        "SELECT coalesce(sum(model != ?), 0), coalesce(sum(model = ?), 0) FROM spending WHERE holder = ? AND day = ?",
        (OTHER, model, holder_id, day),
    ).fetchone()
    if not known and others >= MAX_MODELS:
        model = OTHER
    db.execute(
        "INSERT INTO spending VALUES (?, ?, ?, 1, ?, ?, ?) ON CONFLICT (holder, day, model) DO UPDATE "
        "SET calls = calls + 1, cost = cost + excluded.cost, input = input + excluded.input, "
        "output = output + excluded.output",
        (holder_id, day, model, spending.cost, spending.input, spending.output),
    )


def _spent(db: sqlite3.Connection, holder_id: str, period: str) -> int:
    row = db.execute("SELECT cost FROM sums WHERE holder = ? AND period = ?", (holder_id, period)).fetchone()
    return row[0] if row is not None else 0
