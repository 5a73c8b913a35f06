"""The sluice for text: what comes from upstream is held back until it has been checked, and let through as it came.

The answer is read and the checks are asked for while earlier ones are still under way; their outcomes are applied in
the order of the text. Whole answers are held back as a whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from proxy.call import Call
from proxy.errors import ContentFiltered, ModerationUnavailable, ProxyError
from proxy.host import Pump
from proxy.messages import Stream
from proxy.moderation import whole_answer
from proxy.moderation.batcher import Batch, Cutter
from proxy.moderation.checkers import Text
from proxy.moderation.prompt import param, prompt_of
from proxy.moderation.runner import Outcome, Panel
from proxy.moderation.stage import Checks
from proxy.protocols.endings import Progress
from proxy.wire import sse

# With so many checks under way text is gathered into larger ones, with so many or so much held nothing more is read.
_BUSY, _MOST, _HELD_BYTES = 4, 8, 262_144
# What finds the texts to check.
_Finding = Callable[[], Awaitable[Sequence[Text]]]


def wrap(call: Call, checks: Checks, stream: Stream) -> Stream:
    """The stream behind its checks."""
    return _Gate(call, checks, stream) if checks.answer else _Asked(call, checks, stream)


class _Asked(Stream):
    """The prompt is checked before anything goes up; the answer passes untouched."""

    def __init__(self, call: Call, checks: Checks, stream: Stream) -> None:
        self._call = call
        self._checks = checks
        self._panel = Panel(call, checks)
        self._stream = stream
        self._check: _Check | None = None
        self._passed = False

    @property
    def native(self) -> Any:
        return self._stream.native

    async def next(self, seconds: float | None = None) -> bytes | None:
        if not self._passed:
            clock = self._call.host.clock
            until = None if seconds is None else clock.now() + seconds
            if self._check is None:
                texts = partial(prompt_of, self._call)
                self._check = _Check(self._call, self._panel, texts)
            if not await self._check.comes(seconds):
                return None
            _admit(self._call, self._checks, self._panel, self._check.outcome)
            self._passed = True
            seconds = None if until is None else max(0.0, until - clock.now())
        return await self._stream.next(seconds)

    async def aclose(self) -> None:
        if self._check is not None:
            await self._check.aclose()
        await self._stream.aclose()


def _admit(call: Call, checks: Checks, panel: Panel, outcome: Outcome) -> None:
    """Let a prompt pass, or raise what its caller is told."""
    panel.apply(outcome)
    if outcome.says == "block":
        raise ContentFiltered(param=param(call, checks))
    if not outcome.lets_through:
        raise ModerationUnavailable("prompt")


class _Check:
    """One check under way, of texts that may still have to be found. Behind them there may be something `unreadable`,
    which only counts where they pass.
    """

    def __init__(self, call: Call, panel: Panel, texts: Sequence[Text] | _Finding, unreadable: bool = False) -> None:
        self._panel = panel
        self._texts = texts
        self._unreadable = unreadable
        self.outcome = Outcome("error")
        self._pump: Pump = call.host.clock.pump(self._run())

    async def comes(self, seconds: float | None) -> bool:
        """Whether the outcome is there, at the latest after so many seconds."""
        return await self._pump.next(seconds) is not None

    async def aclose(self) -> None:
        """Give it up, if it is still under way."""
        await self._pump.aclose()

    async def _run(self) -> AsyncGenerator[bytes, None]:
        texts = await self._texts() if callable(self._texts) else self._texts
        self.outcome = await self._panel.judge(texts)
        if self._unreadable and self.outcome.lets_through:
            self.outcome = self._panel.unseen("unreadable_answer")
        yield b""


class _Gate(Stream):
    """One task reads ahead and starts the checks; whoever takes the pieces applies their outcomes."""

    def __init__(self, call: Call, checks: Checks, stream: Stream) -> None:
        self._call = call
        self._checks = checks
        self._panel = Panel(call, checks)
        self._stream = stream
        self._cutter = Cutter(checks.kind)
        self._progress = Progress(checks.kind, call.choices)
        self._queue: deque[tuple[bytes, _Check | None]] = deque()
        self._held = 0
        self._pump: Pump | None = None
        self._listening = self._paused = self._over = False

    async def next(self, seconds: float | None = None) -> bytes | None:
        if self._over:
            raise StopAsyncIteration
        clock = self._call.host.clock
        if self._pump is None:
            self._pump = clock.pump(self._read())
        until = None if seconds is None else clock.now() + seconds
        while True:
            now = clock.now()
            if (batch := self._cutter.tick(now)) is not None:
                self._start(batch)
            waits = [one for one in (None if until is None else until - now, self._cutter.wait(now)) if one is not None]
            wait = max(0.0, min(waits)) if waits else None
            if not self._queue:
                came = await self._listen(self._pump, wait)
            else:
                check = self._queue[0][1]
                came = check is None or await check.comes(wait)
                if came:
                    return await self._release(self._pump)
            if not came and until is not None and clock.now() >= until:
                return None

    async def aclose(self) -> None:
        self._over = True
        if self._pump is not None:
            await self._pump.aclose()
        for _, check in self._queue:
            if check is not None:
                await check.aclose()
        self._queue.clear()
        await self._stream.aclose()

    async def _listen(self, pump: Pump, seconds: float | None) -> bool:
        """Whether there is something to look at. Raises what the reading ended with, once the queue is empty."""
        self._listening = True
        try:
            return await pump.next(seconds) is not None
        except (StopAsyncIteration, ProxyError):
            if not self._queue:
                raise
            return True
        finally:
            self._listening = False

    async def _release(self, pump: Pump) -> bytes:
        """The first in the queue, whose outcome is there."""
        events, check = self._queue.popleft()
        self._held -= len(events)
        self._count()
        if check is not None:
            await check.aclose()
            self._panel.apply(check.outcome)
            if check.outcome.says == "block":
                words = self._progress.filtered(self._call.config.moderation_message, events)
                await self.aclose()
                return words
            if not check.outcome.lets_through:
                raise ModerationUnavailable("answer")
        if self._paused:
            await pump.next(0)  # the reader waits for that
        if self._call.is_sse:
            self._progress.feed(events)
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
            panel = Panel(self._call, self._checks)
            outcome = await panel.judge(await prompt_of(self._call))
            _admit(self._call, self._checks, panel, outcome)
        first = await self._stream.next() or b""
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
                piece = await self._stream.next() or b""
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
