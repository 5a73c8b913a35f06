"""How much other programs disturb a run: without a word about that nobody can tell noise from news."""

from __future__ import annotations

import contextlib
import sys
import time

import psutil


class Others:
    """Counts from its making on. Needs Linux, where ended processes count among their parents' children."""

    def __init__(self) -> None:
        self._used, self._since = _used_by_others(), time.monotonic()

    def told(self) -> str:
        """What other programs have used, in per cent of one core; all our children must have ended, as at the start."""
        if sys.platform != "linux":
            return "other programs not watched"
        share = (_used_by_others() - self._used) / (time.monotonic() - self._since)
        return f"other programs used {share:.0%} of a core" + (": expect noise" if share > 0.05 else "")


def _used_by_others() -> float:
    """Seconds of CPU of all processes but ours, and of those that they have started and seen end."""
    used = 0.0
    ours = psutil.Process().pid
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # it has ended just now
            used += sum(process.cpu_times()[:4]) if process.pid != ours else 0
    return used
