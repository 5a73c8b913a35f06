"""What the core needs from its environment: time, ids, randomness, a log, and the platform's capabilities.

The core receives all of these as arguments, so it runs unchanged under asyncio, in a Worker and in tests.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable
from typing import Any, NamedTuple, Protocol, TypeVar

T = TypeVar("T")


class Pump(Protocol):
    """Reads a stream so that its reader can stop waiting and resume later without losing data."""

    async def next(self, seconds: float | None) -> bytes | None:
        """Return the next chunk, or None after `seconds` without one; call again to resume waiting.

        Raises StopAsyncIteration at the end, and whatever reading raised.
        """

    async def aclose(self) -> None:
        """Stop reading. Returns once reading has actually stopped."""


class Clock(Protocol):
    """Time, and waiting with a limit."""

    def now(self) -> float:
        """Seconds on a monotonic clock."""

    def wall(self) -> float:
        """Unix time in seconds."""

    def pump(self, chunks: AsyncIterable[bytes]) -> Pump:
        """Start reading `chunks`, at most one ahead of the reader."""

    def reader(self, chunks: AsyncIterable[bytes]) -> Pump:
        """Read `chunks` only while the reader waits for one, which costs less."""

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`. With 0, let every other task that is ready run first."""

    async def offload(self, work: Callable[[], T], lane: str = "") -> T:
        """Run `work` without blocking other calls, where the platform allows it, and return its result.

        Work waits only for other work of its lane. That of a named lane is done in order, one after the other.
        """


class Capabilities(NamedTuple):
    """What a platform's entry point can do. `body_limit` is the largest request body in bytes; None means no limit."""

    streams: bool
    rewrites_stream: bool
    body_limit: int | None


class Observer(Protocol):
    """Is told of calls as they begin and end, for metrics. What it raises is ignored."""

    def begun(self) -> None:
        """A call is going to be relayed."""

    def finished(self, fields: dict[str, Any], was_running: bool) -> None:
        """A call has ended. `fields` are those of its log line; `was_running`: `begun` was called for it."""


def at_once(work: Callable[[], None]) -> None:
    """Do `work` now: the way of functions, which may be frozen as soon as they have answered."""
    work()


_MAX_LESSONS, _MAX_NAME_LENGTH = 1000, 200
_LESSON_SECONDS = 3_600.0  # then ask again: an upstream may have been updated


class Stateful:
    """A process or a call, for which features remember something of their own."""

    _states: dict[type[Any], Any]

    def state(self, kind: type[T]) -> T:
        """What a feature remembers: the one `kind()` of this process or call, made when it is first asked for."""
        if kind not in self._states:
            self._states[kind] = kind()
        state: T = self._states[kind]
        return state


class Host(Stateful):
    """One process on one platform.

    `cold` is True until the first call arrives. `region` is the cloud's name of its region. `defer` does work that
    nobody waits for, such as a log line, now or a moment later.

    What this process has learned, by upstream and model, with the time when it expires: `no_events` refuse a stream
    that the caller did not ask for, `no_usage` refuse `stream_options`; `only_responses` take tools through the
    Responses API only, each with what the call said about its reasoning. `resting` are targets that failed, by id, with
    the time until which they are tried last.

    `store` is the open store of budgets, None until `store.of` is asked for it.

    `observer` is told of every call, None if nobody wants to know. `metrics_page` returns the page at /metrics or
    raises NotInstalled; None on a function, whose instances would each show a part.
    """

    def __init__(  # noqa: PLR0917 — adapters of others call it like this
        self,
        platform: str,
        capabilities: Capabilities,
        clock: Clock,
        new_id: Callable[[], str],
        choose: Callable[[int], int],
        write: Callable[[str], None],
    ) -> None:
        self.platform = platform
        self.capabilities = capabilities
        self.clock = clock
        self.new_id = new_id
        self.choose = choose
        self.write = write
        self.cold = True
        self.region: str | None = None
        self.defer: Callable[[Callable[[], None]], None] = at_once
        self.no_events: dict[tuple[str, str], float] = {}
        self.no_usage: dict[tuple[str, str], float] = {}
        self.only_responses: dict[tuple[str, str], float] = {}
        self.resting: dict[str, float] = {}
        self.store: Any = None
        self.observer: Observer | None = None
        self.metrics_page: Callable[[], bytes] | None = None
        self._states = {}

    def learn(self, lessons: dict[tuple[str, str], float], upstream: str, model: str) -> None:
        """Remember for an hour that `lessons` holds for a model at an upstream.

        Bounded, because callers can invent any number of model names.
        """
        if len(model) <= _MAX_NAME_LENGTH:
            lessons[upstream, model] = self.clock.now() + _LESSON_SECONDS
            if len(lessons) > _MAX_LESSONS:
                lessons.pop(next(iter(lessons)))  # the oldest

    def knows(self, lessons: dict[tuple[str, str], float], upstream: str, model: str) -> bool:
        """Whether this was learned within the last hour."""
        return lessons.get((upstream, model), 0.0) > self.clock.now()

    def take_cold(self) -> bool:
        """Return True for the first call of the process, False for all others."""
        cold, self.cold = self.cold, False
        return cold
