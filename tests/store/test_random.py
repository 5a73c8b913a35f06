"""Each store does in any order of operations what the model does."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.store.base import Claim, Holder, Limits, Spending, Store
from tests.support.store_model import Model
from tests.support.stores import NOW, Backend, opened

_RUNS = itertools.count()
LIMIT = st.none() | st.integers(0, 6)
LIMITS = st.builds(
    Limits, st.none() | st.integers(0, 60), st.sampled_from(["day", "month", "total"]), LIMIT, LIMIT, LIMIT
)
CLAIM_IDS = st.sampled_from([f"c{number}" for number in range(8)])
SPENDING = st.builds(
    Spending, st.integers(0, 20), st.integers(0, 3), st.integers(0, 3), st.sampled_from(["m", "n", "other"])
)
SECONDS = st.sampled_from([0.0, 0.25, 10.0, 70.0, 100_000.0])
WHO = st.integers(0, 1)
STEPS = st.one_of(
    st.tuples(st.just("reserve"), WHO, st.builds(Claim, CLAIM_IDS, st.integers(0, 25), st.integers(0, 4), SECONDS)),
    st.tuples(st.just("reserve"), WHO, st.builds(Claim, CLAIM_IDS, st.integers(0, 25), st.integers(0, 4), SECONDS)),
    st.tuples(st.just("settle"), WHO, CLAIM_IDS, SPENDING),
    st.tuples(st.just("release"), WHO, CLAIM_IDS),
    st.tuples(st.just("balance"), WHO),
    st.tuples(st.just("revoke"), WHO, st.sampled_from(["id", "name"])),
    st.tuples(st.just("note_threshold"), WHO, st.sampled_from(["2026-11", "total"]), st.integers(0, 1)),
    # Time passes, or an instance whose clock is behind has its turn.
    st.tuples(st.just("pass"), st.sampled_from([-20.0, 0.5, 1.0, 2.75, 7.0, 30.0, 59.0, 3_000.0, 50_000.0])),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LIMITS, st.lists(STEPS, max_size=40))
def test_any_order_of_operations(backend: Backend, limits: Limits, steps: list[tuple[Any, ...]]) -> None:
    run = next(_RUNS)
    holders = [Holder(f"{run}-{name}", f"{run}-name-{name}", int(NOW) + 10**8) for name in ("a", "b")]

    async def test(store: Store) -> None:
        model, now = Model(), NOW
        for kind, first, *more in steps:
            if kind == "pass":
                now += first
                # Sums of past periods and markers of settled claims are kept only for a while.
                if now > NOW + 20 * 86_400:
                    break
                continue
            who = holders[first]
            arguments = {
                "reserve": (who, limits, *more, now),
                "settle": (who, limits, *more, now),
                "release": (who, *more, now),
                "balance": (who.id, limits, now),
                "revoke": (getattr(who, str(*more[:1]), None), now),
                "note_threshold": (who.id, *more, now),
            }[kind]
            if kind == "settle" and (who.id, more[0]) in model.settled and now > NOW + 3_000:
                continue  # settled so long ago that it may be forgotten
            assert await getattr(store, kind)(*arguments) == getattr(model, kind)(*arguments), (kind, arguments)
        for who in holders:
            got = await store.spending("2026-11-01", "2026-12-31", who.id)
            assert got == model.spending("2026-11-01", "2026-12-31", who.id)

    async def go() -> None:
        async with opened(backend.settings) as store:
            await test(store)

    asyncio.run(go())
