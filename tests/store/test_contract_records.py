"""What every store knows of keys and what they have spent, whichever store it is."""

from __future__ import annotations

import asyncio

import pytest

from proxy.store import base
from proxy.store.base import Balance, KeyRecord, Refusal, Row, Spending, Store
from tests.support.stores import NOW, UNLIMITED, Backend, claim, holder, limits, spending

ALICE, BOB = holder("alice"), holder("bob")


@pytest.mark.parametrize("subject", [ALICE.id, ALICE.name])
def test_a_revoked_key_is_refused(backend: Backend, subject: str) -> None:
    async def test(store: Store) -> None:
        await store.reserve(ALICE, UNLIMITED, claim("c1"), NOW)
        await store.reserve(BOB, UNLIMITED, claim("c1"), NOW)
        assert await store.revoke(subject, NOW) == await store.revoke(subject, NOW) == 1
        for later in (0, 86_399, 30 * 86_400):
            assert await store.reserve(ALICE, UNLIMITED, claim("c2"), NOW + later) == Refusal("revoked", None)
        assert isinstance(await store.reserve(BOB, UNLIMITED, claim("c2"), NOW), Balance)
        # A call that was running is booked.
        assert await store.settle(ALICE, UNLIMITED, "c1", spending(), NOW) == Balance(5, 0, None)
        assert {record.id: record.revoked for record in await store.keys()} == {ALICE.id: True, BOB.id: False}

    backend.run(test)


@pytest.mark.parametrize("subject", [ALICE.id, ALICE.name])
def test_a_key_can_be_revoked_before_it_is_seen(backend: Backend, subject: str) -> None:
    async def test(store: Store) -> None:
        assert await store.revoke("nobody", NOW - 100) == 0
        assert await store.revoke(subject, NOW) == 0 and await store.keys() == []
        for later in (0.0, 3_659 * 86_400.0):
            assert await store.reserve(ALICE, UNLIMITED, claim(), NOW + later) == Refusal("revoked", None)
        second = holder("alice", key="second")
        assert isinstance(await store.reserve(second, UNLIMITED, claim(), NOW), Refusal) == (subject == "alice")
        assert await store.revoke("second", NOW) == 1
        assert await store.revoke("alice", NOW) == 2

    backend.run(test)


def test_a_revocation_of_an_unknown_key_ends_when_no_key_can_be_left(backend: Backend) -> None:
    async def test(store: Store) -> None:
        await store.revoke("alice", NOW)
        late = NOW + 3_660 * 86_400 + 1
        assert isinstance(await store.reserve(holder("alice", expires=late + 10), UNLIMITED, claim(), late), Balance)
        assert await store.revoke("bob", late) == 0

    backend.run(test)


def test_keys_are_listed_with_when_they_were_seen(backend: Backend) -> None:
    async def test(store: Store) -> None:
        await store.reserve(BOB, UNLIMITED, claim("c1"), NOW)
        await store.settle(ALICE, UNLIMITED, "c1", spending(), NOW + 0.5)
        await store.reserve(BOB, UNLIMITED, claim("c2"), NOW + 7.25)
        await store.reserve(BOB, UNLIMITED, claim("c3"), NOW + 3)  # by an instance whose clock is behind
        assert await store.keys() == [
            KeyRecord(ALICE.id, "alice", ALICE.expires, False, NOW + 0.5, NOW + 0.5),
            KeyRecord(BOB.id, "bob", BOB.expires, False, NOW, NOW + 7.25),
        ]

    backend.run(test)


def test_spending_is_counted_by_day_holder_and_model(backend: Backend) -> None:
    async def test(store: Store) -> None:
        days = {"2026-11-27": NOW, "2026-11-28": NOW + 86_400, "2026-12-01": NOW + 4 * 86_400}
        for number, moment in enumerate(days.values()):
            await store.settle(ALICE, UNLIMITED, f"a{number}", Spending(10, 1, 2, "gpt-5"), moment)
            await store.settle(ALICE, UNLIMITED, f"b{number}", Spending(20, 3, 4, "gpt-5"), moment)
            await store.settle(BOB, UNLIMITED, f"c{number}", Spending(0, 5, 6, "a|b"), moment)

        def rows(day: str) -> list[Row]:
            return [
                Row(ALICE.id, "alice", day, "gpt-5", 2, 30, 4, 6),
                Row(BOB.id, "bob", day, "a|b", 1, 0, 5, 6),
            ]

        expected = [row for day in days for row in rows(day)]
        assert await store.spending("2026-11-27", "2026-12-01") == expected
        assert await store.spending("2026-11-28", "2026-11-30") == rows("2026-11-28")
        assert await store.spending("2026-11-01", "2026-12-31", BOB.id) == [rows(day)[1] for day in days]
        assert await store.spending("2026-11-01", "2026-12-31", "unknown") == []
        assert await store.spending("2025-11-01", "2026-11-26") == []

    backend.run(test)


def test_callers_cannot_make_up_any_number_of_models(backend: Backend) -> None:
    async def test(store: Store) -> None:
        names = [f"model-{number}" for number in range(base.MAX_MODELS)]
        odd = ["", "x" * 101, "line\nbreak", "\ud800", "other", "one-too-many", "and-another"]
        for number, model in enumerate([*names, *odd, *names[:2]]):
            await store.settle(ALICE, UNLIMITED, f"c{number}", Spending(1, 1, 1, model), NOW)
        rows = {row.model: row.calls for row in await store.spending("2026-11-27", "2026-11-27")}
        assert rows == dict.fromkeys(names, 1) | dict.fromkeys(names[:2], 2) | {"other": len(odd)}
        await store.settle(ALICE, UNLIMITED, "next", Spending(1, 1, 1, "one-too-many"), NOW + 86_400)
        assert [row.model for row in await store.spending("2026-11-28", "2026-11-28")] == ["one-too-many"]

    backend.run(test)


def test_a_threshold_is_noted_once(backend: Backend) -> None:
    async def test(store: Store) -> None:
        async def note(holder_id: str, period: str, percent: int) -> bool:
            return await store.note_threshold(holder_id, period, percent, NOW)

        assert [await note(ALICE.id, "2026-11", 80) for _ in range(3)] == [True, False, False]
        assert [await note(ALICE.id, "2026-11", 100), await note(ALICE.id, "2026-12", 80)] == [True, True]
        assert [await note(BOB.id, "2026-11", 80), await note(BOB.id, "total", 80)] == [True, True]
        assert sum(await asyncio.gather(*(note(BOB.id, "2026-11-27", 50) for _ in range(8)))) == 1

    backend.run(test)


def test_ids_may_contain_anything(backend: Backend) -> None:
    async def test(store: Store) -> None:
        odd = holder("名字 }{:", key="}{'\"%|: \x00 é")
        assert await store.reserve(odd, limits(requests=1), claim("}|:'"), NOW) == Balance(0, 10, None)
        assert await store.settle(odd, UNLIMITED, "}|:'", spending(), NOW) == Balance(5, 0, None)
        assert [record[:2] for record in await store.keys()] == [(odd.id, odd.name)]
        assert [row[:2] for row in await store.spending("2026-11-27", "2026-11-27", odd.id)] == [(odd.id, odd.name)]
        assert await store.revoke(odd.id, NOW) == 1

    backend.run(test)


def test_a_second_store_sees_what_the_first_one_did(backend: Backend) -> None:
    async def first(store: Store) -> None:
        await store.reserve(ALICE, UNLIMITED, claim("c1"), NOW)
        await store.settle(ALICE, UNLIMITED, "c2", spending(), NOW)

    async def second(store: Store) -> None:
        assert await store.settle(ALICE, UNLIMITED, "c1", spending(), NOW + 1) == Balance(10, 0, None)

    backend.run(first)
    backend.run(second)
