"""What of one call is checked, and the header that tells its caller."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.protocols.base import Protocol

HEADER = "x-sluice-moderation"


@dataclass(frozen=True, slots=True)
class Policy:
    """`prompt` and `answer` say what is checked. `high` also blocks doubtful texts, not only clear cases."""

    protocol: Protocol
    prompt: bool
    answer: bool
    high: bool


def header_value(policy: Policy, result: str = "") -> str:
    """Return the header's value: the sides that are checked, and the result if there is one."""
    sides = [name for name, is_checked in (("input", policy.prompt), ("output", policy.answer)) if is_checked]
    return ", ".join(sides) + (f"; {result}" if result else "")
