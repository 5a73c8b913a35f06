"""Four servers with 64 callers each on one budget: it holds, and what is booked is exactly what the log says."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from proxy.store.base import NANO_PER_USD, Balance, Limits
from tests.support.budget_load import Servers, call_all, cost, servers, upstream
from tests.support.budgets import key
from tests.support.redis_server import RedisServer, redis_server
from tests.support.stores import Backend

PROCESSES, CALLERS, CALLS = 4, 64, 5
MAX_TOKENS = 1_000
TOTAL = Limits(None, "total", None, None, None)
PATIENT = {"STORE_TIMEOUT_MS": "60000"}


def settled(backend: Backend) -> Balance:
    return backend.run(lambda store: store.balance("a1b2c3", TOTAL, 0.0))


def test_a_budget_is_never_overdrawn_by_calls_that_keep_to_their_limits(backend: Backend) -> None:
    budget = PROCESSES * CALLERS * CALLS * cost(MAX_TOKENS // 2) // 2  # about half of what they would spend

    async def go() -> Servers:
        async with upstream() as url:
            with servers(PROCESSES, url, {**backend.settings, **PATIENT}) as running:
                sent = key(budget_usd=budget / NANO_PER_USD)
                statuses = await call_all(running.ports, sent, CALLERS, CALLS, max_tokens=MAX_TOKENS)
                await asyncio.to_thread(running.stop)
                assert set(statuses) == {200, 429} and sum(statuses.values()) == PROCESSES * CALLERS * CALLS
                return running

    running = asyncio.run(go())
    spent, reserved, _ = settled(backend)
    assert (spent, reserved) == (running.logged, 0)
    assert budget * 0.7 < spent <= budget


def test_a_budget_is_overdrawn_at_most_by_what_running_calls_exceed_their_reservations(backend: Backend) -> None:
    reserved_tokens, real_tokens = 16, 500
    budget = 100 * cost(real_tokens)

    async def go() -> Servers:
        async with upstream() as url:
            settings = {**backend.settings, **PATIENT, "BUDGET_RESERVE_OUTPUT_TOKENS": str(reserved_tokens)}
            with servers(2, url, settings) as running:
                sent = key(budget_usd=budget / NANO_PER_USD)
                statuses = await call_all(running.ports, sent, 16, 10, seed=real_tokens)
                await asyncio.to_thread(running.stop)
                assert set(statuses) == {200, 429}
                return running

    running = asyncio.run(go())
    spent, reserved, _ = settled(backend)
    assert (spent, reserved) == (running.logged, 0)
    assert budget - cost(real_tokens) < spent <= budget + 2 * 16 * (cost(real_tokens) - cost(reserved_tokens))


@pytest.mark.parametrize("policy", ["closed", "open"])
def test_a_redis_that_is_slow_paused_killed_and_started_again_loses_nothing(tmp_path: Path, policy: str) -> None:
    with redis_server(tmp_path) as redis:
        backend = Backend("redis", {"STORE": redis.url})
        settings = {**backend.settings, "STORE_TIMEOUT_MS": "300", "STORE_ON_ERROR": policy}

        async def trouble(redis: RedisServer) -> None:
            redis.ask("CLIENT", "PAUSE", "200", "ALL")
            await asyncio.sleep(0.5)
            redis.pause()
            await asyncio.sleep(0.7)
            redis.resume()
            await asyncio.sleep(0.5)
            redis.kill()
            await asyncio.sleep(0.7)
            await asyncio.to_thread(redis.restart)

        async def go() -> Servers:
            async with upstream() as url:
                with servers(2, url, settings) as running:
                    troubled = asyncio.ensure_future(trouble(redis))
                    sent, again = key(budget_usd=1000), True
                    statuses = await call_all(running.ports, sent, 16, 10, max_tokens=MAX_TOKENS)
                    while again:  # until all the trouble is over, and one round more
                        again = not troubled.done()
                        statuses += await call_all(running.ports, sent, 16, 5, max_tokens=MAX_TOKENS)
                    await troubled
                    assert statuses[200] and set(statuses) <= ({200, 503} if policy == "closed" else {200})
                    # What could not be booked is booked when the servers stop, at the latest.
                    await asyncio.to_thread(running.stop)
                    return running

        running = asyncio.run(go())
        assert any("store_error" in line for line in running.lines), "there was no trouble"
        assert not any(line.get("event") == "bookings_lost" for line in running.lines)
        spent, _, _ = settled(backend)
        assert spent == running.logged
