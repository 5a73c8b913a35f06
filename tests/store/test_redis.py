"""Redis only: clusters, passwords, and what is kept how long."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from proxy.errors import ConfigError
from proxy.store.base import Balance, Refusal, Store, StoreUnavailable
from proxy.store.redis_client import RedisClient
from proxy.store.redis_store import RedisStore
from tests.support.fake_clock import FakeClock
from tests.support.redis_rest import TOKEN, rest_server
from tests.support.redis_server import RedisServer, cluster, redis_server
from tests.support.stores import NOW, UNLIMITED, claim, holder, limits, opened, spending

WHO = holder("alice")
DAY = 86_400


async def use(store: Store, name: str = "alice") -> None:
    """Every kind of key for a holder."""
    who = holder(name)
    await store.reserve(who, limits(requests=9), claim("c1"), NOW)
    await store.reserve(who, limits(requests=9), claim("c2"), NOW)
    await store.settle(who, UNLIMITED, "c2", spending(), NOW)
    await store.note_threshold(who.id, "2026-11", 80, NOW)
    await store.revoke(f"other-{name}", NOW)


def test_a_cluster_is_recognised_and_keeps_a_holder_in_one_slot(tmp_path: Path) -> None:
    async def go(servers: tuple[RedisServer, RedisServer]) -> None:
        async with opened({"STORE": servers[0].url}) as store:
            names = [f"h{number}" for number in range(20)]
            await asyncio.gather(*(use(store, name) for name in names))
            assert await store.revoke("h3", NOW) == 1
            assert await store.reserve(holder("h3"), UNLIMITED, claim("c3"), NOW) == Refusal("revoked", None)
            assert len(await store.keys()) == 20
            assert sum(row.cost for row in await store.spending("2026-11-27", "2026-11-27")) == 100
        assert all(one.ask("DBSIZE") > 20 for one in servers), "both have some"

    with cluster(tmp_path) as servers:
        asyncio.run(go(servers))


def test_a_cluster_that_lost_a_half_is_unavailable(tmp_path: Path) -> None:
    async def go(servers: tuple[RedisServer, RedisServer]) -> None:
        async with opened({"STORE": servers[0].url}) as store:
            await asyncio.gather(*(use(store, f"h{number}") for number in range(8)))
            servers[1].kill()
            results = await asyncio.gather(
                *(store.balance(holder(f"h{number}").id, UNLIMITED, NOW) for number in range(8)), return_exceptions=True
            )
            assert {type(one) for one in results} <= {Balance, StoreUnavailable}
            assert any(isinstance(one, StoreUnavailable) for one in results)

    with cluster(tmp_path) as servers:
        asyncio.run(go(servers))


def test_every_key_is_removed_some_day(shared_redis: RedisServer) -> None:
    async def go() -> None:
        async with opened({"STORE": shared_redis.url}) as store:
            await use(store)
            await store.revoke("alice", NOW)
            old = holder("old", expires=NOW + 3_000 * DAY)
            await store.reserve(old, UNLIMITED, claim(), NOW)

    shared_redis.ask("FLUSHALL")
    asyncio.run(go())
    times = {key: shared_redis.ask("TTL", key) / DAY for key in shared_redis.ask("KEYS", "*")}
    assert len(times) == 3 + 7 + 3
    assert min(times.values()) > 0 and max(times.values()) < 4_100
    records = {key: days for key, days in times.items() if key.endswith(":record")}
    # A record outlives its key, and the last day of its spending.
    assert [round(days) for _, days in sorted(records.items())] == [431, 3_000]
    assert [round(days) for key, days in times.items() if ":spending:" in key] == [431]
    assert [round(days) for key, days in times.items() if ":revoked" in key] == [3_660]


def test_sums_of_past_periods_are_removed(shared_redis: RedisServer) -> None:
    async def go() -> None:
        async with opened({"STORE": shared_redis.url}) as store:
            for number in range(100):
                await store.settle(WHO, UNLIMITED, f"c{number}", spending(cost=1), NOW + number * DAY)
            assert await store.balance(WHO.id, UNLIMITED, NOW) == Balance(100, 0, None)
            assert await store.balance(WHO.id, limits(period="month"), NOW + 99 * DAY) == Balance(6, 0, None)

    shared_redis.ask("FLUSHALL")
    asyncio.run(go())
    (key,) = shared_redis.ask("KEYS", "*:record")
    sums = [field for field in shared_redis.ask("HKEYS", key) if field.startswith("sum|")]
    assert len(sums) <= 1 + 3 + 42


def test_a_revocation_reaches_a_key_that_is_registered_at_the_same_time(shared_redis: RedisServer) -> None:
    """The moment between the index and the record: the record is made with the mark, and keeps it."""

    class Between:
        """Revokes the key after it was registered in the index, before its record is made."""

        def __init__(self, inner: RedisClient) -> None:
            self._inner, self.calls = inner, 0

        async def run(self, commands: list[list[str]]) -> list[Any]:
            self.calls += 1
            if self.calls == 5:  # after the operation and the index were asked, each of which had to be loaded first
                assert await RedisStore(self._inner).keys() == []  # in the index, but without a record
                assert await RedisStore(self._inner).revoke("alice", NOW) == 1
            return await self._inner.run(commands)

        async def aclose(self) -> None:
            await self._inner.aclose()

    async def go() -> None:
        connection = Between(RedisClient(shared_redis.url, FakeClock()))
        store = RedisStore(connection)
        assert await store.reserve(WHO, UNLIMITED, claim(), NOW) == Refusal("revoked", None)
        assert connection.calls == 5
        await store.aclose()

    shared_redis.ask("FLUSHALL")
    shared_redis.ask("SCRIPT", "FLUSH")
    asyncio.run(go())


def test_connections_that_were_idle_for_long_are_not_used_again(shared_redis: RedisServer) -> None:
    class Clock(FakeClock):
        time = 0.0

        def wall(self) -> float:
            return self.time

    async def go() -> None:
        clock = Clock()
        client = RedisClient(shared_redis.url, clock)

        async def who() -> Any:
            return (await client.run([["CLIENT", "ID"]]))[0]

        first = await who()
        clock.time += 30
        assert await who() == first
        clock.time += 30.1
        assert await who() != first
        await client.aclose()

    asyncio.run(go())


@pytest.mark.parametrize("password", ["", ":wrong@", "nobody:secret@"])
def test_a_wrong_password_is_told(tmp_path: Path, password: str) -> None:
    async def go(server: RedisServer) -> None:
        async with opened({"STORE": f"redis://{password}127.0.0.1:{server.port}"}) as store:
            with pytest.raises(StoreUnavailable) as raised:
                await store.balance(WHO.id, UNLIMITED, NOW)
            assert raised.value.reason == "unauthorized" and "STORE_TOKEN" in raised.value.advice
        async with opened({"STORE": f"redis://:p%40ss@127.0.0.1:{server.port}"}) as store:
            assert await store.balance(WHO.id, UNLIMITED, NOW) == Balance(0, 0, None)

    with redis_server(tmp_path, "--appendonly", "no") as server:
        server.ask("CONFIG", "SET", "requirepass", "p@ss")
        asyncio.run(go(server))


@pytest.mark.parametrize(
    ("setting", "reason"),
    [(("maxmemory", "1"), "out_of_memory"), (("min-replicas-to-write", "1"), "command_failed")],
)
def test_a_server_that_refuses_to_write_is_told(tmp_path: Path, setting: tuple[str, str], reason: str) -> None:
    async def go(server: RedisServer) -> None:
        with rest_server(server.port) as url:
            for settings in ({"STORE": server.url}, {"STORE": url, "STORE_TOKEN": TOKEN}):
                async with opened(settings) as store:
                    with pytest.raises(StoreUnavailable) as raised:
                        await store.settle(WHO, UNLIMITED, "c1", spending(), NOW)
                    assert raised.value.reason in (reason, "command_failed")

    with redis_server(tmp_path, "--appendonly", "no") as server:
        server.ask("CONFIG", "SET", *setting)
        asyncio.run(go(server))


def test_a_replica_that_only_reads_is_told(tmp_path: Path) -> None:
    async def go(server: RedisServer) -> None:
        async with opened({"STORE": server.url}) as store:
            with pytest.raises(StoreUnavailable) as raised:
                await store.settle(WHO, UNLIMITED, "c1", spending(), NOW)
            assert raised.value.reason == "read_only_replica"

    with redis_server(tmp_path, "--appendonly", "no") as server:
        server.ask("REPLICAOF", "127.0.0.1", "1")
        asyncio.run(go(server))


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:port", "redis://127.0.0.1/0?unknown=1", "redis://127.0.0.1:99999999"]
)
def test_an_address_that_redis_py_does_not_understand_stops_start_up(url: str) -> None:
    with pytest.raises(ConfigError, match="STORE is not an address") as raised:
        RedisClient(url, FakeClock())
    assert "127.0.0.1" not in raised.value.message
