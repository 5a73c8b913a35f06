"""How every store holds calls to their limits, whichever store it is."""

from __future__ import annotations

import asyncio

import pytest

from proxy.store import base
from proxy.store.base import Balance, Refusal, Store
from tests.support.stores import NOW, UNLIMITED, Backend, claim, holder, limits, spending

ALICE, BOB = holder("alice"), holder("bob")


def test_reservations_and_costs_are_held_against_the_budget(backend: Backend) -> None:
    async def test(store: Store) -> None:
        most = limits(budget=20)
        assert await store.reserve(ALICE, most, claim("c1", cost=12), NOW) == Balance(0, 12, 20)
        assert await store.reserve(ALICE, most, claim("c2", cost=9), NOW) == Refusal("budget", 2.0)
        assert await store.reserve(ALICE, most, claim("c3", cost=8), NOW) == Balance(0, 20, 20)
        assert await store.settle(ALICE, most, "c1", spending(cost=7), NOW) == Balance(7, 8, 20)
        assert await store.reserve(ALICE, most, claim("c4", cost=5), NOW) == Balance(7, 13, 20)
        await store.release(ALICE, "c4", NOW)
        assert await store.balance(ALICE.id, most, NOW) == Balance(7, 8, 20)
        assert await store.balance(BOB.id, UNLIMITED, NOW) == Balance(0, 0, None)

    backend.run(test)


def test_a_budget_can_be_used_up_to_its_last_unit(backend: Backend) -> None:
    async def test(store: Store) -> None:
        most = limits(budget=base.MAX_AMOUNT)
        await store.settle(ALICE, most, "c1", spending(cost=base.MAX_AMOUNT - 1), NOW)
        assert await store.reserve(ALICE, most, claim("c2", cost=2), NOW) == Refusal("budget", None)
        assert await store.reserve(ALICE, most, claim("c3", cost=1), NOW) == (base.MAX_AMOUNT - 1, 1, base.MAX_AMOUNT)

    backend.run(test)


@pytest.mark.parametrize(("period", "ends"), [("day", 43_200.0), ("month", 43_200.0 + 3 * 86_400), ("total", None)])
def test_a_budget_returns_with_the_next_period(backend: Backend, period: str, ends: float | None) -> None:
    async def test(store: Store) -> None:
        most = limits(budget=20, period=period)
        assert await store.reserve(ALICE, most, claim("c0", cost=21), NOW) == Refusal("budget", None)
        await store.settle(ALICE, most, "c1", spending(cost=15), NOW)
        assert await store.reserve(ALICE, most, claim("c2"), NOW) == Refusal("budget", ends)
        if ends is not None:
            assert await store.balance(ALICE.id, most, NOW + ends - 0.001) == Balance(15, 0, 20)
            assert await store.reserve(ALICE, most, claim("c3"), NOW + ends) == Balance(0, 10, 20)
            # A call that goes on into the new period is booked there.
            assert await store.settle(ALICE, most, "c3", spending(cost=9), NOW + ends + 1) == Balance(9, 0, 20)
            assert await store.balance(ALICE.id, most, NOW) == Balance(15, 0, 20)

    backend.run(test)


def test_a_claim_is_settled_exactly_once(backend: Backend) -> None:
    async def test(store: Store) -> None:
        await store.reserve(ALICE, UNLIMITED, claim("c1"), NOW)
        for cost in (5, 6):
            assert await store.settle(ALICE, UNLIMITED, "c1", spending(cost), NOW + 1) == Balance(5, 0, None)
        # Holders do not share the ids of claims.
        assert await store.settle(BOB, UNLIMITED, "c1", spending(6), NOW + 1) == Balance(6, 0, None)
        late = NOW + 1 + base.SETTLED_SECONDS
        assert await store.settle(ALICE, UNLIMITED, "c1", spending(6), late) == Balance(5, 0, None)
        assert [row.calls for row in await store.spending("2026-11-27", "2026-11-27", ALICE.id)] == [1]

    backend.run(test)


def test_a_claim_is_settled_after_it_ran_out_or_without_one(backend: Backend) -> None:
    async def test(store: Store) -> None:
        await store.reserve(ALICE, UNLIMITED, claim("c1", seconds=100), NOW)
        assert await store.balance(ALICE.id, UNLIMITED, NOW + 99.9) == Balance(0, 10, None)
        assert await store.balance(ALICE.id, UNLIMITED, NOW + 100) == Balance(0, 0, None)
        assert await store.settle(ALICE, UNLIMITED, "c1", spending(7), NOW + 101) == Balance(7, 0, None)
        assert await store.settle(ALICE, UNLIMITED, "c2", spending(4), NOW + 101) == Balance(11, 0, None)
        await store.release(ALICE, "c2", NOW + 102)
        await store.release(BOB, "c2", NOW + 102)
        assert await store.balance(ALICE.id, UNLIMITED, NOW + 103) == Balance(11, 0, None)

    backend.run(test)


def test_a_repeated_reservation_reserves_once(backend: Backend) -> None:
    async def test(store: Store) -> None:
        most = limits(budget=10, requests=1, tokens=5, parallel=1)
        for _ in range(2):
            assert await store.reserve(ALICE, most, claim("c1", tokens=5), NOW) == Balance(0, 10, 10)
        assert await store.reserve(ALICE, most, claim("c2", tokens=5), NOW) == Refusal("parallel", 2.0)

    backend.run(test)


def test_calls_in_parallel_are_counted_until_they_end(backend: Backend) -> None:
    async def test(store: Store) -> None:
        most = limits(parallel=2)
        for name in ("c1", "c2"):
            assert isinstance(await store.reserve(ALICE, most, claim(name), NOW), Balance)
        assert await store.reserve(ALICE, most, claim("c3"), NOW) == Refusal("parallel", 2.0)
        assert isinstance(await store.reserve(BOB, most, claim("c3"), NOW), Balance)
        await store.settle(ALICE, most, "c1", spending(), NOW)
        assert isinstance(await store.reserve(ALICE, most, claim("c3"), NOW), Balance)
        await store.release(ALICE, "c3", NOW)
        assert isinstance(await store.reserve(ALICE, most, claim("c4"), NOW), Balance)
        # An instance has crashed: its claims run out.
        assert isinstance(await store.reserve(ALICE, most, claim("c5"), NOW + 100), Balance)
        assert await store.balance(ALICE.id, most, NOW + 100) == Balance(5, 10, None)
        assert await store.reserve(BOB, limits(parallel=0), claim("c6"), NOW + 100) == Refusal("parallel", None)

    backend.run(test)


def test_no_minute_holds_more_requests_than_allowed(backend: Backend) -> None:
    async def test(store: Store) -> None:
        most = limits(requests=3)
        for number, moment in enumerate((0.0, 10.0, 20.0)):
            assert isinstance(await store.reserve(ALICE, most, claim(f"c{number}"), NOW + moment), Balance)
        refusal = await store.reserve(ALICE, most, claim("c9"), NOW + 59)
        assert isinstance(refusal, Refusal) and refusal.reason == "requests" and refusal.retry_after is not None
        assert 1 <= refusal.retry_after <= 4  # up to the size of a bucket more
        later = NOW + 59 + refusal.retry_after
        assert isinstance(await store.reserve(ALICE, most, claim("c9"), later), Balance)
        assert isinstance(await store.reserve(ALICE, most, claim("c10"), later), Refusal)
        await store.release(ALICE, "c9", later)  # it was a request all the same
        assert isinstance(await store.reserve(ALICE, most, claim("c10"), later), Refusal)
        assert await store.reserve(BOB, limits(requests=0), claim("c1"), NOW) == Refusal("requests", None)

    backend.run(test)


def test_tokens_of_a_minute_are_corrected_by_what_a_call_used(backend: Backend) -> None:
    async def test(store: Store) -> None:
        most = limits(tokens=100)
        assert await store.reserve(ALICE, most, claim("c0", tokens=101), NOW) == Refusal("tokens", None)
        assert isinstance(await store.reserve(ALICE, most, claim("c1", tokens=80), NOW), Balance)
        assert await store.reserve(ALICE, most, claim("c2", tokens=30), NOW) == Refusal("tokens", 63.0)
        await store.settle(ALICE, most, "c1", spending(input=20, output=30), NOW + 5)
        assert isinstance(await store.reserve(ALICE, most, claim("c2", tokens=50), NOW + 5), Balance)
        assert await store.reserve(ALICE, most, claim("c3", tokens=1), NOW + 5) == Refusal("tokens", 58.0)
        await store.release(ALICE, "c2", NOW + 6)
        assert isinstance(await store.reserve(ALICE, most, claim("c3", tokens=50), NOW + 6), Balance)
        # More than was claimed counts as well.
        await store.settle(ALICE, most, "c3", spending(input=100, output=0), NOW + 7)
        assert await store.reserve(ALICE, most, claim("c4", tokens=0), NOW + 7) == Refusal("tokens", 56.0)

    backend.run(test)


def test_a_refused_call_counts_towards_no_limit(backend: Backend) -> None:
    async def test(store: Store) -> None:
        most = limits(budget=10, requests=2, tokens=100)
        for _ in range(5):
            assert isinstance(await store.reserve(ALICE, most, claim("c1", cost=11), NOW), Refusal)
            assert isinstance(await store.reserve(ALICE, most, claim("c1", tokens=101), NOW), Refusal)
        assert await store.reserve(ALICE, most, claim("c2", tokens=100), NOW) == Balance(0, 10, 10)

    backend.run(test)


@pytest.mark.parametrize("amount", [-1, 2**53])
def test_amounts_that_would_break_a_sum_are_refused(backend: Backend, amount: int) -> None:
    async def test(store: Store) -> None:
        for wrong in (claim(cost=amount), claim(tokens=amount)):
            with pytest.raises(ValueError, match="amounts must be"):
                await store.reserve(ALICE, UNLIMITED, wrong, NOW)
        for used in (spending(cost=amount), spending(input=amount), spending(output=amount)):
            with pytest.raises(ValueError, match="amounts must be"):
                await store.settle(ALICE, UNLIMITED, "c1", used, NOW)
        with pytest.raises(ValueError, match="a period is"):
            await store.reserve(ALICE, limits(period="week"), claim(), NOW)
        assert await store.keys() == []

    backend.run(test)


def test_a_holder_has_only_so_many_reservations(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(store: Store) -> None:
        calls = (store.reserve(ALICE, UNLIMITED, claim(f"c{n}"), NOW) for n in range(base.MAX_CLAIMS))
        for _ in range(100):
            await asyncio.gather(*(next(calls) for _ in range(base.MAX_CLAIMS // 100)))
        assert await store.reserve(ALICE, UNLIMITED, claim("last"), NOW) == Refusal("parallel", 2.0)
        assert await store.balance(ALICE.id, UNLIMITED, NOW) == Balance(0, 10 * base.MAX_CLAIMS, None)

    backend.run(test)


def test_clocks_that_differ_by_half_a_minute_do_bounded_harm(backend: Backend) -> None:
    async def test(store: Store) -> None:
        behind, ahead = NOW, NOW + 30
        # One that is behind counts the requests of one that is ahead, and the other way round.
        most = limits(requests=2)
        assert isinstance(await store.reserve(ALICE, most, claim("r1"), ahead), Balance)
        assert isinstance(await store.reserve(ALICE, most, claim("r2"), behind), Balance)
        for number, moment in enumerate((behind, ahead, behind + 20, ahead + 20)):
            assert isinstance(await store.reserve(ALICE, most, claim(f"r3{number}"), moment), Refusal)
        # A reservation ends half a minute early for one that is ahead, but is booked all the same.
        budget = limits(budget=10)
        assert isinstance(await store.reserve(BOB, budget, claim("b1", seconds=40), behind), Balance)
        assert await store.reserve(BOB, budget, claim("b2"), ahead) == Refusal("budget", 2.0)
        assert await store.reserve(BOB, budget, claim("b2"), ahead + 9) == Refusal("budget", 2.0)
        assert await store.reserve(BOB, budget, claim("b2"), ahead + 10) == Balance(0, 10, 10)
        await store.settle(BOB, budget, "b1", spending(10), behind + 15)
        assert await store.settle(BOB, budget, "b2", spending(10), ahead + 11) == Balance(20, 0, 10)
        # At midnight, each call is booked in one of the two days, and no day has more than its budget.
        day, midnight = limits(budget=10, period="day"), NOW + 43_200
        carol = holder("carol", expires=midnight + 86_400)
        for number, moment in enumerate((midnight - 15, midnight + 15, midnight - 15, midnight + 15, midnight + 1)):
            if isinstance(await store.reserve(carol, day, claim(f"d{number}", cost=5), moment), Balance):
                await store.settle(carol, day, f"d{number}", spending(5), moment)
        rows = await store.spending("2026-11-27", "2026-11-28", carol.id)
        assert [(row.day, row.cost) for row in rows] == [("2026-11-27", 10), ("2026-11-28", 10)]
        # A clock that is wrong by a day locks nobody out.
        assert isinstance(await store.reserve(carol, most, claim("e1"), midnight + 86_400), Balance)
        assert isinstance(await store.reserve(carol, most, claim("e2"), midnight + 86_400), Balance)
        assert isinstance(await store.reserve(carol, most, claim("e3"), midnight), Balance)

    backend.run(test)
