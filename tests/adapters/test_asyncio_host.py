"""The pump on asyncio: closing it really stops the reading, and leaves nothing for the collector."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from collections.abc import AsyncGenerator
from typing import Any

from proxy.adapters.asyncio_host import AsyncioClock


def test_a_closed_pump_has_stopped_and_is_gone_without_the_collector() -> None:
    """A cancelled task keeps the frames that it was cancelled in: a pump that kept its task would never be free."""
    stopped = []

    async def pieces() -> AsyncGenerator[bytes, None]:
        try:
            await asyncio.sleep(60)
            yield b""
        finally:
            stopped.append(True)

    async def go() -> bool:
        pump = AsyncioClock().pump(pieces())
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


def test_one_timer_serves_waits_of_any_length() -> None:
    async def waits() -> list[bytes | None]:
        pieces: asyncio.Queue[bytes] = asyncio.Queue()
        pump = AsyncioClock().pump(_taken(pieces))
        found = []
        for seconds, piece in ((60.0, b"a"), (0.01, b"b"), (0.01, None), (60.0, b"c")):
            if piece is not None:
                pieces.put_nowait(piece)
            found.append(await pump.next(seconds))
        await pump.aclose()
        return found

    assert asyncio.run(waits()) == [b"a", b"b", None, b"c"]


def test_a_timer_of_an_earlier_wait_does_not_end_a_later_one() -> None:
    async def wait() -> float:
        pieces: asyncio.Queue[bytes] = asyncio.Queue()
        pieces.put_nowait(b"a")
        pump = AsyncioClock().pump(_taken(pieces))
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


def test_no_timer_is_set_in_the_past() -> None:
    async def waits() -> list[bytes | None]:
        pump = AsyncioClock().pump(_taken(asyncio.Queue()))
        found = [await pump.next(seconds) for seconds in (0.0, 0.0000005, 0.01)]
        await pump.aclose()
        return found

    loop = _Strict()
    try:
        assert loop.run_until_complete(waits()) == [None, None, None]
    finally:
        loop.close()
