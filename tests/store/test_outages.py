"""A server that is killed, paused or slow: each operation ends in time, and nothing is booked twice."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.store.base import Balance, Spending, Store, StoreUnavailable
from tests.support.redis_rest import TOKEN, rest_server
from tests.support.redis_server import RedisServer, redis_server
from tests.support.stores import NOW, UNLIMITED, claim, holder, opened, spending
from tests.support.upstream import CEILING

WHO = holder("alice")
TIMEOUT_MS = 200
# What an operation may take beyond its limit where the tests' machine is busy.
SLACK = 10.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server of the test's own, whose data survives a kill."""
    with redis_server(tmp_path) as own:
        yield own


@pytest.fixture(params=["redis", "rest"])
def settings(request: pytest.FixtureRequest, server: RedisServer) -> Iterator[dict[str, str]]:
    bound = {"STORE_TIMEOUT_MS": str(TIMEOUT_MS)}
    if request.param == "redis":
        yield {"STORE": server.url, **bound}
        return
    with rest_server(server.port) as url:
        yield {"STORE": url, "STORE_TOKEN": TOKEN, **bound}


async def outcome(work: Awaitable[Any]) -> Any:
    """The result, or the reason why the store was not available; in time."""
    began = time.monotonic()
    try:
        return await work
    except StoreUnavailable as error:
        return error.reason
    finally:
        assert time.monotonic() - began < TIMEOUT_MS / 1000 + SLACK


async def repeated(work: Callable[[], Awaitable[Any]]) -> Any:
    """The result of the first attempt that succeeds."""
    until = time.monotonic() + CEILING
    while isinstance(result := await outcome(work()), str):
        assert time.monotonic() < until
        await asyncio.sleep(0.01)
    return result


def test_each_call_is_booked_once_whatever_happens_to_the_server(server: RedisServer, settings: dict[str, str]) -> None:
    done, booked = asyncio.Event(), asyncio.Condition()
    expected, failures = [0, 0], 0

    async def spend(store: Store, name: str) -> None:
        nonlocal failures
        chance, number = random.Random(name), 0
        while not done.is_set():
            number += 1
            cost, claim_id = chance.randint(0, 9), f"{name}-{number}"
            failures += isinstance(await outcome(store.reserve(WHO, UNLIMITED, claim(claim_id), NOW)), str)
            await repeated(lambda: store.settle(WHO, UNLIMITED, claim_id, Spending(cost, 1, 1, "m"), NOW))  # noqa: B023
            expected[0], expected[1] = expected[0] + cost, expected[1] + 1
            async with booked:
                booked.notify_all()

    async def disturb(store: Store) -> None:
        chance = random.Random(1)
        for kind in ("kill", "pause", "kill", "pause"):
            before = expected[1]
            if kind == "pause":
                server.pause()
                await asyncio.sleep(chance.uniform(0.5, 1.5) * TIMEOUT_MS / 1000)
                server.resume()
            else:
                server.kill()
                await asyncio.sleep(chance.uniform(0, 0.2))
                await asyncio.to_thread(server.restart)
            async with booked:
                await booked.wait_for(lambda: expected[1] >= before + 20)  # it works again  # noqa: B023
        done.set()

    async def go() -> None:
        async with opened(settings) as store:
            await asyncio.wait_for(
                asyncio.gather(disturb(store), *(spend(store, f"t{task}") for task in range(8))), 2 * CEILING
            )
            assert await repeated(lambda: store.balance(WHO.id, UNLIMITED, NOW + 1_000)) == Balance(
                expected[0], 0, None
            )
            (row,) = await repeated(lambda: store.spending("2026-11-27", "2026-11-27"))
            assert (row.cost, row.calls) == tuple(expected)

    asyncio.run(go())
    assert failures, "nothing was disturbed"


def test_a_server_that_does_not_answer_costs_the_limit_and_no_more(
    server: RedisServer, settings: dict[str, str]
) -> None:
    async def go() -> None:
        async with opened(settings) as store:
            await repeated(lambda: store.reserve(WHO, UNLIMITED, claim("c1"), NOW))
            server.pause()
            try:
                for work in (
                    store.reserve(WHO, UNLIMITED, claim("c2"), NOW),
                    store.settle(WHO, UNLIMITED, "c1", spending(), NOW),
                    store.release(WHO, "c1", NOW),
                    store.balance(WHO.id, UNLIMITED, NOW),
                    store.note_threshold(WHO.id, "total", 80, NOW),
                ):
                    assert await outcome(work) == "timeout"
            finally:
                server.resume()
            # What was sent may take effect later, and then once; answers do not go to the wrong question.
            balance = await repeated(lambda: store.settle(WHO, UNLIMITED, "c1", spending(cost=5), NOW))
            assert balance.spent == 5
            assert await repeated(lambda: store.balance(WHO.id, UNLIMITED, NOW + 1_000)) == Balance(5, 0, None)

    asyncio.run(go())


def test_a_server_that_is_not_there_is_told_at_once(server: RedisServer, settings: dict[str, str]) -> None:
    async def go() -> None:
        async with opened({**settings, "STORE_TIMEOUT_MS": "60000"}) as store:
            await store.reserve(WHO, UNLIMITED, claim("c1"), NOW)
            server.kill()
            with pytest.raises(StoreUnavailable) as raised:
                await store.reserve(WHO, UNLIMITED, claim("c2"), NOW)
            assert raised.value.reason in ("unreachable", "command_failed")
            assert raised.value.status == 503 and raised.value.retryable
            server.restart()
            assert await store.settle(WHO, UNLIMITED, "c1", spending(), NOW) == Balance(5, 0, None)

    asyncio.run(go())


def test_a_server_that_forgets_its_scripts_gets_them_again(server: RedisServer, settings: dict[str, str]) -> None:
    async def go() -> None:
        async with opened({**settings, "STORE_TIMEOUT_MS": "60000"}) as store:
            for number in range(3):
                await store.reserve(holder(f"h{number}"), UNLIMITED, claim("c1"), NOW)
                server.ask("SCRIPT", "FLUSH")
            assert len(await store.keys()) == 3 and len(await store.keys()) == 3

    asyncio.run(go())


@contextlib.asynccontextmanager
async def in_between(port: int, delay: float) -> AsyncIterator[int]:
    """The port of a proxy that passes everything on after so many seconds."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError):
                while data := await reader.read(65_536):
                    await asyncio.sleep(delay)
                    writer.write(data)
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(reader, other_writer), copy(other_reader, writer))

    between = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield between.sockets[0].getsockname()[1]
    finally:
        between.close()


def test_a_slow_server_is_used_within_the_limit_and_refused_beyond(server: RedisServer) -> None:
    async def go() -> None:
        async with in_between(server.port, 0.15) as port:
            url = f"redis://127.0.0.1:{port}"
            async with opened({"STORE": url}) as patient:
                await patient.reserve(WHO, UNLIMITED, claim("c1"), NOW)
            async with opened({"STORE": url, "STORE_TIMEOUT_MS": "100"}) as hasty:
                assert await outcome(hasty.settle(WHO, UNLIMITED, "c1", spending(), NOW)) == "timeout"
                assert await outcome(hasty.balance(WHO.id, UNLIMITED, NOW)) == "timeout"

    asyncio.run(go())


def test_a_call_that_leaves_frees_its_place(server: RedisServer) -> None:
    async def go() -> None:
        async with opened({"STORE": server.url}) as store:
            server.pause()
            waiting = [asyncio.create_task(store.balance(WHO.id, UNLIMITED, NOW)) for _ in range(40)]
            await asyncio.sleep(0.05)
            for task in waiting:
                task.cancel()
            results = await asyncio.gather(*waiting, return_exceptions=True)
            assert {type(result) for result in results} == {asyncio.CancelledError}
            server.resume()
            assert await store.balance(WHO.id, UNLIMITED, NOW) == Balance(0, 0, None)

    asyncio.run(go())
