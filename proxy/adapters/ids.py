"""What an adapter gives its host: request ids, and the simplest place for log lines (log_output.py has others)."""

from __future__ import annotations

import os
import sys


def new_id() -> str:
    """A request id that nobody can guess."""
    return f"sl_{os.urandom(12).hex()}"


def write_line(line: str) -> None:
    """One line to stdout, at once: a function may be frozen before a buffer is full."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
