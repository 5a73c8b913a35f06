"""Both pumps on asyncio: waits can be left and taken up again, and closing really stops the reading."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest

from proxy.adapters.asyncio_host import AsyncioClock
from proxy.host import Pump

MakePump = Callable[[AsyncGenerator[bytes, None]], Pump]
both = pytest.mark.parametrize("make", [AsyncioClock().pump, AsyncioClock().reader], ids=["pump", "reader"])


@both
def test_a_closed_pump_has_stopped_and_is_gone_without_the_collector(make: MakePump) -> None:
    """A cancelled task keeps the frames that it was cancelled in: a pump that kept its task would never be free."""
    stopped = []

    async def pieces() -> AsyncGenerator[bytes, None]:
        try:
            await asyncio.sleep(60)
            yield b""
        finally:
            stopped.append(True)

    async def go() -> bool:
        pump = make(pieces())
        assert await pump.next(0.01) is None
        await pump.aclose()
        await pump.aclose()
        assert stopped == [True]
        known = weakref.ref(pump)
        del pump
        await asyncio.sleep(0)
        return known() is None

    gc.collect()
    gc.disable()
    try:
        assert asyncio.run(go())
    finally:
        gc.enable()


async def _taken(pieces: asyncio.Queue[bytes]) -> AsyncGenerator[bytes, None]:
    while True:
        yield await pieces.get()


@both
def test_one_timer_serves_waits_of_any_length(make: MakePump) -> None:
    async def waits() -> list[bytes | None]:
        pieces: asyncio.Queue[bytes] = asyncio.Queue()
        pump = make(_taken(pieces))
        found = []
        for seconds, piece in ((60.0, b"a"), (0.01, b"b"), (0.01, None), (60.0, b"c")):
            if piece is not None:
                pieces.put_nowait(piece)
            found.append(await pump.next(seconds))
        await pump.aclose()
        return found

    assert asyncio.run(waits()) == [b"a", b"b", None, b"c"]


@both
def test_a_timer_of_an_earlier_wait_does_not_end_a_later_one(make: MakePump) -> None:
    async def wait() -> float:
        pieces: asyncio.Queue[bytes] = asyncio.Queue()
        pieces.put_nowait(b"a")
        pump = make(_taken(pieces))
        assert await pump.next(0.02) == b"a"
        before = time.monotonic()
        assert await pump.next(0.2) is None
        waited = time.monotonic() - before
        pieces.put_nowait(b"b")
        assert await pump.next(0.01) == b"b"
        await asyncio.sleep(0.05)  # the timer fires while nobody waits
        pieces.put_nowait(b"c")
        assert await pump.next(None) == b"c"
        await pump.aclose()
        return waited

    assert asyncio.run(wait()) >= 0.19


class _Strict(asyncio.SelectorEventLoop):
    """Refuses a timer in the past, as Pyodide's loop does; and time goes on between two looks at it."""

    def __init__(self) -> None:
        super().__init__()
        self._looks = 0

    def time(self) -> float:
        self._looks += 1
        return super().time() + self._looks / 1_000_000

    def call_later(self, delay: float, callback: Any, *args: Any, **more: Any) -> asyncio.TimerHandle:  # type: ignore[override]
        if delay < 0:
            raise ValueError("Can't schedule in the past")
        return super().call_later(delay, callback, *args, **more)


@both
def test_no_timer_is_set_in_the_past(make: MakePump) -> None:
    async def waits() -> list[bytes | None]:
        pump = make(_taken(asyncio.Queue()))
        found = [await pump.next(seconds) for seconds in (0.0, 0.0000005, 0.01)]
        await pump.aclose()
        return found

    loop = _Strict()
    try:
        assert loop.run_until_complete(waits()) == [None, None, None]
    finally:
        loop.close()


async def _ends(wait: Awaitable[object]) -> BaseException | None:
    """How a wait ends that must raise."""
    try:
        await wait
    except BaseException as error:
        return error
    return None


@both
def test_an_end_and_an_error_come_after_the_pieces_before_them(make: MakePump) -> None:
    async def pieces(error: Exception | None) -> AsyncGenerator[bytes, None]:
        yield b"a"
        await asyncio.sleep(0)
        yield b"b"
        if error is not None:
            raise error

    async def read(error: Exception | None) -> tuple[list[bytes | None], BaseException | None]:
        pump = make(pieces(error))
        found = [await pump.next(None), await pump.next(5.0)]
        how = await _ends(pump.next(5.0))
        await pump.aclose()
        return found, how

    for error in (None, ValueError("x")):
        found, how = asyncio.run(read(error))
        assert found == [b"a", b"b"] and (isinstance(how, StopAsyncIteration) if error is None else how is error)


@both
def test_a_cancelled_wait_cancels_what_is_read_when_it_is_closed(make: MakePump) -> None:
    """The read ends as in a task: what it waits for is cancelled, and it may wait again to clean up."""
    steps: list[str] = []

    async def inner() -> bytes:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            steps.append("inner")
            raise
        return b""

    async def pieces() -> AsyncGenerator[bytes, None]:
        try:
            yield await asyncio.get_running_loop().create_task(inner())
        finally:
            await asyncio.sleep(0)
            await asyncio.sleep(0.001)
            steps.append("cleaned up")

    async def reader(pump: Pump) -> None:
        try:
            await pump.next(30.0)
        finally:
            steps.append("cancelled")
            await pump.aclose()
            steps.append("closed")

    async def go() -> bool:
        task = asyncio.create_task(reader(make(pieces())))
        await asyncio.sleep(0.01)
        task.cancel()
        return isinstance(await _ends(task), asyncio.CancelledError)

    assert asyncio.run(go())
    assert steps == ["cancelled", "inner", "cleaned up", "closed"]


def test_closing_a_reader_can_be_cancelled_as_well() -> None:
    """Both cancellations reach the read, and its clean-up ends before the caller goes on."""
    steps: list[str] = []

    async def pieces() -> AsyncGenerator[bytes, None]:
        try:
            await asyncio.sleep(60)
            yield b""
        finally:
            try:
                await asyncio.sleep(60)
            finally:
                steps.append("told twice")

    async def close(pump: Pump) -> None:
        await pump.aclose()
        steps.append("never")

    async def go() -> bool:
        pump = AsyncioClock().reader(pieces())
        assert await pump.next(0.0) is None
        task = asyncio.create_task(close(pump))
        await asyncio.sleep(0.01)
        task.cancel()
        return isinstance(await _ends(task), asyncio.CancelledError)

    assert asyncio.run(go())
    assert steps == ["told twice"]


def test_a_read_that_ignores_its_cancellation_may_end_in_its_own_time() -> None:
    async def pieces() -> AsyncGenerator[bytes, None]:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)
        yield b"late"

    async def go() -> None:
        stream = pieces()
        pump = AsyncioClock().reader(stream)
        assert await pump.next(0.0) is None
        await pump.aclose()
        await stream.aclose()

    asyncio.run(go())


def test_a_reader_reads_only_while_somebody_waits() -> None:
    taken: list[int] = []

    async def pieces() -> AsyncGenerator[bytes, None]:
        for number in range(3):
            taken.append(number)
            yield b"%d" % number

    async def go() -> None:
        pump = AsyncioClock().reader(pieces())
        await asyncio.sleep(0.01)
        assert not taken
        assert await pump.next(1.0) == b"0"
        await asyncio.sleep(0.01)
        assert taken == [0]
        await pump.aclose()

    asyncio.run(go())


@both
def test_what_comes_while_nobody_waits_is_there_at_the_next_wait(make: MakePump) -> None:
    async def go() -> list[bytes | None]:
        pieces: asyncio.Queue[bytes] = asyncio.Queue()
        pump = make(_taken(pieces))
        found = [await pump.next(0.001)]
        for piece in (b"a", b"b", b"c"):
            pieces.put_nowait(piece)
        await asyncio.sleep(0.01)
        found += [await pump.next(None) for _ in range(3)]
        await pump.aclose()
        return found

    assert asyncio.run(go()) == [None, b"a", b"b", b"c"]


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_a_reader_is_closed_just_when_a_piece_has_come(turns: int) -> None:
    """Then there is no wait to cancel any more, so the read itself is cancelled."""
    steps: list[str] = []

    async def pieces(future: asyncio.Future[bytes]) -> AsyncGenerator[bytes, None]:
        try:
            yield await future
        except asyncio.CancelledError:
            steps.append("cancelled")
            await asyncio.sleep(0.01)
            steps.append("cleaned up")
            raise

    async def go() -> None:
        future = asyncio.get_running_loop().create_future()
        pump = AsyncioClock().reader(pieces(future))
        assert await pump.next(0.0) is None
        future.set_result(b"a")
        for _ in range(turns):
            await asyncio.sleep(0)
        await pump.aclose()

    asyncio.run(go())
    assert steps == ["cancelled", "cleaned up"]
