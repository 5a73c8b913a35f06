"""A store in a SQLite file, for the processes of one server. Each operation is one transaction.

They run in a lane of the clock's `offload`, a thread on most hosts, because they may have to wait for other processes.
Were it the lane that counts tokens, a few long texts would keep everybody waiting for the store, and then refused.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TypeVar

from proxy.host import Clock
from proxy.store import periods, sqlite_operations, sqlite_schema
from proxy.store.base import (
    Balance,
    Claim,
    Holder,
    KeyRecord,
    Limits,
    Refusal,
    Row,
    Spending,
    StoreUnavailable,
    check_amounts,
)

T = TypeVar("T")
_LANE = "store"
# By what SQLite's messages say (sqlite.org/rescode.html, read 2026-11-27): Python has had names for them since 3.11.
_REASONS = {
    "locked": "busy",
    "busy": "busy",
    "full": "disk_full",
    "readonly": "read_only",
    "unable to open": "not_opened",
    "disk i/o": "disk_failed",
}

# Of the time that an operation may take, how much it waits for a lock of other processes: it is to fail, without any
# effect, before its caller gives up.
_SHARE = 0.8


class SqliteStore:
    """See base.Store. Every operation takes at most `seconds`, most of which it would wait for other processes."""

    def __init__(self, path: str, clock: Clock, seconds: float) -> None:
        self._path, self._clock, self._seconds = path, clock, seconds
        self._db: sqlite3.Connection | None = None

    async def reserve(self, holder: Holder, limits: Limits, claim: Claim, now: float) -> Balance | Refusal:
        """See base.Store."""
        check_amounts(claim.cost, claim.tokens)
        return await self._run(lambda db: sqlite_operations.reserve(db, holder, limits, claim, now))

    async def settle(self, holder: Holder, limits: Limits, claim_id: str, spending: Spending, now: float) -> Balance:
        """See base.Store."""
        check_amounts(spending.cost, spending.input, spending.output)
        return await self._run(lambda db: sqlite_operations.settle(db, holder, limits, claim_id, spending, now))

    async def release(self, holder: Holder, claim_id: str, now: float) -> None:
        """See base.Store."""
        await self._run(lambda db: sqlite_operations.release(db, holder.id, claim_id, now))

    async def balance(self, holder_id: str, limits: Limits, now: float) -> Balance:
        """See base.Store."""
        period = periods.period_key(limits.period, now)
        return await self._run(lambda db: sqlite_operations.balance(db, holder_id, limits.budget, period, now))

    async def revoke(self, name_or_id: str, now: float) -> int:
        """See base.Store."""
        return await self._run(lambda db: sqlite_operations.revoke(db, name_or_id, now))

    async def keys(self) -> list[KeyRecord]:
        """See base.Store."""
        return await self._run(sqlite_operations.keys)

    async def spending(self, since: str, until: str, holder_id: str | None = None) -> list[Row]:
        """See base.Store."""
        return await self._run(lambda db: sqlite_operations.spending(db, since, until, holder_id))

    async def note_threshold(self, holder_id: str, period_key: str, percent: int, now: float) -> bool:
        """See base.Store."""
        return await self._run(lambda db: sqlite_operations.note_threshold(db, holder_id, period_key, percent, now))

    async def aclose(self) -> None:
        """Close the file once the operations that have begun to wait have ended."""
        await self._clock.offload(self._close, _LANE)

    async def _run(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        due = self._clock.now() + self._seconds
        return await self._clock.offload(lambda: self._transaction(operation, due), _LANE)

    def _transaction(self, operation: Callable[[sqlite3.Connection], T], due: float) -> T:
        """Carry out an operation. Raises StoreUnavailable, then without any effect.

        One that waited too long for its turn does not begin: its caller is gone.
        """
        if self._clock.now() >= due:
            raise StoreUnavailable("busy")
        try:
            return self._committed(operation)
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailable(_reason(error)) from None

    def _committed(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        try:
            if self._db is None:
                self._db = sqlite_schema.connect(self._path, self._seconds * _SHARE)
            self._db.execute("BEGIN IMMEDIATE")
            result = operation(self._db)
            self._db.execute("COMMIT")
        except BaseException:
            self._close()  # which rolls back; and the next operation may find the file repaired or replaced
            raise
        return result

    def _close(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            db.close()


def _reason(error: Exception) -> str:
    """The label of an error for StoreUnavailable."""
    if isinstance(error, PermissionError):
        return "read_only"
    if isinstance(error, OSError):
        return "not_opened"
    message = str(error).lower()
    return next((reason for words, reason in _REASONS.items() if words in message), "damaged")
