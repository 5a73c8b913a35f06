"""The options of `python -m proxy usage`, and how they are parsed. Every command imports this: keep it light."""

from __future__ import annotations

from argparse import ArgumentTypeError
from dataclasses import dataclass
from datetime import date, datetime, timedelta

GROUPS = ("key", "model", "response-model", "day", "upstream", "path", "platform", "status")


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for. Days are YYYY-MM-DD, both included; `format` is text, csv or json."""

    files: tuple[str, ...]
    by: tuple[str, ...] = ("key", "model")
    since: str | None = None
    until: str | None = None
    utc_offset: timedelta = timedelta(0)
    format: str = "text"


def groups(text: str) -> tuple[str, ...]:
    """Parse `--by`. Raises ArgumentTypeError, which argparse turns into a message and exit code 2."""
    by = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    if unknown := [name for name in by if name not in GROUPS]:
        raise ArgumentTypeError(f"cannot group by {unknown[0]!r}. Valid are {', '.join(GROUPS)}.")
    return by


def day(text: str) -> str:
    """Parse `--since` and `--until`. Raises ArgumentTypeError."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a day. Write it like 2026-11-27.") from None


def utc_offset(text: str) -> timedelta:
    """Parse `--utc-offset`. Raises ArgumentTypeError."""
    try:
        parsed = datetime.strptime(text, "%z").utcoffset()
    except ValueError:
        parsed = None
    if parsed is None:
        raise ArgumentTypeError(f"{text!r} is not an offset from UTC. Write it like +08:00 or -05:00.")
    return parsed
