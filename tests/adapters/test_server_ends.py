"""How the server's connection ends: after a last request, broken bytes, an answer that fails, a shutdown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from proxy.adapters import server_connection
from proxy.messages import Headers, Reply, Request
from tests.support.driven import CHUNKED, GET, OK, Answers, Driven, Held, Refuses, both, pieces, post

LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
OLD = b"GET /old HTTP/1.0\r\n\r\n"
CLOSING_OK = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"


def always(reply: Reply) -> Answers:
    """An app that gives this answer."""
    return Answers(lambda _: reply)


@both
async def test_a_stream_that_fails_stays_incomplete(http: str) -> None:
    closed: list[bool] = []

    async def body() -> AsyncGenerator[bytes, None]:
        try:
            yield b"x"
            raise ConnectionError
        finally:
            closed.append(True)

    driven = Driven(Answers(lambda _: Reply(200, body=body())), http)
    driven.receive(GET + GET)
    await driven.settle()
    assert driven.wire.sent == CHUNKED + b"1\r\nx\r\n" and driven.wire.closed and closed == [True]


@both
async def test_a_stream_is_as_long_as_it_says_or_incomplete(http: str) -> None:
    for parts, sent in (([b"ab", b"cd"], b"ab"), ([b"ab"], b"ab"), ([b"abc"], b"abc")):
        reply = Reply(200, Headers([("content-length", "3")]), pieces(*parts))
        driven = Driven(always(reply), http)
        driven.receive(GET)
        await driven.settle()
        assert driven.wire.sent == b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n" + sent
        assert driven.wire.closed == (sent != b"abc")


@both
async def test_an_old_caller_gets_no_chunks(http: str) -> None:
    driven = Driven(Answers(lambda _: Reply(200, body=pieces(b"ab", b"cd"))), http)
    driven.receive(OLD)
    await driven.settle()
    assert driven.wire.sent == b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabcd" and driven.wire.closed
    driven = Driven(Answers(), http)
    driven.receive(OLD.replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\nExpect: 100-continue\r\n\r\n"))
    await driven.settle()
    assert driven.wire.sent == CLOSING_OK and driven.wire.closed


@both
async def test_what_follows_the_last_request_is_dropped(http: str) -> None:
    app = Held()
    driven = Driven(app, http)
    driven.receive(LAST + post(2) + b"ab" + GET)
    driven.receive(b"\0 no HTTP\r\n\r\n")
    await driven.settle()
    assert driven.wire.is_reading()  # only so is the caller seen to leave
    app.go.set()
    await driven.settle()
    assert driven.wire.sent == CLOSING_OK and driven.wire.closed and len(app.requests) == 1


@both
async def test_the_last_request_may_have_a_body(http: str) -> None:
    app = Answers()
    driven = Driven(app, http)
    for data in (post(4, b"Connection: x, Close\r\n"), b"ab", b"cd", b"ef"):
        driven.receive(data)
        await driven.settle()
    assert driven.wire.sent == CLOSING_OK and app.requests == [("POST", "/a", b"abcd")]


@both
async def test_the_last_answer_to_an_unread_body_lingers(http: str) -> None:
    """Closing at once would reset the connection, and the caller might never see the answer."""
    driven = Driven(Refuses(), http)
    driven.receive(post(9, b"Connection: close\r\n"))
    await driven.settle()
    assert driven.wire.sent.startswith(b"HTTP/1.1 401 ") and driven.wire.ended and not driven.wire.closed
    driven.receive(b"x")
    assert driven.connection.eof_received() is False


@both
async def test_a_lingering_connection_is_closed_in_the_end(http: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server_connection, "LINGER_SECONDS", 0.0)
        driven = Driven(Answers(), http)
        driven.receive(b"\0\r\n\r\n")
        await asyncio.sleep(0.01)
        assert driven.wire.sent.startswith(b"HTTP/1.1 400 ") and driven.wire.closed


@both
async def test_broken_bytes_are_refused_after_the_answers_before_them(http: str) -> None:
    app = Held()
    driven = Driven(app, http)
    driven.receive(GET)
    driven.receive(GET + b"\0 no HTTP\r\n\r\n")
    await driven.settle()
    assert driven.wire.sent == b"" and driven.wire.is_reading()
    app.go.set()
    await driven.settle()
    assert driven.wire.sent.startswith(OK + OK + b"HTTP/1.1 400 ") and driven.wire.ended
    assert app.refused == []


CHUNKS = b"POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"


@both
async def test_a_request_whose_body_breaks_is_cancelled_and_refused(http: str) -> None:
    for before, answers in ((b"", 1), (GET, 2)):
        app = Held()
        driven = Driven(app, http)
        driven.receive(before + CHUNKS)
        if not before:
            await driven.settle()
        driven.receive(b"xyz\r\n")
        app.go.set()
        await driven.settle()
        assert driven.wire.sent.count(b"HTTP/1.1 ") == answers
        assert b"HTTP/1.1 400 " in driven.wire.sent and driven.wire.ended and not driven.state.tasks
        assert all(path != "/b" for _, path, _ in app.requests)


@both
async def test_an_answer_that_has_begun_is_cut_when_its_request_breaks(http: str) -> None:
    async def endless() -> AsyncGenerator[bytes, None]:
        yield b"x"
        await asyncio.sleep(1000)

    class Early(Answers):
        async def respond(self, request: Request) -> Reply:
            return Reply(200, body=endless())

    driven = Driven(Early(), http)
    driven.receive(CHUNKS)
    await driven.settle()
    driven.receive(b"xyz\r\n")
    await driven.settle()
    assert driven.wire.sent == CHUNKED + b"1\r\nx\r\n" and driven.wire.closed and not driven.state.tasks


@both
async def test_a_request_that_ends_too_early_is_refused_and_another_end_is_none(http: str) -> None:
    driven = Driven(Answers(), http)
    assert driven.connection.eof_received() is False
    driven.receive(post(4) + b"ab")
    assert driven.connection.eof_received() is True
    await driven.settle()
    assert driven.wire.sent.startswith(b"HTTP/1.1 400 ") and b'"incomplete_body"' in driven.wire.sent


@both
async def test_shutdown_ends_idle_connections_now_and_others_after_their_answer(http: str) -> None:
    driven = Driven(Answers(), http)
    driven.receive(GET)
    await driven.settle()
    driven.connection.shutdown()
    assert driven.wire.closed
    app = Held()
    driven = Driven(app, http)
    driven.receive(GET + GET)
    await driven.settle()
    driven.connection.shutdown()
    assert not driven.wire.closed
    app.go.set()
    await driven.settle()
    assert driven.wire.sent == CLOSING_OK and driven.wire.closed


@both
async def test_a_call_that_the_server_cancels_closes_its_connection(http: str) -> None:
    app = Held()
    driven = Driven(app, http)
    driven.receive(GET)
    await driven.settle()
    for task in driven.state.tasks:
        task.cancel()
    await driven.settle()
    assert driven.wire.closed and app.cancelled == 1 and not driven.state.tasks


@both
async def test_a_header_cannot_begin_another_one(http: str) -> None:
    for value in ("a\r\nset-cookie: b", "a\rb", "a\nb"):
        reply = Reply(200, Headers([("x", value)]), pieces(b"x"))
        driven = Driven(always(reply), http)
        driven.receive(GET)
        await driven.settle()
        assert driven.wire.sent == b"" and driven.wire.closed
