"""Work on what strangers send, in slices, so that nobody waits for another's.

What may work for long is a generator that yields the units of work since its last yield: about a microsecond each on a
slow core. Whoever runs it lets others go on in between, as `proxy.wire.slices.run` does.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")
Slices = Generator[int, None, T]
SLICE = 2_048  # units of work after which others have their turn
