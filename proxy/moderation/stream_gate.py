"""The sluice for text: what comes from upstream is held back until it has been checked, and let through as it came.

The answer is read and the checks are asked for while earlier ones are still under way; their outcomes are applied in
the order of the text. Whole answers are held back as a whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Sequence
from functools import partial

from proxy.call import Call
from proxy.errors import ContentFiltered, ModerationUnavailable, ProxyError
from proxy.host import Pump
from proxy.messages import ByteStream, Wrapper
from proxy.moderation import whole_answer
from proxy.moderation.batcher import Batch, Cutter
from proxy.moderation.checks import Checks
from proxy.moderation.prompt import param, prompt_of
from proxy.moderation.runner import Outcome, Panel
from proxy.moderation.verdict import Text
from proxy.wire import sse

# With so many checks under way text is gathered into larger ones, with so many or so much held nothing more is read.
_BUSY, _MOST, _HELD_BYTES = 4, 8, 262_144


def wrapper(call: Call, checks: Checks) -> Wrapper:
    """Holds the answer back until it has been checked, or only the call until its prompt has."""
    if checks.answer:
        return Wrapper(lambda stream: _Gate(call, checks, stream).pieces())
    return Wrapper(partial(_checked_first, call, checks), passive=True)


async def _checked_first(call: Call, checks: Checks, stream: ByteStream) -> AsyncGenerator[bytes, None]:
    """The prompt is checked before anything goes up; the answer passes untouched."""
    try:
        await _admit(call, checks)
        async for piece in stream:
            yield piece
    finally:
        await stream.aclose()


async def _admit(call: Call, checks: Checks) -> None:
    """Check the prompt. Raises what its caller is told where it does not pass."""
    panel = Panel(call, checks)
    outcome = await panel.judge(await prompt_of(call))
    panel.apply(outcome)
    if outcome.says == "block":
        raise ContentFiltered(param=param(call, checks))
    if not outcome.lets_through:
        raise ModerationUnavailable("prompt")


class _Check:
    """One check under way, of texts after which there may be something `unreadable`, which only counts if they pass."""

    def __init__(self, call: Call, panel: Panel, texts: Sequence[Text], unreadable: bool) -> None:
        self._panel = panel
        self._texts = texts
        self._unreadable = unreadable
        self.outcome = Outcome("error")
        self._pump: Pump = call.host.clock.pump(self._run())

    async def comes(self, seconds: float | None) -> bool:
        """Whether the outcome is there, at the latest after this many seconds."""
        return await self._pump.next(seconds) is not None

    async def aclose(self) -> None:
        """Give it up, if it is still under way."""
        await self._pump.aclose()

    async def _run(self) -> AsyncGenerator[bytes, None]:
        self.outcome = await self._panel.judge(self._texts)
        if self._unreadable and self.outcome.lets_through:
            self.outcome = self._panel.unseen("unreadable_answer")
        yield b""


class _Gate:
    """One task reads ahead and starts the checks; whoever takes the pieces applies their outcomes."""

    def __init__(self, call: Call, checks: Checks, stream: ByteStream) -> None:
        self._call = call
        self._checks = checks
        self._panel = Panel(call, checks)
        self._stream = stream
        self._cutter = Cutter(checks.protocol)
        self._state = checks.protocol.state(call.choices)
        self._queue: deque[tuple[bytes, _Check | None]] = deque()
        self._held = 0
        self._listening = self._paused = self._over = False

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """What has passed its check, in order, up to the first piece that does not."""
        clock = self._call.host.clock
        pump = clock.pump(self._read())
        try:
            while not self._over:
                if (batch := self._cutter.tick(clock.now())) is not None:
                    self._start(batch)
                wait = self._cutter.wait(clock.now())
                if not self._queue:
                    if not await self._listen(pump, wait):
                        return
                    continue
                check = self._queue[0][1]
                if check is None or await check.comes(wait):
                    yield await self._release(pump)
        finally:
            await self._close(pump)

    async def _close(self, pump: Pump) -> None:
        await pump.aclose()
        for _, check in self._queue:
            if check is not None:
                await check.aclose()
        self._queue.clear()
        await self._stream.aclose()

    async def _listen(self, pump: Pump, seconds: float | None) -> bool:
        """Wait for the reader to have filled the queue, or for `seconds`; False when it has come to the end.

        Raises what the reading failed with, once the queue is empty.
        """
        self._listening = True
        try:
            await pump.next(seconds)
        except StopAsyncIteration:
            return bool(self._queue)
        except ProxyError:
            if not self._queue:
                raise
        finally:
            self._listening = False
        return True

    async def _release(self, pump: Pump) -> bytes:
        """The first in the queue, whose outcome is there."""
        events, check = self._queue.popleft()
        self._held -= len(events)
        self._count()
        if check is not None:
            await check.aclose()
            self._panel.apply(check.outcome)
            if check.outcome.says == "block":
                self._over = True
                await self._close(pump)  # what comes after a hit is given up at once
                return self._state.filtered(self._call.config.moderation_message, events)
            if not check.outcome.lets_through:
                raise ModerationUnavailable("answer")
        if self._paused:
            await pump.next(0)  # the reader waits for that
        if self._call.is_sse:
            self._state.feed(events)
        return events

    def _start(self, batch: Batch) -> None:
        texts = [text for text in batch.texts if text.new.strip()]
        checked = bool(texts) or batch.unreadable
        check = _Check(self._call, self._panel, texts, batch.unreadable) if checked else None
        self._queue.append((batch.events, check))
        self._held += len(batch.events)
        self._count()

    def _count(self) -> None:
        self._cutter.busy = sum(check is not None for _, check in self._queue) >= _BUSY

    async def _read(self) -> AsyncGenerator[bytes, None]:
        """Fill the queue. What it yields says no more than that there is something to look at."""
        if self._checks.prompt:
            await _admit(self._call, self._checks)
        first = await self._stream.__anext__()
        if not self._call.is_sse:
            whole = await whole_answer.checked(self._call, self._checks, self._panel, first, self._stream)
            self._queue.append((whole, None))
            yield b""
            return
        now = self._call.host.clock.now
        self._queue.append((b"", None))  # the head has come
        piece = first
        try:
            while True:
                for event in sse.split(piece):
                    for batch in self._cutter.feed(event, now()):
                        self._start(batch)
                    while self._is_full:
                        if not self._queue:  # nothing would ever make room: large events that say little
                            self._start_rest()
                        self._paused = True
                        yield b""
                        self._paused = False
                if self._listening:
                    yield b""
                piece = await self._stream.__anext__()
        except StopAsyncIteration:
            self._start_rest()
        except ProxyError:
            self._start_rest()  # a cut stream's last words are an answer as well
            raise

    def _start_rest(self) -> None:
        if (rest := self._cutter.rest()) is not None:
            self._start(rest)

    @property
    def _is_full(self) -> bool:
        return len(self._queue) >= _MOST or self._held + self._cutter.size >= _HELD_BYTES
