"""What a checker is given and what it returns. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PASS, REVIEW, BLOCK = "pass", "review", "block"


@dataclass(frozen=True, slots=True)
class Text:
    """`new` is to be checked, `before` the end of what was checked ahead of it: a word may begin there."""

    new: str
    before: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One of PASS, REVIEW, BLOCK; `label` names the reason for the log, never the text."""

    says: str
    label: str | None = None


class Failed(Exception):
    """A check that gave no verdict; the text is a short code for the log."""


def gravest(verdicts: Sequence[Verdict]) -> Verdict:
    """The first of the worst."""
    return max(verdicts, key=lambda verdict: (PASS, REVIEW, BLOCK).index(verdict.says), default=Verdict(PASS))
