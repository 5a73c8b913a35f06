"""What the surroundings give the core: time, ids, chance, a place for log lines, and what the platform can do.

The core takes all of these as arguments, so that it runs the same under asyncio, in a Worker and in a test.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Protocol


class Pump(Protocol):
    """Reads pieces ahead of its reader, one at the most, so that a wait can be given up and taken up again."""

    async def next(self, seconds: float | None) -> bytes | None:
        """As messages.Stream.next."""

    async def aclose(self) -> None:
        """Stop reading; returns when the reading has really stopped."""


class Clock(Protocol):
    """Time, and waiting for at most some of it."""

    def now(self) -> float:
        """Seconds on a clock that never goes back."""

    def wall(self) -> float:
        """Unix time in seconds."""

    def pump(self, pieces: AsyncGenerator[bytes, None]) -> Pump:
        """Start to read `pieces`."""

    async def sleep(self, seconds: float) -> None:
        """Come back after `seconds`."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an adapter's door can do. `body_limit` is the largest request body in bytes, None where there is none."""

    streams: bool
    sees_disconnect: bool
    rewrites_stream: bool
    body_limit: int | None


_REMEMBERED, _NAME_LENGTH = 1000, 200


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
    # What this process has learnt of upstreams: the models that refuse to be asked for a stream on a caller's behalf.
    no_events: set[str] = field(default_factory=set)
    # The models that know no `stream_options`.
    no_usage: set[str] = field(default_factory=set)
    # Targets that have failed here, and until when on the clock they are asked last.
    resting: dict[str, float] = field(default_factory=dict)

    def remember(self, known: set[str], model: str) -> None:
        """Add a model's name, as long as callers' inventions do not fill the memory with it."""
        if len(known) < _REMEMBERED and len(model) <= _NAME_LENGTH:
            known.add(model)

    def take_cold(self) -> bool:
        """True for the first call of the process only."""
        cold, self.cold = self.cold, False
        return cold
