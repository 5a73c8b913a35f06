"""What a checker receives and what it returns. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PASS, REVIEW, BLOCK = "pass", "review", "block"


@dataclass(frozen=True, slots=True)
class Text:
    """`new` is the text to check. `context` is the end of the text before it, in which a word may begin."""

    new: str
    context: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`level` is PASS, REVIEW or BLOCK. `label` gives the reason for the log, never the text."""

    level: str
    label: str | None = None


class CheckFailed(Exception):
    """A check without a verdict. The message is a short code for the log."""


def most_severe(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the first of the most severe verdicts, a pass if there are none."""
    return max(verdicts, key=lambda verdict: (PASS, REVIEW, BLOCK).index(verdict.level), default=Verdict(PASS))
