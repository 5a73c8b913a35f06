"""Long work on untrusted data, in slices, so that one request does not block others.

Such work is a generator. It yields the units of work since its last yield; a unit takes about a microsecond on a slow
core. `run` lets other calls proceed between slices.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

from proxy.host import Clock

T = TypeVar("T")
Slices = Generator[int, None, T]
SLICE = 2_048  # units of work after which a generator yields


async def run(slices: Slices[T], clock: Clock) -> T:
    """Run `slices` to the end and return its result. Other calls proceed between two slices."""
    while True:
        try:
            next(slices)
        except StopIteration as end:
            result: T = end.value
            return result
        await clock.sleep(0)
