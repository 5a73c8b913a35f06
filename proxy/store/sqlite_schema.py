"""The tables of a SQLite store, and what is removed from them once a day.

Write-ahead logging lets several processes of one server share the file; it does not work on a network file system
(sqlite.org/wal.html, section 1, read 2026-11-27).
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from proxy.store import periods
from proxy.store.base import DAY_SECONDS, KEPT_DAYS, TOTAL, StoreUnavailable

_VERSION = 1
_TABLES = (
    """keys (id TEXT PRIMARY KEY, name TEXT NOT NULL, expires INTEGER NOT NULL, revoked INTEGER NOT NULL,
             first_seen REAL NOT NULL, last_seen REAL NOT NULL)""",
    "revoked (subject TEXT PRIMARY KEY, until REAL NOT NULL)",
    """claims (holder TEXT NOT NULL, id TEXT NOT NULL, cost INTEGER NOT NULL, tokens INTEGER NOT NULL,
               bucket INTEGER, until REAL NOT NULL, PRIMARY KEY (holder, id))""",
    "settled (holder TEXT NOT NULL, id TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (holder, id))",
    """rates (holder TEXT NOT NULL, bucket INTEGER NOT NULL, requests INTEGER NOT NULL, tokens INTEGER NOT NULL,
              PRIMARY KEY (holder, bucket))""",
    "sums (holder TEXT NOT NULL, period TEXT NOT NULL, cost INTEGER NOT NULL, PRIMARY KEY (holder, period))",
    """spending (holder TEXT NOT NULL, day TEXT NOT NULL, model TEXT NOT NULL, calls INTEGER NOT NULL,
                 cost INTEGER NOT NULL, input INTEGER NOT NULL, output INTEGER NOT NULL,
                 PRIMARY KEY (holder, day, model))""",
    """notes (holder TEXT NOT NULL, period TEXT NOT NULL, percent INTEGER NOT NULL, until REAL NOT NULL,
              PRIMARY KEY (holder, period, percent))""",
    "cleaned (day TEXT PRIMARY KEY)",
)
_INDEXES = ("settled_at ON settled (at)", "spending_day ON spending (day)")


def connect(path: str, seconds: float) -> sqlite3.Connection:
    """Open the file, making it if there is none. `seconds` is how long to wait for the locks of other processes.

    Raises sqlite3.Error, OSError, or StoreUnavailable for a file of a newer version.
    """
    with suppress(FileExistsError):  # only this user may read it: it has the names of keys
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    # Not in the URI form, in which a path could carry options.
    db = sqlite3.connect(Path(path), timeout=seconds, isolation_level=None, check_same_thread=False)
    try:
        _prepare(db)
    except BaseException:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA journal_mode = WAL")
    # A power failure may lose the last transactions, but damages nothing (sqlite.org/pragma.html#pragma_synchronous,
    # read 2026-11-27). FULL would wait for the disk at every call.
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA journal_size_limit = 10000000")  # bytes
    if _version(db) == _VERSION:
        return
    db.execute("BEGIN IMMEDIATE")  # several processes may start at once
    if _version(db) > _VERSION:
        raise StoreUnavailable("newer_version")
    for table in _TABLES:
        db.execute(f"CREATE TABLE IF NOT EXISTS {table} WITHOUT ROWID")
    for index in _INDEXES:
        db.execute(f"CREATE INDEX IF NOT EXISTS {index}")
    db.execute(f"PRAGMA user_version = {_VERSION}")
    db.execute("COMMIT")


def _version(db: sqlite3.Connection) -> int:
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    return version


def clean(db: sqlite3.Connection, now: float) -> None:
    """Remove what is too old, on the first call of a day."""
    day = periods.day_of(now)
    newest = db.execute("SELECT max(day) FROM cleaned").fetchone()[0]
    if newest is not None and newest >= day:
        return
    db.execute("DELETE FROM cleaned")
    db.execute("INSERT INTO cleaned VALUES (?)", (day,))
    oldest = now - KEPT_DAYS * DAY_SECONDS
    db.execute("DELETE FROM spending WHERE day < ?", (periods.day_of(oldest),))
    db.execute("DELETE FROM keys WHERE expires < ? AND last_seen < ?", (now, oldest))
    for table in ("revoked", "notes", "claims"):
        db.execute(f"DELETE FROM {table} WHERE until < ?", (now,))  # noqa: S608 — a name from above
    db.execute("DELETE FROM rates WHERE bucket < ?", (periods.window(now).oldest,))
    first = periods.oldest_day(now)
    db.execute("DELETE FROM sums WHERE period != ? AND period < substr(?, 1, length(period))", (TOTAL, first))
    # Totals as long as their keys: a limit may be set for all of a key's life.
    db.execute("DELETE FROM sums WHERE holder NOT IN (SELECT id FROM keys)")
