"""A lock among processes: the workers of one run, and two runs at once, install and build the same things."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.paths import ROOT

if sys.platform == "win32":
    import msvcrt

    def _acquire(descriptor: int) -> None:
        while True:
            with contextlib.suppress(OSError):  # it gives up after ten attempts, a second apart
                return msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
else:
    import fcntl

    def _acquire(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)


@contextlib.contextmanager
def locked(name: str, folder: Path = ROOT / "build" / "locks") -> Iterator[None]:
    """Wait until no other process holds the lock of this name. A process that ends, however it ends, lets go of it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("ab") as file:
        _acquire(file.fileno())
        yield  # closing the file frees the lock
