"""What of one call is checked, and how its caller is told."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.protocols.base import Protocol

HEADER = "x-sluice-moderation"


@dataclass(frozen=True, slots=True)
class Checks:
    """What is checked: the prompt, the answer. `high` blocks whatever is doubtful, else only what is clear."""

    protocol: Protocol
    prompt: bool
    answer: bool
    high: bool


def header_value(checks: Checks, more: str = "") -> str:
    """What the header says."""
    sides = [name for name, is_on in (("input", checks.prompt), ("output", checks.answer)) if is_on]
    return ", ".join(sides) + (f"; {more}" if more else "")
