"""The pump on asyncio: closing it really stops the reading, and leaves nothing for the collector."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncGenerator

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
