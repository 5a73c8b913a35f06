"""Instances that share a store and differ: in their clocks, and in their settings. And a store whose disk is full."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from proxy.cost import bookings
from proxy.store import sqlite_operations
from proxy.store.base import NANO_PER_USD
from tests.support import fake_clock
from tests.support.budget_load import cost
from tests.support.budgets import Endpoint, key, whole
from tests.support.fake_clock import FakeClock
from tests.support.guards import chat
from tests.support.stores import NOW

CALLS = 40


class Slow:
    """An upstream that takes a second, and whose answers have as many tokens as the request's `seed` says."""

    async def send(self, outgoing: Any) -> Any:
        await asyncio.sleep(1)
        usage = {"prompt_tokens": 8, "completion_tokens": json.loads(outgoing.body)["seed"]}
        message = {"index": 0, "message": {"role": "assistant", "content": "Hi"}}
        return await whole({"model": "gpt-4o-mini", "choices": [message], "usage": usage}).send(outgoing)


class Skewed(FakeClock):
    """Fake time from a fixed day on, by a clock that is off by so many seconds."""

    def __init__(self, skew: float) -> None:
        self._skew = skew

    def wall(self) -> float:
        return NOW + self.now() + self._skew


def shared(*settings: dict[str, str], skews: tuple[float, ...] = (0.0, 0.0)) -> list[Endpoint]:
    """Endpoints with one store, whose clocks are off by so many seconds."""
    endpoints = [Endpoint(**one) for one in settings]
    for position, endpoint in enumerate(endpoints):
        endpoint.store = endpoint.host.store = endpoints[0].store
        endpoint.host.clock = Skewed(skews[position])
        endpoint.host.new_id = map(f"sl_{position}_{{}}".format, count()).__next__
    return endpoints


def logged(endpoints: list[Endpoint]) -> int:
    lines = [json.loads(line) for endpoint in endpoints for line in endpoint.lines]
    return sum(round(line.get("cost_usd", 0) * NANO_PER_USD) for line in lines)


async def spend(endpoints: list[Endpoint], sent: str) -> list[int]:
    chance = random.Random(1)

    async def one(endpoint: Endpoint) -> int:
        await asyncio.sleep(chance.random() * 5)
        body = chat(max_tokens=1_000, seed=chance.randint(1, 1_000))
        return (await endpoint.call(Slow(), body, sent))[0].status

    return await asyncio.gather(*(one(endpoint) for endpoint in endpoints for _ in range(CALLS)))


@pytest.mark.parametrize("skew", [0.5, 30.0, -30.0, 3_600.0])
def test_clocks_that_differ_overdraw_nothing(skew: float) -> None:
    endpoints = shared({}, {}, skews=(0.0, skew))
    budget = CALLS * cost(500)
    statuses = fake_clock.run(spend(endpoints, key(budget_usd=budget / NANO_PER_USD)))
    spent = sum(one.cost for one in endpoints[0].booked)
    assert set(statuses) == {200, 429} and spent == logged(endpoints)
    # An hour is more than a reservation lasts: then each instance ends the other's, and only its own calls are bounded.
    assert spent <= budget + (CALLS * cost(1_000) if abs(skew) > 900 else 0)


def test_settings_that_differ_hold_for_the_calls_of_their_own_instance() -> None:
    endpoints = shared({"KEY_BUDGET_USD": "0.001"}, {"KEY_BUDGET_USD": "0.002", "KEY_RPM": "10"})
    statuses = fake_clock.run(spend(endpoints, key()))
    spent = sum(one.cost for one in endpoints[0].booked)
    assert 200 in statuses and 429 in statuses
    assert spent <= 2_000_000 and spent == logged(endpoints)
    assert statuses[CALLS:].count(200) <= 10


def test_a_full_disk_refuses_calls_and_books_what_ran_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = Endpoint(STORE=f"sqlite:{tmp_path / 'budgets.db'}", STORE_TIMEOUT_MS="60000")
    endpoint.host.store = None
    sent, full = key(budget_usd=1), [False]
    settle = sqlite_operations.settle

    def settle_if_room(*arguments: Any) -> Any:
        if full[0]:
            raise sqlite3.OperationalError("database or disk is full")
        return settle(*arguments)

    async def go() -> None:
        assert (await endpoint.call(whole(), chat(), sent))[0].status == 200
        full[0] = True
        assert (await endpoint.call(whole(), chat(), sent))[0].status == 200
        full[0] = False
        assert (await endpoint.call(whole(), chat(), sent))[0].status == 200
        (row,) = await endpoint.host.store.spending("2026-01-01", "2099-01-01")
        assert (row.calls, row.cost) == (3, logged([endpoint]))
        await bookings.flush(endpoint.host, endpoint.config)
        await endpoint.host.store.aclose()

    monkeypatch.setattr(sqlite_operations, "settle", settle_if_room)
    asyncio.run(go())
    assert any("disk_full" in line for line in endpoint.lines)
