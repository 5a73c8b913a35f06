"""A program that runs in this one's place: it gets the signals, and says itself how long its goodbye takes.

Used by dev.py too, which runs before anything is installed: the standard library alone.
"""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Sequence
from typing import Any


def run(command: Sequence[str], **more: Any) -> int:
    """Run a program to its end and return its exit code; for one that a signal ended, 128 and the signal's number.

    Ctrl-C goes to every process of a terminal, so the program has got it already: `subprocess.run` would kill it a
    quarter of a second later, in the middle of an answer. What ends this process alone is handed on.
    """
    with subprocess.Popen(command, **more) as process:  # noqa: S603 — our own arguments
        before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():  # nobody else may set these
            before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.SIG_IGN)
            before[signal.SIGTERM] = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        try:
            code = process.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    return code if code >= 0 else 128 - code
