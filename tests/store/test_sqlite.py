"""What can happen to a file: it is locked, full, read-only, damaged, replaced or old."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from proxy.adapters.asyncio_host import AsyncioClock
from proxy.store.base import Balance, Refusal, Store, StoreUnavailable
from proxy.store.sqlite import SqliteStore
from tests.support.parts import coverage
from tests.support.paths import ROOT
from tests.support.stores import NOW, UNLIMITED, Backend, claim, holder, limits, spending
from tests.support.upstream import CEILING

WHO = holder("alice")
DAY = 86_400
TABLES = "keys revoked claims settled rates sums spending notes cleaned".split()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "budgets.db"


@pytest.fixture
def backend(path: Path) -> Backend:
    return Backend("sqlite", {"STORE": f"sqlite:{path}"})


async def reason(store: Store) -> str:
    """Why the store is not available."""
    with pytest.raises(StoreUnavailable) as raised:
        await store.reserve(WHO, UNLIMITED, claim(), NOW)
    assert raised.value.advice.endswith(".") and raised.value.code == "store_unavailable"
    return raised.value.reason


@pytest.mark.parametrize("milliseconds", ["50", "400"])
def test_a_locked_file_is_waited_for_until_the_limit(backend: Backend, path: Path, milliseconds: str) -> None:
    async def test(store: Store) -> None:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert await reason(store) in ("busy", "timeout")
        other.execute("ROLLBACK")
        other.close()

    async def prepare(store: Store) -> None:
        await store.settle(WHO, UNLIMITED, "c0", spending(), NOW)

    async def check(store: Store) -> None:
        assert await store.settle(WHO, UNLIMITED, claim().id, spending(), NOW) == Balance(10, 0, None)

    backend.run(prepare)
    backend.run(test, STORE_TIMEOUT_MS=milliseconds)
    backend.run(check)


def test_an_operation_whose_turn_comes_too_late_does_not_begin(path: Path) -> None:
    async def go() -> None:
        store = SqliteStore(str(path), AsyncioClock(), 0.0)
        assert await reason(store) == "busy"
        await store.aclose()

    asyncio.run(go())
    assert not path.exists()


def test_texts_that_are_counted_do_not_keep_the_store_from_answering(backend: Backend) -> None:
    """Both threads that count are taken; only afterwards does anybody let them go."""
    clock, go_on = AsyncioClock(), threading.Event()

    async def test(store: Store) -> None:
        counts = [asyncio.ensure_future(clock.offload(lambda: go_on.wait(CEILING))) for _ in range(2)]
        assert await store.settle(WHO, UNLIMITED, "c1", spending(), NOW) == Balance(5, 0, None)
        go_on.set()
        assert await asyncio.gather(*counts) == [True, True]

    backend.run(test, clock)


def test_the_file_is_for_this_user_only(backend: Backend, path: Path) -> None:
    async def test(store: Store) -> None:
        await store.settle(WHO, UNLIMITED, "c1", spending(), NOW)
        for one in path.parent.iterdir():
            assert stat.S_IMODE(one.stat().st_mode) == 0o600, one

    backend.run(test)


def test_a_missing_folder_is_reported_and_then_found(tmp_path: Path) -> None:
    folder = tmp_path / "later"

    async def test(store: Store) -> None:
        assert await reason(store) == "not_opened"
        folder.mkdir()
        assert await store.settle(WHO, UNLIMITED, "c1", spending(), NOW) == Balance(5, 0, None)

    Backend("sqlite", {"STORE": f"sqlite://{folder / 'budgets.db'}"}).run(test)


def test_what_is_no_database_is_reported_and_left_alone(backend: Backend, path: Path) -> None:
    path.write_text("These are notes of mine. " * 100)

    async def test(store: Store) -> None:
        assert await reason(store) == "damaged"

    backend.run(test)
    assert path.read_text().startswith("These are notes")


def test_a_damaged_file_is_reported_and_used_again_once_it_is_repaired(backend: Backend, path: Path) -> None:
    async def test(store: Store) -> None:
        await store.settle(WHO, UNLIMITED, "c1", spending(), NOW)
        with sqlite3.connect(path) as other:
            other.execute("ALTER TABLE sums RENAME TO away")
        other.close()
        assert await reason(store) == "damaged"
        with sqlite3.connect(path) as other:
            other.execute("ALTER TABLE away RENAME TO sums")
        other.close()
        assert await store.balance(WHO.id, UNLIMITED, NOW) == Balance(5, 0, None)

    backend.run(test)


def test_a_file_of_a_newer_version_is_left_alone(backend: Backend, path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 2")
    other.close()

    async def test(store: Store) -> None:
        assert await reason(store) == "newer_version"

    backend.run(test)


# Run as a process of its own: limits on files and users cannot be taken back. Prints what each operation said.
_CHILD = """
import asyncio, json, os, resource, signal, sys
import concurrent.futures.thread, proxy.store.bounded, proxy.store.sqlite  # another user may not read Python's files
from proxy.store.base import StoreUnavailable
from tests.support.stores import *

async def main(kind):
    said, size = [], 0
    if kind == "readonly" and os.getuid() == 0:
        os.setuid(65534)
    async with opened({"STORE": os.environ["STORE"]}) as store:
        for number in range(400):
            if number == 40 and kind == "full":
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (120_000, resource.RLIM_INFINITY))
            if number == 395:
                resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            try:
                await store.settle(holder("alice"), UNLIMITED, f"c{number}", spending(1), NOW + number)
                said.append("")
            except StoreUnavailable as error:
                said.append(error.reason)
    print(json.dumps(said))

asyncio.run(main(sys.argv[1]))
"""


def child(kind: str, path: Path) -> list[str]:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "STORE": f"sqlite:{path}"}
    if kind != "readonly":  # another user cannot write what is measured
        environ |= coverage()
    command = [sys.executable, "-c", _CHILD, kind]
    done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, timeout=CEILING, check=False)
    assert done.returncode == 0, done.stderr
    said: list[str] = json.loads(done.stdout)
    return said


def test_a_full_disk_loses_nothing_that_was_confirmed(backend: Backend, path: Path) -> None:
    said = child("full", path)
    assert said[0] == "" and said[-1] == "" and set(said) - {""} <= {"disk_full", "disk_failed"}
    failed = sum(map(bool, said))
    assert failed > 20

    async def test(store: Store) -> None:
        assert await store.balance(WHO.id, UNLIMITED, NOW) == Balance(len(said) - failed, 0, None)

    backend.run(test)


def test_a_file_that_may_not_be_written_is_reported(backend: Backend, path: Path) -> None:
    async def test(store: Store) -> None:
        await store.settle(WHO, UNLIMITED, "c1", spending(), NOW)

    backend.run(test)
    folders = [path.parent, *path.parent.parents]
    for folder in folders:
        if not folder.stat().st_mode & 0o001 and folder.owner() == "root":
            folder.chmod(folder.stat().st_mode | 0o011)  # pytest makes them for this user only
    path.chmod(0o444)
    path.parent.chmod(0o555)
    try:
        assert set(child("readonly", path)) <= {"read_only", "not_opened"}
    finally:
        path.parent.chmod(0o755)


def test_a_folder_that_may_not_be_written_is_reported(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", refused)

    async def test(store: Store) -> None:
        assert await reason(store) == "read_only"

    backend.run(test)


def test_what_is_old_is_removed_once_a_day(backend: Backend, path: Path) -> None:
    def rows() -> dict[str, int]:
        with sqlite3.connect(path) as db:
            names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            counts = {name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}
        db.close()
        return counts

    async def test(store: Store) -> None:
        bob = holder("bob", expires=NOW + 4_000 * DAY)
        await store.revoke("nobody", NOW)
        for who in (WHO, bob):
            await store.reserve(who, limits(requests=5), claim("lost"), NOW)
            await store.settle(who, UNLIMITED, "c1", spending(), NOW)
            await store.note_threshold(who.id, "2026-11", 80, NOW)
        assert rows() == {name: int(count) for name, count in zip(TABLES, "212226221", strict=True)}
        carol = holder("carol", expires=NOW + 5_000 * DAY)
        await store.settle(carol, UNLIMITED, "c1", spending(), NOW + 100 * DAY)
        assert rows() == {name: int(count) for name, count in zip(TABLES, "310105321", strict=True)}
        late = NOW + 401 * DAY
        await store.settle(carol, UNLIMITED, "c2", spending(), late)
        # Alice's key has expired. Bob's total goes on.
        assert [record.name for record in await store.keys()] == ["bob", "carol"]
        assert [row.name for row in await store.spending("2020-01-01", "2030-01-01")] == ["carol", "carol"]
        assert await store.balance(bob.id, UNLIMITED, late) == Balance(5, 0, None)
        assert await store.balance(WHO.id, UNLIMITED, late) == Balance(0, 0, None)
        assert rows()["notes"] == 0
        await store.settle(carol, UNLIMITED, "c3", spending(), NOW + 3_661 * DAY)
        assert rows()["revoked"] == 0

    backend.run(test)


def test_a_revoked_key_is_forgotten_only_after_it_has_expired(backend: Backend) -> None:
    bob = holder("bob", expires=NOW + 3_000 * DAY)

    async def test(store: Store) -> None:
        await store.reserve(bob, UNLIMITED, claim(), NOW)
        await store.revoke("bob", NOW)
        await store.settle(WHO, UNLIMITED, "c1", spending(), NOW + 2_999 * DAY)
        assert await store.reserve(bob, UNLIMITED, claim(), NOW + 2_999 * DAY) == Refusal("revoked", None)

    backend.run(test)


def test_many_calls_of_one_process_wait_for_each_other(backend: Backend) -> None:
    async def test(store: Store) -> None:
        await asyncio.gather(*(store.settle(WHO, UNLIMITED, f"c{n}", spending(1), NOW) for n in range(200)))
        assert await store.balance(WHO.id, UNLIMITED, NOW) == Balance(200, 0, None)

    backend.run(test)
