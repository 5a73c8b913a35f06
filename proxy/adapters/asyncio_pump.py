"""host.Pump on asyncio, in two kinds: one reads ahead in a task of its own, one reads only while its reader waits."""

from __future__ import annotations

import asyncio
import types
from collections.abc import AsyncIterable, Generator
from typing import Any

from proxy.transports.alarm import Alarm
from proxy.transports.wakeup import Wakeup


class AsyncioPump:
    """A task that reads at most one piece ahead of its reader, so that back-pressure still works."""

    def __init__(self, pieces: AsyncIterable[bytes]) -> None:
        self._pieces = pieces
        self._loop = asyncio.get_running_loop()
        self._alarm = Alarm(self._loop)
        self._piece: bytes | None = None
        self._end: Exception | None = None
        self._reader: Wakeup | None = None  # the reader waits on this for a piece
        self._room: Wakeup | None = None  # the task waits on this until its piece is taken
        self._task: asyncio.Task[None] | None = self._loop.create_task(self._run())

    async def next(self, seconds: float | None) -> bytes | None:
        """See host.Pump."""
        if self._piece is None and self._end is None:
            self._reader = reader = Wakeup(self._loop)
            if seconds is not None:
                self._alarm.set(self._loop.time() + seconds, reader.time_out)
            try:
                await reader
            finally:
                self._reader = None
                self._alarm.clear()
        if self._piece is not None:
            piece, self._piece = self._piece, None
            if self._room is not None:
                self._room.set()
            return piece
        if self._end is not None:
            raise self._end
        return None

    async def aclose(self) -> None:
        """See host.Pump."""
        self._alarm.stop()
        # Drop the reference: a cancelled task keeps the frames it was cancelled in, and through them this pump.
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            # Not `await task`: nobody could tell its CancelledError from one that is meant for the caller.
            await asyncio.wait([task])

    async def _run(self) -> None:
        end: Exception = StopAsyncIteration()
        try:
            async for piece in self._pieces:
                while self._piece is not None:
                    self._room = Wakeup(self._loop)
                    await self._room
                self._piece = piece
                self._wake_reader()
        except Exception as error:
            end = error
        self._end = end
        self._wake_reader()

    def _wake_reader(self) -> None:
        if self._reader is not None:
            self._reader.set()


# What a read waits for that only lets others have their turn (asyncio.sleep(0)).
_TURN = object()


class AsyncioReader:
    """Reads in its reader's own task, step by step, so that a wait can be left and taken up again.

    A second task would cost each piece two more turns of the event loop.
    """

    def __init__(self, pieces: AsyncIterable[bytes]) -> None:
        self._pieces = pieces.__aiter__()
        self._loop = asyncio.get_running_loop()
        self._alarm = Alarm(self._loop)
        self._step: Generator[Any, None, bytes] | None = None  # the read that has begun
        self._awaited: Any = None  # what it waits for; None when it can go on
        self._waiter: Wakeup | None = None

    @types.coroutine
    def next(self, seconds: float | None) -> Generator[Any, None, bytes | None]:
        """See host.Pump."""
        due = None if seconds is None else self._loop.time() + seconds
        if self._step is None:
            self._step = self._pieces.__anext__().__await__()
        while True:
            if self._awaited is None:
                try:
                    self._follow(self._step.send(None))
                except StopIteration as end:
                    self._step = None
                    piece: bytes = end.value
                    return piece
                except BaseException:
                    self._step = None
                    raise
            self._waiter = waiter = Wakeup(self._loop)
            if due is not None:
                self._alarm.set(due, waiter.time_out)
            try:
                yield from waiter.__await__()
            finally:
                self._waiter = None
                self._alarm.clear()
            if self._awaited is not None:
                return None

    async def aclose(self) -> None:
        """See host.Pump."""
        self._alarm.stop()
        step, self._step = self._step, None
        if step is not None:
            await self._cancel(step)

    def _follow(self, awaited: Any) -> None:
        """Go on when `awaited` is done: what the step has yielded, as a task would take it."""
        if awaited is None:
            self._awaited = _TURN
            self._loop.call_soon(self._go_on, _TURN)
        else:
            self._awaited = awaited
            awaited._asyncio_future_blocking = False
            awaited.add_done_callback(self._go_on)

    def _go_on(self, awaited: Any) -> None:
        if awaited is self._awaited:
            self._awaited = None
            if self._waiter is not None:
                self._waiter.set()

    @types.coroutine
    def _cancel(self, step: Generator[Any, None, bytes]) -> Generator[Any, None, None]:
        """Cancel the read as its own task would have been: what it waits for first. It may still clean up."""
        interruption: asyncio.CancelledError | None = None
        is_told = False
        while True:
            try:
                if not is_told and (self._awaited in (None, _TURN) or not self._awaited.cancel()):
                    self._follow(step.throw(asyncio.CancelledError()))
                elif self._awaited is None:
                    self._follow(step.send(None))
            except (Exception, asyncio.CancelledError):  # it has ended, however it did
                break
            is_told = True
            self._waiter = waiter = Wakeup(self._loop)
            try:
                yield from waiter.__await__()
            except asyncio.CancelledError as error:  # we are to stop as well
                interruption, is_told = error, False
        self._awaited = self._waiter = None
        if interruption is not None:
            try:
                raise interruption
            finally:
                interruption = None  # its traceback has this frame
