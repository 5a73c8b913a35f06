"""Runs a program in place of this one: it receives the signals and decides how long its shutdown takes.

dev.py uses this before anything is installed, so it needs only the standard library.
"""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Sequence
from typing import Any


def run(command: Sequence[str], **options: Any) -> int:
    """Run a program to its end and return its exit code: 128 plus the signal's number if a signal ended it.

    Ctrl-C reaches every process in a terminal, so the program has it already. `subprocess.run` would kill the program
    a quarter of a second later, in the middle of an answer. SIGTERM reaches only this process and is passed on.
    """
    with subprocess.Popen(command, **options) as process:  # noqa: S603 — our own arguments
        previous: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():  # Python allows no other thread to set handlers
            previous[signal.SIGINT] = signal.signal(signal.SIGINT, signal.SIG_IGN)
            previous[signal.SIGTERM] = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        try:
            code = process.wait()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
    return code if code >= 0 else 128 - code
