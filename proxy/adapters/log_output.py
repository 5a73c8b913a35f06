"""Log lines to standard output. If it is full, stalled or closed, calls still go on.

A function may be frozen as soon as it has answered, so it writes each line at once, and drops a line that would block
or fails. A server queues lines for a thread. Both count the lines they drop and report the number in a later line.
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

# The limit of a server's queue: about ten thousand calls.
MAX_QUEUED_CHARACTERS = 4_000_000
# How long a line waits for others, which are then written with it.
BATCH_SECONDS = 0.01
# How long a normal exit waits for the queue, in seconds.
FLUSH_SECONDS = 1.0


def _notice(dropped: int) -> str:
    """The line that reports how many lines are missing."""
    timestamp = log.timestamp(time.time())
    return json.dumps({"timestamp": timestamp, "level": "warning", "event": "log_lines_dropped", "dropped": dropped})


def _descriptor() -> int | None:
    """Standard output's file descriptor; None if it is not a file."""
    try:
        return sys.stdout.fileno()
    except (AttributeError, OSError, ValueError):
        return None


def _writable(descriptor: int | None) -> bool:
    """Whether a line can be written without blocking. A pipe that is ready takes 4,096 bytes (POSIX, PIPE_BUF)."""
    if descriptor is None:
        return True
    import select

    if not hasattr(select, "poll"):  # pragma: no cover — Windows, where no function runs
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(0))


class DirectOutput:
    """Writes each line at once, or drops it. For functions."""

    def __init__(self) -> None:
        self._dropped = 0

    def __call__(self, line: str) -> None:
        """Write a line, given without its line end. Never raises."""
        lines = [_notice(self._dropped), line] if self._dropped else [line]
        try:
            if not _writable(_descriptor()):
                raise BlockingIOError
            sys.stdout.write("\n".join([*lines, ""]))
            sys.stdout.flush()
        except (AttributeError, OSError, ValueError):  # there is none, it is full, it is closed
            self._dropped += 1
        else:
            self._dropped = 0


write_line = DirectOutput()


class QueuedOutput:
    """Writes lines in a thread, which starts with the first line. For servers: callers never wait."""

    def __init__(self) -> None:
        import threading

        self._lines: deque[str] = deque()
        self._size = 0  # of all lines, in characters
        self._dropped = 0
        self._writing = False
        self._torn = False  # the last write ended within a line
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def __call__(self, line: str) -> None:
        """Queue a line, given without its line end. Drops it if the queue is full."""
        with self._changed:
            if self._size + len(line) > MAX_QUEUED_CHARACTERS:
                self._dropped += 1
                return
            self._lines.append(line)
            self._size += len(line)
            if self._thread is None or not self._thread.is_alive():  # a forked process has lost its thread
                self._thread = self._started()
            if len(self._lines) == 1:  # otherwise the thread knows already
                self._changed.notify_all()

    def flush(self, seconds: float = FLUSH_SECONDS) -> bool:
        """Wait at most `seconds` until all lines are written. Returns whether they are."""
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
            time.sleep(BATCH_SECONDS)  # each change of threads costs a busy server more than a line
            with self._changed:
                lines, dropped = list(self._lines), self._dropped
                self._lines.clear()
                self._size = self._dropped = 0
                self._writing = True
            if dropped:
                lines.append(_notice(dropped))
            missing = self._write("".join(f"{line}\n" for line in lines))
            if missing:
                # The notice, if there was one, is among the missing: count its lines again, but not itself.
                with self._changed:
                    self._dropped += missing + dropped - (1 if dropped else 0)

    def _write(self, text: str) -> int:
        """Write whole lines. Returns how many could not be written."""
        descriptor = _descriptor()
        if descriptor is None:
            return self._write_text(text)
        rest = memoryview((("\n" if self._torn else "") + text).encode("utf-8", "replace"))
        try:
            while rest:
                rest = rest[self._write_some(descriptor, rest) :]
                self._torn = bool(rest)
        except OSError:
            return bytes(rest).count(b"\n")
        return 0

    def _write_some(self, descriptor: int, data: memoryview) -> int:
        """Write what standard output takes now, or wait until it takes more. Returns the number of bytes written."""
        try:
            return os.write(descriptor, data)
        except BlockingIOError:  # another process has made it non-blocking
            import select

            select.select([], [descriptor], [])
            return 0

    def _write_text(self, text: str) -> int:
        """The same for a standard output that is not a file, or does not exist."""
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except (AttributeError, OSError, ValueError):
            return text.count("\n")
        return 0


@cache
def queue() -> QueuedOutput:
    """The queue of this process."""
    return QueuedOutput()
