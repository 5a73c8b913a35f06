"""Which core runs what, where the system lets that be chosen: the relay on one, upstream and load on another."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator


class Cores:
    """Two cores for two sides. `split` tells whether they could be kept apart; on macOS and Windows they cannot."""

    def __init__(self) -> None:
        usable = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
        self.split = len(usable) > 1
        self._relay, self._load = set(usable[:1]), set(usable[1:2])

    @contextlib.contextmanager
    def load(self) -> Iterator[None]:
        """Upstream and load: this process, and what it starts meanwhile.

        They share a core, and as SCHED_BATCH neither interrupts the other whenever it has written something. Otherwise
        many direct clients would be slower than the same clients through a relay, which gathers what it passes on.
        """
        with self._on(self._load, "SCHED_BATCH"):
            yield

    @contextlib.contextmanager
    def relay(self) -> Iterator[None]:
        """What is started meanwhile, with its children, is the relay's side."""
        with self._on(self._relay, "SCHED_OTHER"):
            yield

    @contextlib.contextmanager
    def _on(self, cores: set[int], policy: str) -> Iterator[None]:
        if sys.platform != "linux" or not self.split:
            yield
            return
        before = os.sched_getaffinity(0), os.sched_getscheduler(0)
        os.sched_setaffinity(0, cores)
        os.sched_setscheduler(0, getattr(os, policy), os.sched_param(0))
        try:
            yield
        finally:
            os.sched_setaffinity(0, before[0])
            os.sched_setscheduler(0, before[1], os.sched_param(0))
