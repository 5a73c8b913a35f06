"""Our own engine against upstreams that do everything wrong, on raw sockets and over TLS."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import Any

import pytest

from proxy.errors import UpstreamDisconnected, UpstreamError, UpstreamMalformed, UpstreamTimeout
from proxy.transports import connection, direct
from proxy.transports.direct import DirectUpstream
from proxy.upstream import Outgoing, Target, Timeouts
from tests.support.raw_upstream import CHUNKED, LONG, OK, QUICK, Raw, engine, once, outgoing, read, saying, stay
from tests.support.talk import until
from tests.support.upstream import CEILING


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (OK + b"\r\nto the end", (200, b"to the end", None)),
        (OK + b"Content-Length: 5\r\n\r\nab", (200, b"ab", UpstreamDisconnected)),
        (CHUNKED + b"2\r\nab\r\n", (200, b"ab", UpstreamDisconnected)),
        (CHUNKED + b"2\r\nab\r\n0\r\n", (200, b"ab", UpstreamDisconnected)),
        (CHUNKED + b"2\r\nab\r\nxyz\r\n", (200, b"ab", UpstreamMalformed)),
        (CHUNKED + b"2\r\nab\r\n2\r\nabc\r\n", (200, b"abab", UpstreamMalformed)),
        (CHUNKED + b"1\r\na\r\n0\r\nTrailer: x\r\n\r\n", (200, b"a", None)),
        (b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\na", (200, b"a", None)),
        (OK + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", (200, b"a", None)),
    ],
)
def test_what_comes_of_an_answer(answer: bytes, result: tuple[int, bytes, type[UpstreamError] | None]) -> None:
    assert once(saying(answer)) == result


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", UpstreamDisconnected),
        (b"HTTP/1.1 200", UpstreamDisconnected),
        (b"\x15\x03\x01\x00\x02\x02\x50", UpstreamMalformed),  # a TLS alert: https was meant
        (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\na", UpstreamMalformed),
        (OK + b"A: " + b"a" * 200_000, UpstreamMalformed),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", UpstreamMalformed),
    ],
)
def test_what_is_no_answer_is_told(answer: bytes, error: type[UpstreamError]) -> None:
    with pytest.raises(error):
        once(saying(answer))


def test_a_head_that_drips_in_takes_no_longer_than_the_first_byte_may() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for byte in OK + b"A: " + b"a" * 1000:
            writer.write(bytes((byte,)))
            await asyncio.sleep(0.05)

    with pytest.raises(UpstreamTimeout, match=r"0\.5 s"):
        once(drip, QUICK)


def test_a_body_that_drips_in_is_read_to_its_end_and_one_that_stops_is_not() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK + b"Content-Length: 9\r\n\r\n")
        for _ in range(8):
            writer.write(b"a")
            await asyncio.sleep(0.15)
        await stay()

    # The whole takes longer than the silence that is allowed, no pause does, also on a busy machine.
    assert once(drip, Timeouts(5.0, 5.0, 1.0)) == (200, b"a" * 8, UpstreamTimeout)


@pytest.mark.parametrize("refused", [True, False])
def test_an_answer_that_comes_before_the_body_is_sent(refused: bool) -> None:
    """Early refusals are read, and the rest stays; after any other early answer the rest still goes up."""
    size = 12_000_000
    got = 0

    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal got
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno" if refused else CHUNKED)
        await writer.drain()
        if not refused:
            got = len(await reader.readexactly(size))
            writer.write(b"1\r\na\r\n0\r\n\r\n")
            await writer.drain()
        await stay()

    status, body, error = once(early, body=b"x" * size)
    assert (status, body, error) == ((413, b"no", None) if refused else (200, b"a", None))
    assert got == (0 if refused else size)


def test_an_upstream_that_takes_no_body_is_given_up() -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await stay()

    with pytest.raises(UpstreamTimeout):
        once(deaf, QUICK, b"x" * 20_000_000)


@pytest.mark.parametrize("more", [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", b"x"])
@pytest.mark.parametrize("later", [True, False])
def test_nobody_s_next_call_gets_what_was_sent_unasked(more: bytes, later: bool) -> None:
    answered = asyncio.Event()

    async def chatty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK + b"Content-Length: 4\r\n\r\ngood" + (b"" if later else more))
        await writer.drain()
        await answered.wait()
        if later:
            writer.write(more)
        await stay()

    async def go() -> int:
        async with Raw(chatty) as server, engine() as upstream:
            for _ in range(2):
                answered.clear()
                assert await read(upstream, outgoing(server.port)) == (200, b"good", None)
                answered.set()
                await until(lambda: not any(upstream._idle.values()))
            return server.opened

    assert asyncio.run(go()) == 2


def test_a_connection_is_used_again_after_each_way_to_end() -> None:
    async def go() -> int:
        ends = [
            OK + b"Content-Length: 1\r\n\r\na",
            CHUNKED + b"1\r\na\r\n0\r\n\r\n",
            CHUNKED + b"1\r\na\r\n0\r\nT: x\r\n\r\n",
            b"HTTP/1.1 204 No\r\n\r\n",
            OK + b"Content-Length: 1\r\n\r\na",
        ]
        async with Raw(saying(*ends)) as server, engine() as upstream:
            for _ in ends:
                await read(upstream, outgoing(server.port))
            return server.opened

    assert asyncio.run(go()) == 1


@pytest.mark.parametrize("how", ["Connection: close\r\n", ""])
def test_a_connection_that_cannot_be_kept_is_not(how: str) -> None:
    version = b"1.1" if how else b"1.0"

    async def go() -> int:
        answer = b"HTTP/" + version + b" 200 OK\r\n" + how.encode() + b"Content-Length: 1\r\n\r\na"
        async with Raw(saying(answer, answer)) as server, engine() as upstream:
            for _ in range(2):
                assert await read(upstream, outgoing(server.port)) == (200, b"a", None)
            return server.opened

    assert asyncio.run(go()) == 2


def test_a_server_that_speaks_before_it_is_asked_is_not_waited_for() -> None:
    async def eager(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 408 Too Late\r\n\r\n")
        await reader.read()

    async def go() -> None:
        async with Raw(eager) as server, engine() as upstream:
            origin, _, _ = upstream._base(f"http://127.0.0.1:{server.port}")
            opened = await upstream._connect(origin, 1)
            await until(lambda: opened.closing)
            with pytest.raises(UpstreamDisconnected):
                await opened.request("GET", b"", b"", 5, 5)

    asyncio.run(go())


def test_a_reset_behind_a_whole_answer_only_costs_the_connection() -> None:
    answered = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK + b"Content-Length: 1\r\n\r\na")
        await writer.drain()
        await answered.wait()
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def go() -> None:
        async with Raw(handler) as server, engine() as upstream:
            answer = await upstream.send(outgoing(server.port))
            answered.set()
            await until(lambda: answer.body._connection.closing)  # type: ignore[attr-defined]
            assert [piece async for piece in answer.body] == [b"a"]
            await answer.body.aclose()
            assert not upstream._idle

    asyncio.run(go())


def test_a_timer_that_nobody_waits_for_any_more_does_nothing() -> None:
    async def go() -> None:
        answers = [OK + b"Content-Length: 1\r\n\r\na"] * 2
        async with Raw(saying(*answers)) as server, engine() as upstream:
            for _ in answers:
                assert await read(upstream, outgoing(server.port, Timeouts(1, 0.2, 0.2))) == (200, b"a", None)
                await asyncio.sleep(0.4)
            assert server.opened == 1

    asyncio.run(go())


def test_leaving_an_answer_half_read_ends_the_connection() -> None:
    gone = asyncio.Event()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(CHUNKED + b"1\r\na\r\n")
        await reader.read()
        gone.set()

    async def go() -> None:
        async with Raw(endless) as server, engine() as upstream:
            answer = await upstream.send(outgoing(server.port))
            assert await answer.body.__anext__() == b"a"
            await answer.body.aclose()
            await asyncio.wait_for(gone.wait(), CEILING)

    asyncio.run(go())


def test_no_more_connections_are_kept_than_said_and_old_ones_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct, "MAX_IDLE_CONNECTIONS", 2)
    answer = OK + b"Content-Length: 1\r\n\r\na"

    async def go() -> tuple[int, int, int]:
        wall = [0.0]
        upstream = DirectUpstream(lambda: wall[0])
        slow = asyncio.Event()

        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                await slow.wait()
                writer.write(answer)

        async with Raw(handler) as server:
            calls = [asyncio.ensure_future(read(upstream, outgoing(server.port))) for _ in range(3)]
            await until(lambda: server.opened == 3)
            slow.set()
            await asyncio.gather(*calls)
            kept = sum(map(len, upstream._idle.values()))
            wall[0] = 20.0
            await read(upstream, outgoing(server.port))
            wall[0] = 40.0  # one has waited for 20 seconds, the other for 40
            await read(upstream, outgoing(server.port))
            left, opened = sum(map(len, upstream._idle.values())), server.opened
            await upstream.aclose()
            await read(upstream, outgoing(server.port))
            assert not sum(map(len, upstream._idle.values())), "nothing is kept once it is closed"
        return kept, left, opened

    assert asyncio.run(go()) == (2, 1, 3)


def test_a_kept_connection_that_closes_is_forgotten() -> None:
    async def go() -> None:
        async with Raw(saying(OK + b"Content-Length: 1\r\n\r\na")) as server, engine() as upstream:
            await read(upstream, outgoing(server.port))
            await until(lambda: not any(upstream._idle.values()))
            assert await read(upstream, outgoing(server.port)) == (200, b"a", None)

    asyncio.run(go())


def test_a_line_break_never_gets_into_a_head() -> None:
    async def go() -> None:
        async with engine() as upstream:
            bad = Outgoing(Target("t", "http://127.0.0.1:9", "k"), "GET", "x", "", [("a", "b\r\nc: d")], b"", LONG)
            with pytest.raises(ValueError, match="line break"):
                await upstream.send(bad)

    asyncio.run(go())


def test_a_timer_is_armed_anew_for_what_is_due_sooner() -> None:
    async def go() -> None:
        async with Raw(saying(OK + b"Content-Length: 2\r\n\r\na", b"")) as server, engine() as upstream:
            answer = await upstream.send(outgoing(server.port, Timeouts(5, 5, 0.2)))
            assert await answer.body.__anext__() == b"a"
            with pytest.raises(UpstreamTimeout):
                await answer.body.__anext__()
            await answer.body.aclose()

    asyncio.run(go())


def test_a_caller_that_leaves_while_connecting_leaves_nothing_behind() -> None:
    async def go() -> None:
        gone = asyncio.Event()

        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            gone.set()

        async with Raw(handler) as server, engine() as upstream:
            call = asyncio.ensure_future(upstream.send(outgoing(server.port, base="https://127.0.0.1")))
            await until(lambda: server.opened == 1)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await asyncio.wait_for(gone.wait(), CEILING)

    asyncio.run(go())


def test_a_connection_that_comes_too_late_is_closed() -> None:
    async def go() -> None:
        closed: list[bool] = []

        class Late:
            def abort(self) -> None:
                closed.append(True)

        async def late() -> Any:
            return Late(), None

        async def fails() -> Any:
            raise OSError

        for opening in (late, fails):
            task = asyncio.ensure_future(opening())
            await asyncio.wait([task])
            direct._abandoned(task)
        assert closed == [True]

    asyncio.run(go())


def test_ipv6_and_the_next_address_of_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(host: Any, port: Any, *_: Any, **__: Any) -> list[Any]:
        tcp = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [
            (socket.AF_INET6, *tcp, ("::1", port, 0, 0)),
            (socket.AF_INET, *tcp, ("127.0.0.2", port)),
            (socket.AF_INET, *tcp, ("127.0.0.1", port)),
        ]

    async def go() -> None:
        answer = OK + b"Content-Length: 1\r\n\r\na"
        async with engine() as upstream:
            with contextlib.suppress(OSError):  # a machine without IPv6 has nothing to show here
                async with Raw(saying(answer), host="::1") as server:
                    assert await read(upstream, outgoing(server.port, base="http://[::1]")) == (200, b"a", None)
            monkeypatch.setattr(socket, "getaddrinfo", resolve)
            async with Raw(saying(answer)) as server:
                assert await read(upstream, outgoing(server.port, base="http://api.test")) == (200, b"a", None)

    asyncio.run(go())


def test_a_loop_without_happy_eyeballs_is_asked_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio, "BaseEventLoop", type(None))
    assert once(saying(OK + b"Content-Length: 1\r\n\r\na")) == (200, b"a", None)


def test_a_slow_reader_stops_the_upstream_and_gets_everything() -> None:
    size = 8_000_000
    sent = 0

    async def much(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK + b"Content-Length: %d\r\n\r\n" % size)
        while sent < size:
            writer.write(b"x" * 100_000)
            await writer.drain()
            sent += 100_000
        await reader.read()

    async def go() -> None:
        async with Raw(much) as server, engine() as upstream:
            answer = await upstream.send(outgoing(server.port))
            first = await answer.body.__anext__()
            await asyncio.sleep(0.5)
            assert sent < size, "nobody reads, so nothing more may be taken from the socket"
            assert answer.body._connection._buffered < connection.BUFFER_BYTES * 3  # type: ignore[attr-defined]
            rest = b"".join([piece async for piece in answer.body])
            await answer.body.aclose()
            assert len(first) + len(rest) == size

    asyncio.run(go())
