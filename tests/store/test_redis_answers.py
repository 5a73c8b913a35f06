"""What a server of Redis may answer, over its own protocol and over HTTPS, also if it makes no sense."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from proxy.errors import UpstreamDisconnected, UpstreamUnreachable
from proxy.messages import Headers
from proxy.store.base import Balance, StoreUnavailable
from proxy.store.redis_rest import RedisRest
from proxy.store.redis_store import CommandError, RedisStore
from proxy.upstream import Answer, timed_out
from tests.support.core import Body, Listed
from tests.support.redis_rest import TOKEN
from tests.support.stores import NOW, UNLIMITED, claim, holder, limits, opened, spending
from tests.support.upstream import Upstream, whole

WHO = holder("alice")
DAY = 86_400


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
