"""One timer for many waits: each ends in its own time, and a timer is set anew only where the next is due sooner."""

from __future__ import annotations

import asyncio

from proxy.transports.alarm import Alarm
from tests.support import fake_clock


class Counted:
    """The running loop, with the number of timers that were set in it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.time, self.set = self._loop.time, 0

    def call_later(self, *arguments: object) -> asyncio.TimerHandle:
        self.set += 1
        return self._loop.call_later(*arguments)  # type: ignore[arg-type]


def test_each_wait_ends_in_its_own_time() -> None:
    async def go() -> None:
        loop, called = Counted(), list[str]()
        alarm = Alarm(loop)  # type: ignore[arg-type]
        for name, seconds in (("a", 60.0), ("b", 60.0), ("c", 60.0)):
            alarm.set(loop.time() + seconds, lambda name=name: called.append(name))  # type: ignore[misc]
            await asyncio.sleep(10)
            alarm.clear()
        assert (called, loop.set) == ([], 1)
        alarm.set(loop.time() + 60.0, lambda: called.append("d"))  # the timer of the first wait fires within it
        await asyncio.sleep(59)
        assert (called, loop.set) == ([], 2)
        await asyncio.sleep(2)
        assert called == ["d"]
        alarm.set(loop.time() + 60.0, lambda: called.append("e"))
        alarm.set(loop.time() + 1.0, lambda: called.append("f"))  # sooner than its timer
        await asyncio.sleep(2)
        assert (called, loop.set) == (["d", "f"], 4)
        alarm.set(loop.time() - 1.0, lambda: called.append("g"))
        await asyncio.sleep(0.001)
        assert called == ["d", "f", "g"]

    fake_clock.run(go())


def test_a_timer_that_finds_no_wait_calls_nobody() -> None:
    async def go() -> None:
        alarm, called = Alarm(asyncio.get_running_loop()), list[int]()
        for end in (alarm.clear, alarm.stop, alarm.stop):
            alarm.set(asyncio.get_running_loop().time() + 1.0, lambda: called.append(1))
            end()
            await asyncio.sleep(2)
        alarm.stop()
        assert called == []

    fake_clock.run(go())
