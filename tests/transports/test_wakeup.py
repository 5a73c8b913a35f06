"""A wait that ends at once: within a callback of the loop, and only there."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import pytest

from proxy.transports.wakeup import Wakeup

VARIABLE: ContextVar[str] = ContextVar("variable", default="outside")


def test_a_task_goes_on_within_the_callback_that_wakes_it_and_in_its_own_context() -> None:
    steps: list[str] = []

    async def wait(wakeup: Wakeup) -> None:
        VARIABLE.set("inside")
        await wakeup
        steps.append(f"{VARIABLE.get()} {asyncio.current_task() is not None}")

    async def go() -> None:
        loop = asyncio.get_running_loop()
        wakeup = Wakeup(loop)

        def wake() -> None:
            assert wakeup.set() and wakeup.done() and not wakeup.set()
            steps.append("woken")

        task = loop.create_task(wait(wakeup))
        loop.call_later(0.001, wake)
        await task

    asyncio.run(go())
    assert steps == ["inside True", "woken"]


def test_within_another_task_it_goes_on_in_the_next_turn() -> None:
    steps: list[str] = []

    async def wait(wakeup: Wakeup) -> None:
        await wakeup
        steps.append("woken")

    async def go() -> None:
        wakeup = Wakeup(asyncio.get_running_loop())
        task = asyncio.create_task(wait(wakeup))
        await asyncio.sleep(0)
        wakeup.set()
        steps.append("set")
        await task

    asyncio.run(go())
    assert steps == ["set", "woken"]


def test_a_wait_that_has_ended_does_not_begin() -> None:
    async def go() -> None:
        wakeup = Wakeup(asyncio.get_running_loop())
        wakeup.set()
        await wakeup
        assert not wakeup.cancel() and wakeup.get_loop() is asyncio.get_running_loop()

    asyncio.run(go())


def test_a_cancelled_task_stops_waiting() -> None:
    async def wait(wakeup: Wakeup) -> None:
        await wakeup

    async def go() -> None:
        wakeup = Wakeup(asyncio.get_running_loop())
        task = asyncio.create_task(wait(wakeup))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert wakeup.done() and not wakeup.set()
        alone = Wakeup(asyncio.get_running_loop())
        assert alone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await alone

    asyncio.run(go())


def test_a_callback_without_a_context_is_called_at_once() -> None:
    async def go() -> None:
        loop, called = asyncio.get_running_loop(), list[object]()
        wakeup = Wakeup(loop)
        wakeup.add_done_callback(called.append)
        loop.call_soon(wakeup.set)
        await asyncio.sleep(0.001)
        assert called == [wakeup]

    asyncio.run(go())


def test_a_wait_that_has_ended_does_not_time_out() -> None:
    async def go() -> None:
        loop = asyncio.get_running_loop()
        early, late = Wakeup(loop), Wakeup(loop)
        early.time_out()
        late.set()
        late.time_out()
        assert (early.done(), early.timed_out, late.timed_out) == (True, True, False)

    asyncio.run(go())
