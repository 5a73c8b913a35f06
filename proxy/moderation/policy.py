"""What of one call is checked, and the header that tells its caller."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.protocols.base import TextProtocol

HEADER = "x-sluice-moderation"


@dataclass(frozen=True, slots=True)
class Policy:
    """`prompt` says whether the prompt is checked, and `answer` how to read the answer; None if it is not checked.

    `high` also blocks doubtful texts, not only clear cases.
    """

    prompt: bool
    answer: TextProtocol | None
    high: bool


def header_value(policy: Policy, result: str = "") -> str:
    """Return the header's value: the sides that are checked, and the result if there is one."""
    sides = [
        name for name, is_checked in (("input", policy.prompt), ("output", policy.answer is not None)) if is_checked
    ]
    return ", ".join(sides) + (f"; {result}" if result else "")
