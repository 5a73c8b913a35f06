"""How much other programs disturb a run: without a word about that nobody can tell noise from news."""

from __future__ import annotations

import os
import sys
import time

import psutil


class Others:
    """Counts from its making on."""

    def __init__(self) -> None:
        self._busy, self._since = _busy(), time.monotonic()

    def told(self) -> str:
        """What other programs and the hypervisor took, in per cent of one core; every child must have ended."""
        if sys.platform != "linux":  # elsewhere ended children are not counted as ours
            return "other programs not watched"
        share = max(0.0, (_busy() - self._busy) / (time.monotonic() - self._since))
        return f"other programs took {share:.0%} of a core" + (": expect noise" if share > 0.1 else "")


def _busy() -> float:
    """Seconds of CPU that the machine has been busy without us: neither this process nor its ended children."""
    times = psutil.cpu_times()
    parts = ("user", "nice", "system", "steal")  # interrupts are mostly those of our own traffic
    return sum(getattr(times, part, 0.0) for part in parts) - sum(os.times()[:4])
