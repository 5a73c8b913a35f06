"""The gate for streams: it holds the upstream's events back until they have been checked, then passes them unchanged.

It reads the answer and starts further checks while earlier ones are running. Decisions take effect in the order of the
text. Whole answers are held back as a whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Sequence
from functools import partial

from proxy.call import Call
from proxy.errors import ContentFiltered, ModerationUnavailable, ProxyError
from proxy.host import Pump
from proxy.messages import ByteStream, Wrapper
from proxy.moderation import batcher, whole_answer
from proxy.moderation.batcher import Batch, Batcher
from proxy.moderation.policy import Policy
from proxy.moderation.prompt import error_param, read_prompt
from proxy.moderation.runner import CheckRunner, Decision
from proxy.moderation.verdict import Text
from proxy.protocols.base import TextProtocol
from proxy.wire import sse

# The number of running checks from which batches become larger, and the number of held batches and bytes at which
# reading pauses.
_BUSY_CHECKS, _MAX_BATCHES, _MAX_HELD_BYTES = 4, 8, 262_144


def wrapper(call: Call, policy: Policy) -> Wrapper:
    """Return the wrapper that holds the answer back until it is checked, or only the call until its prompt is."""
    if policy.answer is not None:
        return Wrapper(partial(_check_answer, call, policy, policy.answer))
    return Wrapper(partial(_check_prompt_first, call, policy), passive=True)


def _check_answer(
    call: Call, policy: Policy, protocol: TextProtocol, stream: ByteStream
) -> AsyncGenerator[bytes, None]:
    """Hold the answer back until it is checked."""
    return _Gate(call, policy, protocol, stream).pieces()


async def _check_prompt_first(call: Call, policy: Policy, stream: ByteStream) -> AsyncGenerator[bytes, None]:
    """Check the prompt before the call goes up. The answer passes unchanged."""
    try:
        await _check_prompt(call, policy)
        async for piece in stream:
            yield piece
    finally:
        await stream.aclose()


async def _check_prompt(call: Call, policy: Policy) -> None:
    """Check the prompt. Raises ContentFiltered or ModerationUnavailable if it does not pass."""
    runner = CheckRunner(call, policy)
    decision = await runner.run(await read_prompt(call))
    runner.record(decision)
    if decision.action == "block":
        raise ContentFiltered(param=error_param(call))
    if not decision.lets_through:
        raise ModerationUnavailable("prompt")


class _Check:
    """A running check of texts. `unreadable` says that more could not be read, which counts only if the texts pass."""

    def __init__(self, call: Call, runner: CheckRunner, texts: Sequence[Text], unreadable: bool) -> None:
        self._runner = runner
        self._texts = texts
        self._unreadable = unreadable
        self.decision = Decision("error")
        self._pump: Pump = call.host.clock.pump(self._run())

    async def is_done(self, seconds: float | None) -> bool:
        """Wait for the decision, at most for `seconds`. Whether it was made."""
        return await self._pump.next(seconds) is not None

    async def aclose(self) -> None:
        """Cancel the check if it is still running."""
        await self._pump.aclose()

    async def _run(self) -> AsyncGenerator[bytes, None]:
        self.decision = await self._runner.run(self._texts)
        if self._unreadable and self.decision.lets_through:
            self.decision = self._runner.unchecked("unreadable_answer")
        yield b""


class _Gate:
    """One task reads ahead and starts the checks. The consumer of the pieces applies the decisions."""

    def __init__(self, call: Call, policy: Policy, protocol: TextProtocol, stream: ByteStream) -> None:
        self._call = call
        self._policy = policy
        self._protocol = protocol
        self._runner = CheckRunner(call, policy)
        self._stream = stream
        self._batcher = Batcher(protocol)
        self._state = call.prepared(protocol.state(call.choices))
        self._queue: deque[tuple[bytes, _Check | None]] = deque()
        self._held_bytes = 0
        self._is_listening = self._is_paused = self._is_over = False

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield what passes its check, in order, up to the first piece that does not."""
        clock = self._call.host.clock
        pump = clock.pump(self._read())
        try:
            while not self._is_over:
                if (batch := self._batcher.tick(clock.now())) is not None:
                    self._start(batch)
                wait = self._batcher.wait(clock.now())
                if not self._queue:
                    if not await self._listen(pump, wait):
                        return
                    continue
                check = self._queue[0][1]
                # Text may arrive meanwhile, and its time may be up before the check is.
                if check is None or await check.is_done(batcher.SECONDS if wait is None else wait):
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
        """Wait until the reader fills the queue, at most for `seconds`. False at the end of the stream.

        Raises the reader's error once the queue is empty.
        """
        self._is_listening = True
        try:
            await pump.next(seconds)
        except StopAsyncIteration:
            return bool(self._queue)
        except ProxyError:
            if not self._queue:
                raise
        finally:
            self._is_listening = False
        return True

    async def _release(self, pump: Pump) -> bytes:
        """Return the first piece of the queue after its check is done."""
        events, check = self._queue.popleft()
        self._held_bytes -= len(events)
        self._update_busy()
        if check is not None:
            await check.aclose()
            self._runner.record(check.decision)
            if check.decision.action == "block":
                self._is_over = True
                await self._close(pump)  # nothing after a blocked piece is needed
                return self._state.filtered(self._call.config.moderation_message, events)
            if not check.decision.lets_through:
                raise ModerationUnavailable("answer")
        if self._is_paused:
            await pump.next(0)  # let the paused reader go on
        if self._call.is_sse:
            self._state.feed(events)
        return events

    def _start(self, batch: Batch) -> None:
        texts = [text for text in batch.texts if text.new.strip()]
        needs_check = bool(texts) or batch.unreadable
        check = _Check(self._call, self._runner, texts, batch.unreadable) if needs_check else None
        self._queue.append((batch.events, check))
        self._held_bytes += len(batch.events)
        self._update_busy()

    def _update_busy(self) -> None:
        self._batcher.busy = sum(check is not None for _, check in self._queue) >= _BUSY_CHECKS

    async def _read(self) -> AsyncGenerator[bytes, None]:
        """Fill the queue. It yields only to wake the consumer."""
        if self._policy.prompt:
            await _check_prompt(self._call, self._policy)
        first = await self._stream.__anext__()
        if not self._call.is_sse:
            body = await whole_answer.check(self._call, self._protocol, self._runner, first, self._stream)
            self._queue.append((body, None))
            yield b""
            return
        now = self._call.host.clock.now
        self._queue.append((b"", None))  # the head has come
        piece = first
        try:
            while True:
                for event in sse.split(piece):
                    for batch in self._batcher.feed(event, now()):
                        self._start(batch)
                    while self._is_full:
                        if not self._queue:  # large events with little text: nothing else would make room
                            self._start_rest()
                        self._is_paused = True
                        yield b""
                        self._is_paused = False
                if self._is_listening:
                    yield b""
                piece = await self._stream.__anext__()
        except StopAsyncIteration:
            self._start_rest()
        except ProxyError:
            self._start_rest()  # the end of a cut stream is checked as well
            raise

    def _start_rest(self) -> None:
        if (rest := self._batcher.rest()) is not None:
            self._start(rest)

    @property
    def _is_full(self) -> bool:
        return len(self._queue) >= _MAX_BATCHES or self._held_bytes + self._batcher.size >= _MAX_HELD_BYTES
