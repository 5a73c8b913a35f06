"""Running the checkers that MODERATION names, in order, on one call's texts, and recording the decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from proxy.call import Call
from proxy.moderation.checkers import LOCAL, load
from proxy.moderation.policy import HEADER, Policy, header_value
from proxy.moderation.verdict import BLOCK, PASS, CheckFailed, Text

_SEVERITY = (None, "pass", "error_open", "error", "block")
# A service charges for a short text as well, so each text counts as at least this many characters.
_MIN_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Decision:
    """`action` is pass, block, error (not checked, held back) or error_open (not checked, let through)."""

    action: str
    label: str | None = None

    @property
    def lets_through(self) -> bool:
        """Whether the text may go on."""
        return self.action in ("pass", "error_open")


class CheckRunner:
    """Runs the checks of one prompt or one answer.

    Several checks may run at the same time. A decision is recorded when it takes effect.
    """

    def __init__(self, call: Call, policy: Policy) -> None:
        self._call = call
        self._policy = policy
        self._characters = 0

    async def run(self, texts: Sequence[Text]) -> Decision:
        """Run one checker after the other. The first one that blocks decides.

        Services check at most MODERATION_MAX_CHARACTERS of a prompt or an answer.
        """
        call, label = self._call, None
        self._characters += sum(max(_MIN_CHARACTERS, len(text.new)) for text in texts)
        for name in call.config.moderation if texts else ():
            details = call.outcome.details
            details["moderation_checks"] = details.get("moderation_checks", 0) + 1
            try:
                if name not in LOCAL and self._characters > call.config.moderation_max_characters:
                    raise CheckFailed("too_long")
                verdict = await load(name).check(call, texts)
            except CheckFailed as failure:
                if call.config.moderation_on_error == "closed":
                    return Decision("error", f"{name}:{failure}")
                label = f"{name}:{failure}"
                continue
            if verdict.level == BLOCK or (self._policy.high and verdict.level != PASS):
                return Decision("block", verdict.label)
        return self.unchecked(label) if label else Decision("pass")

    def unchecked(self, reason: str) -> Decision:
        """Return the decision on a text that could not be checked, by MODERATION_ON_ERROR."""
        return Decision("error" if self._call.config.moderation_on_error == "closed" else "error_open", reason)

    def record(self, decision: Decision) -> None:
        """Record a decision for the log and, if the head has not gone out, for the caller."""
        details = self._call.outcome.details
        if _SEVERITY.index(decision.action) <= _SEVERITY.index(details.get("moderation")):
            return
        details["moderation"] = decision.action
        if decision.label is not None:
            details["moderation_label"] = decision.label
        result = {"block": "blocked", "error": "failed", "error_open": "unchecked"}.get(decision.action, "")
        self._call.outcome.reply_headers.append((HEADER, header_value(self._policy, result)))
