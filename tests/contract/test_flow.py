"""Streams flow: each event reaches the client when it arrives, over real sockets; silence is filled with pings."""

from __future__ import annotations

import threading

import psutil
import pytest

from tests.conftest import Serve
from tests.support.client import Connection, Result, call
from tests.support.talk import CHAT, KEY, PLAIN, QUICK, event, opened
from tests.support.upstream import (
    CEILING,
    END,
    SSE_HEAD,
    Received,
    Script,
    Sleep,
    Upstream,
    Wait,
    chunk,
    stream,
    whole,
)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/completions", "/v1/audio/speech"])
def test_each_event_reaches_the_client_before_the_next_is_sent(upstream: Upstream, serve: Serve, path: str) -> None:
    events = [event(f"你{i}") for i in range(20)]
    upstream.play((SSE_HEAD, *(step for one in events for step in (chunk(one), Wait())), END))
    connection = opened(serve, path=path)
    result = connection.head()
    for sent, got in zip(events, connection.writes(result), strict=False):
        assert got == sent
        upstream.proceed()
    assert not result.broken
    connection.close()


def test_the_head_arrives_before_the_first_event(upstream: Upstream, serve: Serve) -> None:
    upstream.play((SSE_HEAD, Wait(), chunk(event("x")), END))
    connection = opened(serve)
    result = connection.head()
    assert result.status == 200
    upstream.proceed()
    assert list(connection.writes(result)) == [event("x")]
    connection.close()


def test_an_event_in_pieces_is_written_once_it_is_whole(upstream: Upstream, serve: Serve) -> None:
    events = ["data: 你好\r\n\r\n".encode(), b"data: b\n\n"]
    pieces = [[step for byte in one for step in (chunk(bytes((byte,))), Sleep(0))] for one in events]
    upstream.play((SSE_HEAD, *pieces[0], Wait(), *pieces[1], END))  # apart: what has come together leaves together
    connection = opened(serve, {})
    writes = connection.writes(connection.head())
    assert next(writes) == events[0]
    upstream.proceed()
    assert list(writes) == events[1:]
    connection.close()


def test_pings_keep_a_silent_stream_alive_and_start_the_reply_only_when_due(upstream: Upstream, serve: Serve) -> None:
    upstream.play((Wait(), SSE_HEAD, chunk(event("a")), Wait(), chunk(event("b")), END))
    connection = opened(serve, QUICK)
    result = connection.head()
    writes = connection.writes(result)
    assert next(writes) == b": ping\n\n"
    upstream.proceed()
    while (got := next(writes)) != event("a"):
        assert got == b": ping\n\n"
    assert next(writes) == b": ping\n\n"
    upstream.proceed()
    rest = [got for got in writes if got != b": ping\n\n"]
    assert rest == [event("b")]
    assert result.header("content-type") == "text/event-stream; charset=utf-8"
    connection.close()


def test_pings_in_a_stream_with_ids_end_no_event(upstream: Upstream, serve: Serve) -> None:
    upstream.play((SSE_HEAD, chunk(b"id: 1\ndata: {}\n\n"), Wait(), END))
    connection = opened(serve, QUICK)
    writes = connection.writes(connection.head())
    assert next(writes) == b"id: 1\ndata: {}\n\n"
    assert next(writes) == b": ping\n"
    upstream.proceed()
    assert all(got == b": ping\n" for got in writes)
    connection.close()


def test_pings_never_fall_into_an_event(upstream: Upstream, serve: Serve) -> None:
    one = event("long")
    upstream.play((SSE_HEAD, chunk(one[:9]), Wait(), chunk(one[9:]), END))
    connection = opened(serve, QUICK)
    writes = connection.writes(connection.head())
    assert next(writes) == b": ping\n\n"
    upstream.proceed()
    assert [got for got in writes if got != b": ping\n\n"] == [one]
    connection.close()


@pytest.mark.parametrize(
    ("path", "body"),
    [("/v1/audio/speech", CHAT), ("/v1/chat/completions", PLAIN), ("/v1/images/generations", CHAT)],
)
def test_only_streams_of_text_are_pinged(upstream: Upstream, serve: Serve, path: str, body: bytes) -> None:
    upstream.play((Sleep(0.3), *stream(event("a"))))
    assert call(serve(**QUICK).port, "POST", path, KEY, body).body == event("a")


def test_keepalive_can_be_switched_off(upstream: Upstream, serve: Serve) -> None:
    upstream.play((Sleep(0.3), *stream(event("a"))))
    off = serve(KEEPALIVE_SECONDS="0", KEEPALIVE_FIRST_SECONDS="0.05")
    assert call(off.port, "POST", "/v1/chat/completions", KEY, CHAT).body == event("a")


def test_a_slow_client_slows_the_upstream_down(upstream: Upstream, serve: Serve) -> None:
    one = b"data: " + b"x" * 65_000 + b"\n\n"
    count = 1000  # 65 MB: what fits into every buffer on the way is far less
    written = 0

    def script(_: Received) -> Script:
        def steps() -> list[bytes]:
            nonlocal written
            return [SSE_HEAD, *[chunk(one)] * count, END]

        return tuple(steps())

    upstream.choose = script
    server = serve()
    process = psutil.Process()
    connection = Connection(server.port, receive_buffer=65_536)
    connection.send("POST", "/v1/chat/completions", KEY, CHAT)
    result = connection.head()
    writes = connection.writes(result)
    next(writes)
    start = upstream._sent
    assert upstream.settled() - start < 30_000_000
    before = process.memory_info().rss
    size = len(one)
    for got in writes:
        size += len(got)
        result.writes.clear()
    assert size == count * len(one)
    assert process.memory_info().rss - before < 20_000_000
    connection.close()


def test_calls_at_the_same_time_do_not_wait_for_each_other(upstream: Upstream, serve: Serve) -> None:
    upstream.choose = lambda request: (
        (SSE_HEAD, chunk(event("a")), Wait(), END) if b"stream" in request.body else whole(b"{}")
    )
    first = opened(serve)
    writes = first.writes(first.head())
    assert next(writes) == event("a")
    results: list[Result] = []
    threads = [
        threading.Thread(target=lambda: results.append(call(serve().port, "GET", "/v1/models", KEY))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(CEILING)
    assert [result.status for result in results] == [200] * 8
    upstream.proceed()
    assert list(writes) == []
    first.close()
