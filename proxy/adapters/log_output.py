"""Standard output as the place for log lines: full, stalled or gone, it never stops a call.

A function writes each line at once, for it may be frozen before anything else runs, and drops it where that would wait
or fails. A server hands its lines to a thread. Dropped lines are counted, and a later line says how many they were.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import deque
from functools import cache
from typing import TYPE_CHECKING

from proxy import log

if TYPE_CHECKING:
    import threading

# What a server keeps of lines that nobody takes, in characters: some ten thousand calls.
QUEUE_MOST = 4_000_000
# How long a normal exit waits for them, in seconds.
FLUSH_SECONDS = 1.0


def _notice(dropped: int) -> str:
    """The line that says how many are missing."""
    told = {"level": "warning", "event": "log_lines_dropped", "dropped": dropped}
    return json.dumps({"timestamp": log.timestamp(time.time()), **told})


def _descriptor() -> int | None:
    """Standard output's file descriptor; None where it is no file."""
    try:
        return sys.stdout.fileno()
    except (AttributeError, OSError, ValueError):
        return None


def _writable(descriptor: int | None) -> bool:
    """Whether a line can be written without waiting. A pipe that says so takes 4,096 bytes (POSIX, PIPE_BUF)."""
    if descriptor is None:
        return True
    import select

    if not hasattr(select, "poll"):  # pragma: no cover — on Windows, where no function runs
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(0))


class DirectOutput:
    """Each line to standard output at once, or not at all. For functions."""

    def __init__(self) -> None:
        self._dropped = 0

    def __call__(self, line: str) -> None:
        """Write a line without its end."""
        lines = [_notice(self._dropped), line] if self._dropped else [line]
        try:
            if not _writable(_descriptor()):
                raise BlockingIOError
            sys.stdout.write("".join(f"{one}\n" for one in lines))
            sys.stdout.flush()
        except (AttributeError, OSError, ValueError):  # gone, full, closed
            self._dropped += 1
        else:
            self._dropped = 0


write_line = DirectOutput()


class QueuedOutput:
    """Lines to standard output from a thread of their own, which begins with the first. For servers.

    Lines are queued up to QUEUE_MOST characters. Whoever calls this never waits for standard output.
    """

    def __init__(self) -> None:
        import threading

        self._lines: deque[str] = deque()
        self._size = 0
        self._dropped = 0
        self._writing = False
        self._torn = False  # the last thing written is a part of a line
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def __call__(self, line: str) -> None:
        """Queue a line without its end, or drop it where too many wait."""
        with self._changed:
            if self._size + len(line) > QUEUE_MOST:
                self._dropped += 1
                return
            self._lines.append(line)
            self._size += len(line)
            if self._thread is None or not self._thread.is_alive():  # a forked process has none
                self._thread = self._started()
            self._changed.notify_all()

    def flush(self, seconds: float = FLUSH_SECONDS) -> bool:
        """Wait at most `seconds` until everything is written; returns whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._lines and not self._writing, seconds)

    def _started(self) -> threading.Thread:
        import atexit
        import threading

        atexit.register(self.flush)
        thread = threading.Thread(target=self._run, name="log", daemon=True)
        thread.start()
        return thread

    def _run(self) -> None:
        while True:
            with self._changed:
                self._writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: bool(self._lines))
                lines, dropped = list(self._lines), self._dropped
                self._lines.clear()
                self._size = self._dropped = 0
                self._writing = True
            if dropped:
                lines.append(_notice(dropped))
            missing = self._write("".join(f"{line}\n" for line in lines))
            if missing:
                # The notice is one of the missing lines: what it told is still to be told.
                with self._changed:
                    self._dropped += missing + dropped - (1 if dropped else 0)

    def _write(self, text: str) -> int:
        """Write whole lines; returns how many of them could not be written."""
        descriptor = _descriptor()
        if descriptor is None:
            return self._write_text(text)
        rest = memoryview((("\n" if self._torn else "") + text).encode("utf-8", "replace"))
        try:
            while rest:
                rest = rest[self._some(descriptor, rest) :]
                self._torn = bool(rest)
        except OSError:
            return bytes(rest).count(b"\n")
        return 0

    def _some(self, descriptor: int, data: memoryview) -> int:
        """Write as much as standard output takes now, waiting where it takes nothing; returns the number of bytes."""
        try:
            return os.write(descriptor, data)
        except BlockingIOError:  # somebody has made it non-blocking
            import select

            select.select([], [descriptor], [])
            return 0

    def _write_text(self, text: str) -> int:
        """The same for a standard output that is no file, or none at all."""
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except (AttributeError, OSError, ValueError):
            return text.count("\n")
        return 0


@cache
def queue() -> QueuedOutput:
    """The one of this process."""
    return QueuedOutput()
