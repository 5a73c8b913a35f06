"""Redis only: clusters, passwords, what is kept how long, and answers that make no sense."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proxy.errors import ConfigError, UpstreamDisconnected, UpstreamUnreachable
from proxy.messages import Headers
from proxy.store.base import Balance, Refusal, Store, StoreUnavailable
from proxy.store.redis_client import RedisClient
from proxy.store.redis_rest import RedisRest
from proxy.store.redis_store import CommandError, RedisStore
from proxy.upstream import Answer, timed_out
from tests.support.core import Body, Listed
from tests.support.fake_clock import FakeClock
from tests.support.redis_rest import TOKEN, rest_server
from tests.support.redis_server import RedisServer, cluster, redis_server
from tests.support.stores import NOW, UNLIMITED, claim, holder, limits, opened, spending
from tests.support.upstream import Upstream, whole

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
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b":abc\r\n", b"$3\r\n\xff\xff\xff\r\n", b"+OK\r\n"]
)
def test_what_is_no_redis_is_told(upstream: Upstream, answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(10)
            writer.write(answer)
            await reader.read()
        finally:
            writer.close()

    async def go() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with opened({"STORE": f"redis://127.0.0.1:{port}"}) as store:
            with pytest.raises(StoreUnavailable) as raised:
                await store.balance(WHO.id, UNLIMITED, NOW)
            assert raised.value.reason == "malformed"
        server.close()

    asyncio.run(go())


class Fixed:
    """Answers every command with the same."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    async def run(self, commands: list[list[str]]) -> list[Any]:
        return [self._answer] * len(commands)

    async def aclose(self) -> None:
        """Nothing to do."""


@pytest.mark.parametrize(
    "answer",
    [
        None,
        1,
        "text",
        {},
        [],
        [""],
        ["", "1"],
        ["", "x", "1"],
        ["", None, 1],
        ["bored", "soon"],
        ["tokens", "x"],
        [None],
    ],
)
def test_an_answer_that_makes_no_sense_is_never_taken_for_a_balance(answer: Any) -> None:
    store = RedisStore(Fixed(answer))
    operations: list[Callable[[], Any]] = [
        lambda: store.reserve(WHO, UNLIMITED, claim(), NOW),
        lambda: store.settle(WHO, UNLIMITED, "c1", spending(), NOW),
        lambda: store.balance(WHO.id, UNLIMITED, NOW),
    ]
    for operation in operations:
        with pytest.raises(StoreUnavailable) as raised:
            asyncio.run(operation())
        assert raised.value.reason == "malformed"


@pytest.mark.parametrize(
    "answer", [["name", ["1|calls"]], ["name", ["1|calls|m", "x"]], ["name", ["1|odd|m", "1"]], ["n", 7], ["x", "y"]]
)
def test_rows_that_make_no_sense_are_told(answer: Any) -> None:
    store = RedisStore(Fixed(answer))
    with pytest.raises(StoreUnavailable):
        asyncio.run(store.spending("2026-11-01", "2026-11-30", "id"))
    with pytest.raises(StoreUnavailable):
        asyncio.run(store.keys())


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, b"[]", "malformed"),
        (200, b'{"result": 1}', "malformed"),
        (200, b"<html>", "malformed"),
        (200, b'{"error": 1}', "malformed"),
        (200, b"x" * 10_000_001, "malformed"),
        (302, b"", "malformed"),
        (400, b'{"error": "ERR syntax"}', "command_failed"),
        (400, b'{"error": "NOPERM this user has no permissions"}', "unauthorized"),
        (401, b'{"error": "Unauthorized"}', "unauthorized"),
        (403, b"", "unauthorized"),
        (500, b"", "unreachable"),
    ],
)
def test_rest_answers_that_are_no_results(status: int, body: bytes, reason: str) -> None:
    upstream = Listed(body, status=status, headers=(("content-type", "application/json"),))

    async def go() -> None:
        store = RedisStore(RedisRest("https://x.example", "t" * 20, upstream, 1.0))
        with pytest.raises(StoreUnavailable) as raised:
            await store.balance(WHO.id, UNLIMITED, NOW)
        assert raised.value.reason == reason
        await store.aclose()

    asyncio.run(go())
    (sent,) = upstream.sent
    assert (sent.target.base_url, sent.path, sent.method) == ("https://x.example", "", "POST")
    assert upstream.body.closed


@pytest.mark.parametrize(
    ("error", "reason"),
    [(UpstreamUnreachable(), "unreachable"), (UpstreamDisconnected(), "unreachable"), (timed_out(1), "timeout")],
)
def test_rest_calls_that_fail(error: Exception, reason: str) -> None:
    for upstream in (Listed(error=error), Listed(error)):
        rest = RedisRest("https://x.example", "t" * 20, upstream, 1.0)
        with pytest.raises(StoreUnavailable) as raised:
            asyncio.run(rest.run([["PING"]]))
        assert raised.value.reason == reason


def test_rest_sends_several_commands_in_one_call() -> None:
    class Answers(Listed):
        async def send(self, outgoing: Any) -> Answer:
            await super().send(outgoing)
            return Answer(200, Headers(()), Body(b'[{"result": ["1"]}, {"error": "NOSCRIPT no"}]'))

    upstream = Answers()
    rest = RedisRest("https://x.example", "t" * 20, upstream, 1.0)
    commands = [["EVALSHA", "1"], ["EVALSHA", "2"]]
    assert asyncio.run(rest.run(commands)) == [["1"], CommandError("NOSCRIPT")]
    assert upstream.sent[0].path == "pipeline" and json.loads(upstream.sent[0].body) == commands
    for wrong in (b"{}", b"[]"):
        with pytest.raises(StoreUnavailable):
            asyncio.run(RedisRest("https://x.example", "t", Listed(wrong), 1.0).run(commands))


def test_rest_is_called_as_documented(upstream: Upstream) -> None:
    upstream.play(whole(b'{"result": ["", "7", "3"]}'))

    async def go() -> None:
        settings = {"STORE": upstream.url.removesuffix("/v1"), "STORE_TOKEN": TOKEN}
        async with opened(settings) as store:
            assert await store.balance(WHO.id, limits(9), NOW) == Balance(7, 3, 9)

    asyncio.run(go())
    (received,) = upstream.received
    assert (received.method, received.target) == ("POST", "/")
    assert received.header("authorization") == f"Bearer {TOKEN}"
    assert received.header("content-type") == "application/json"
    command = json.loads(received.body)
    assert command[0] == "EVALSHA" and command[2] == "4" and all(isinstance(one, str) for one in command)


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:port", "redis://127.0.0.1/0?unknown=1", "redis://127.0.0.1:99999999"]
)
def test_an_address_that_redis_py_does_not_understand_stops_start_up(url: str) -> None:
    with pytest.raises(ConfigError, match="STORE is not an address") as raised:
        RedisClient(url, FakeClock())
    assert "127.0.0.1" not in raised.value.message
