"""Work on what strangers send, in slices, so that nobody waits for another caller's request.

What may work for long is a generator that yields the units of work since its last yield: about a microsecond each on a
slow core. `run` lets others go on in between.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

from proxy.host import Clock

T = TypeVar("T")
Slices = Generator[int, None, T]
SLICE = 2_048  # units of work after which others have their turn


async def run(slices: Slices[T], clock: Clock) -> T:
    """What `slices` returns. Between two of them others have their turn."""
    while True:
        try:
            next(slices)
        except StopIteration as end:
            result: T = end.value
            return result
        await clock.sleep(0)
