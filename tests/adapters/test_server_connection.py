"""The server's connection: requests in turn, both sides at each other's pace, and callers that leave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from proxy.adapters.server_connection import MAX_UNREAD_BYTES
from proxy.messages import Reply, Request
from tests.support.driven import CHUNKED, GET, OK, PARSERS, Answers, Driven, Held, Refuses, both, pieces, post


@both
async def test_a_whole_answer_is_one_write_and_each_piece_of_a_stream_is_one(http: str) -> None:
    driven = Driven(Answers(), http)
    driven.receive(GET)
    await driven.settle()
    assert driven.wire.writes == [OK]
    driven = Driven(Answers(lambda _: Reply(200, body=pieces(b"one", b"", b"two"))), http)
    driven.receive(GET)
    await driven.settle()
    assert driven.wire.writes == [CHUNKED, b"3\r\none\r\n", b"3\r\ntwo\r\n", b"0\r\n\r\n"]


@both
async def test_requests_take_turns_and_nothing_is_read_meanwhile(http: str) -> None:
    app = Held()
    driven = Driven(app, http)
    driven.receive(GET)
    await driven.settle()
    assert driven.wire.is_reading() and len(app.requests) == 1
    driven.receive(GET + GET)
    await driven.settle()
    assert not driven.wire.is_reading() and len(app.requests) == 1
    app.go.set()
    await driven.settle()
    assert driven.wire.is_reading() and driven.wire.sent == OK * 3 and driven.state.total_requests == 3
    assert not driven.state.tasks


@both
async def test_a_body_that_nobody_reads_is_not_received(http: str) -> None:
    read = asyncio.Event()

    class Slow(Answers):
        async def respond(self, request: Request) -> Reply:
            await read.wait()
            return await super().respond(request)

    app = Slow()
    driven = Driven(app, http)
    driven.receive(post(3 * MAX_UNREAD_BYTES))
    driven.receive(b"x" * MAX_UNREAD_BYTES)
    assert driven.wire.is_reading()
    driven.receive(b"x")
    assert not driven.wire.is_reading()
    read.set()
    await driven.settle()
    assert driven.wire.is_reading()
    driven.receive(b"x" * (2 * MAX_UNREAD_BYTES - 1))
    await driven.settle()
    assert len(app.requests[0][2]) == 3 * MAX_UNREAD_BYTES and driven.wire.sent == OK


@both
async def test_a_slow_caller_holds_back_its_stream(http: str) -> None:
    produced: list[int] = []

    async def body() -> AsyncGenerator[bytes, None]:
        for number in range(4):
            produced.append(number)
            yield b"x"

    driven = Driven(Answers(lambda _: Reply(200, body=body())), http)
    driven.connection.pause_writing()
    driven.receive(GET)
    await driven.settle()
    assert produced == [0]
    driven.connection.resume_writing()
    await driven.settle()
    assert len(produced) == 4 and driven.wire.sent.endswith(b"0\r\n\r\n")
    driven.connection.resume_writing()


@both
async def test_a_slow_caller_gets_its_next_answer_later(http: str) -> None:
    driven = Driven(Answers(), http)
    driven.connection.pause_writing()
    driven.receive(GET)
    await driven.settle()
    assert driven.wire.sent == b""
    driven.connection.resume_writing()
    await driven.settle()
    assert driven.wire.sent == OK


@both
async def test_a_slow_caller_may_leave(http: str) -> None:
    driven = Driven(Answers(), http)
    driven.connection.pause_writing()
    driven.receive(GET)
    await driven.settle()
    driven.connection.connection_lost(None)
    await driven.settle()
    driven.connection.resume_writing()
    assert not driven.state.tasks and driven.wire.sent == b""


@both
async def test_leaving_cancels_the_call_and_those_behind_it(http: str) -> None:
    app = Held()
    driven = Driven(app, http)
    driven.receive(GET + GET)
    await driven.settle()
    driven.connection.connection_lost(None)
    await driven.settle()
    assert (app.cancelled, len(app.requests)) == (1, 1)
    assert not driven.state.tasks and not driven.state.connections


@both
async def test_leaving_before_the_first_step_leaves_nothing_behind(http: str) -> None:
    app = Held()
    driven = Driven(app, http)
    driven.receive(GET)
    assert driven.state.tasks
    driven.connection.connection_lost(ConnectionResetError())
    await driven.settle()
    assert app.requests == [] and not driven.state.tasks


@both
async def test_leaving_after_the_last_piece_cancels_nothing(http: str) -> None:
    done: list[str] = []
    counted = asyncio.Event()

    async def body() -> AsyncGenerator[bytes, None]:
        yield b"x"

    class Counting:
        """A body whose closing takes a while, such as counting what the answer cost."""

        def __init__(self) -> None:
            self._inner = body()

        def __aiter__(self) -> AsyncIterator[bytes]:
            return self._inner

        async def __anext__(self) -> bytes:
            return await self._inner.__anext__()

        async def aclose(self) -> None:
            await counted.wait()
            done.append("counted")

    driven = Driven(Answers(lambda _: Reply(200, body=Counting())), http)
    driven.receive(GET)
    await driven.settle()
    assert driven.wire.sent.endswith(b"0\r\n\r\n") and driven.state.tasks
    driven.connection.connection_lost(None)
    counted.set()
    await driven.settle()
    assert done == ["counted"] and not driven.state.tasks


@both
async def test_a_body_is_asked_for_when_the_app_wants_it(http: str) -> None:
    driven = Driven(Answers(), http)
    driven.receive(post(2, b"Expect: 100-Continue\r\n"))
    assert driven.wire.sent == b""
    await driven.settle()
    assert driven.wire.sent == b"HTTP/1.1 100 Continue\r\n\r\n"
    driven.receive(b"a")
    await driven.settle()
    driven.receive(b"b")
    await driven.settle()
    assert driven.wire.sent == b"HTTP/1.1 100 Continue\r\n\r\n" + OK
    driven = Driven(Refuses(), http)
    driven.receive(post(2, b"Expect: 100-continue\r\n"))
    await driven.settle()
    assert driven.wire.sent.startswith(b"HTTP/1.1 401 ")


@both
async def test_the_rest_of_a_refused_body_is_dropped(http: str) -> None:
    driven = Driven(Refuses(), http)
    driven.receive(post(2 * MAX_UNREAD_BYTES))
    await driven.settle()
    assert driven.wire.sent.startswith(b"HTTP/1.1 401 ")
    driven.receive(b"x" * 2 * MAX_UNREAD_BYTES)
    assert driven.wire.is_reading()
    driven.wire.sent = b""
    driven.receive(GET)
    await driven.settle()
    assert driven.wire.sent.startswith(b"HTTP/1.1 401 ") and not driven.wire.closed


@pytest.mark.parametrize(
    ("peer", "settings", "scheme"),
    [
        (("127.0.0.1", 5), {}, "https"),
        (("::1", 5, 0, 0), {}, "https"),
        (("192.0.2.1", 5), {}, "http"),
        (("192.0.2.1", 5), {"forwarded_allow_ips": "192.0.2.0/24"}, "https"),
        (("192.0.2.1", 5), {"forwarded_allow_ips": "*"}, "https"),
        ("", {}, "http"),
        (None, {}, "http"),
    ],
)
@pytest.mark.parametrize("http", PARSERS)
def test_a_trusted_proxy_tells_the_scheme(http: str, peer: object, settings: dict[str, str], scheme: str) -> None:
    async def go() -> None:
        app = Answers()
        driven = Driven(app, http, peer, **settings)
        driven.receive(b"GET / HTTP/1.1\r\nHost: x:1\r\nX-Forwarded-Proto: https\r\n\r\n")
        driven.receive(b"GET / HTTP/1.1\r\nHost: x:1\r\nX-Forwarded-Proto: ftp\r\n\r\n")
        driven.receive(b"GET / HTTP/1.1\r\nHost: x:1\r\n\r\n")
        await driven.settle()
        await driven.settle()
        assert app.origins == [f"{scheme}://x:1", "http://x:1", "http://x:1"]

    asyncio.run(go())


@both
async def test_the_server_s_own_headers_are_in_every_answer(http: str) -> None:
    driven = Driven(Answers(), http)
    for date in (b"one", b"two"):
        driven.state.default_headers = [(b"date", date)]
        for _ in range(2):
            driven.wire.sent = b""
            driven.receive(GET)
            await driven.settle()
            assert driven.wire.sent.startswith(b"HTTP/1.1 200 OK\r\ndate: %b\r\ncontent-length" % date)
