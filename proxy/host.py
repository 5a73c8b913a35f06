"""What the surroundings give the core: time, ids, chance, a place for log lines, and what the platform can do.

The core takes all of these as arguments, so that it runs the same under asyncio, in a Worker and in a test.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

T = TypeVar("T")


class Pump(Protocol):
    """Reads pieces ahead of its reader, one at the most, so that a wait can be given up and taken up again."""

    async def next(self, seconds: float | None) -> bytes | None:
        """The next piece, or None when `seconds` went by without one; the wait can be taken up again.

        Raises StopAsyncIteration at the end, and whatever reading raised.
        """

    async def aclose(self) -> None:
        """Stop reading; returns when the reading has really stopped."""


class Clock(Protocol):
    """Time, and waiting for at most some of it."""

    def now(self) -> float:
        """Seconds on a clock that never goes back."""

    def wall(self) -> float:
        """Unix time in seconds."""

    def pump(self, pieces: AsyncIterable[bytes]) -> Pump:
        """Start to read `pieces`."""

    async def sleep(self, seconds: float) -> None:
        """Come back after `seconds`; after 0 when everybody else who is ready has had a turn."""

    async def offload(self, work: Callable[[], T]) -> T:
        """What `work` returns, done aside from everybody else's calls where the platform can do that."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an adapter's door can do. `body_limit` is the largest request body in bytes, None where there is none."""

    streams: bool
    rewrites_stream: bool
    body_limit: int | None


_REMEMBERED, _NAME_LENGTH = 1000, 200
_LESSON_SECONDS = 3_600.0  # an upstream may learn too


@dataclass(slots=True)
class Host:
    """One process on one platform. `cold` is True until the first call has been taken; `region` is the cloud's name."""

    platform: str
    capabilities: Capabilities
    clock: Clock
    new_id: Callable[[], str]
    choose: Callable[[int], int]
    write: Callable[[str], None]
    cold: bool = field(default=True)
    region: str | None = None
    # What this process has learnt of upstreams, each by upstream and model, and until when on the clock: those that
    # refuse to be asked for a stream on a caller's behalf, and those that know no `stream_options`.
    no_events: dict[tuple[str, str], float] = field(default_factory=dict)
    no_usage: dict[tuple[str, str], float] = field(default_factory=dict)
    # Targets that have failed here, and until when on the clock they are asked last.
    resting: dict[str, float] = field(default_factory=dict)

    def learn(self, lessons: dict[tuple[str, str], float], upstream: str, model: str) -> None:
        """Remember something of a model at an upstream for a while; callers' inventions must not fill the memory."""
        if len(model) <= _NAME_LENGTH:
            lessons[upstream, model] = self.clock.now() + _LESSON_SECONDS
            if len(lessons) > _REMEMBERED:
                lessons.pop(next(iter(lessons)))  # the oldest

    def knows(self, lessons: dict[tuple[str, str], float], upstream: str, model: str) -> bool:
        """Whether that was learnt, and not too long ago."""
        return lessons.get((upstream, model), 0.0) > self.clock.now()

    def take_cold(self) -> bool:
        """True for the first call of the process only."""
        cold, self.cold = self.cold, False
        return cold
