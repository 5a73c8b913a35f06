"""The number of processes that `serve` and the container may run."""

from __future__ import annotations

MAX_PROCESSES = 64


def read(text: str) -> int:
    """Return the number of processes in `text`. Raises ValueError, whose text completes `--workers …`."""
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= MAX_PROCESSES):
        raise ValueError(f"must be a whole number between 1 and {MAX_PROCESSES}")
    return int(text)
