"""All that MODERATION names, asked in its order about one call's texts, and what the log is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from proxy.call import Call
from proxy.moderation.checkers import FREE, moderator
from proxy.moderation.checks import HEADER, Checks, header_value
from proxy.moderation.verdict import BLOCK, PASS, Failed, Text

_GRAVITY = (None, "pass", "error_open", "error", "block")


@dataclass(frozen=True, slots=True)
class Outcome:
    """pass, block, error (the text is held back as well) or error_open (it is let through, unchecked)."""

    says: str
    label: str | None = None

    @property
    def lets_through(self) -> bool:
        """Whether the text may go on."""
        return self.says in ("pass", "error_open")


# A check of fewer characters counts as one of so many: a service charges for it all the same.
_LEAST = 100


class Panel:
    """The checks of one prompt or one answer. They may be under way at the same time; each is written down when it is
    applied.
    """

    def __init__(self, call: Call, checks: Checks) -> None:
        self._call = call
        self._checks = checks
        self._characters = 0

    async def judge(self, texts: Sequence[Text]) -> Outcome:
        """Ask one after the other; the first that blocks decides.

        No service is asked about more of a prompt or an answer than MODERATION_MAX_CHARACTERS.
        """
        call, label = self._call, None
        self._characters += sum(max(_LEAST, len(text.new)) for text in texts)
        for name in call.config.moderation if texts else ():
            details = call.outcome.details
            details["moderation_checks"] = details.get("moderation_checks", 0) + 1
            try:
                if name not in FREE and self._characters > call.config.moderation_max_characters:
                    raise Failed("too_long")
                verdict = await moderator(name).check(call, texts)
            except Failed as failure:
                if call.config.moderation_on_error == "closed":
                    return Outcome("error", f"{name}:{failure}")
                label = f"{name}:{failure}"
                continue
            if verdict.says == BLOCK or (self._checks.high and verdict.says != PASS):
                return Outcome("block", verdict.label)
        return self.unseen(label) if label else Outcome("pass")

    def unseen(self, why: str) -> Outcome:
        """What becomes of a text that could not be looked at."""
        return Outcome("error" if self._call.config.moderation_on_error == "closed" else "error_open", why)

    def apply(self, outcome: Outcome) -> None:
        """Note an outcome for the log and, as long as the head has not gone out, for the caller."""
        details = self._call.outcome.details
        if _GRAVITY.index(outcome.says) <= _GRAVITY.index(details.get("moderation")):
            return
        details["moderation"] = outcome.says
        if outcome.label is not None:
            details["moderation_label"] = outcome.label
        more = {"block": "blocked", "error": "failed", "error_open": "unchecked"}.get(outcome.says, "")
        self._call.outcome.reply_headers.append((HEADER, header_value(self._checks, more)))
