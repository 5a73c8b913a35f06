"""The doctor's findings. Each has a code; its text is looked up by that code in the reader's language."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from proxy.cli.doctor import messages_en, messages_zh

MIN_SECRET = 4  # characters; hiding shorter texts would blacken ordinary words
MAX_QUOTE = 300  # characters quoted from an endpoint's response
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` is `<check>.<result>`; `values` fill the placeholders of its text."""

    code: str
    values: dict[str, Any]

    @property
    def check(self) -> str:
        """What was checked."""
        return self.code.partition(".")[0]

    @property
    def state(self) -> str:
        """`ok`, `warning`, `failed`, or `skipped` if it could not be checked."""
        return messages_en.TEXTS[self.code][0]

    def text(self, language: str) -> tuple[str, str]:
        """(what was found, what to do about it or '')."""
        message, advice = messages_zh.TEXTS[self.code] if language == "zh" else messages_en.TEXTS[self.code][1:]
        values = {name: _one_line(value) for name, value in self.values.items()}
        return message.format(**values), advice.format(**values)


@dataclass
class Report:
    """All findings so far. `show` is called with each new finding, `progress` with the name of each step."""

    show: Callable[[Finding], None]
    progress: Callable[[str], None]
    secrets: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)

    def add(self, code: str, **values: Any) -> None:
        """Add one finding, with every secret removed from it."""
        finding = Finding(code, {name: self.redacted(value) for name, value in values.items()})
        self.findings.append(finding)
        self.show(finding)

    def hide(self, secrets: Iterable[str]) -> None:
        """Never show these texts, the parts of them between colons, or either in base64."""
        for secret in secrets:
            for part in {secret, *secret.split(":")}:
                if len(part) >= MIN_SECRET:
                    self.secrets |= {part, *_in_base64(part)}

    def redacted(self, value: Any) -> Any:
        """`value` with each secret blackened: an endpoint may echo what it was sent."""
        if isinstance(value, str):
            for secret in sorted(self.secrets, key=len, reverse=True):
                value = value.replace(secret, "***")
        return value

    @property
    def counts(self) -> dict[str, int]:
        """The number of findings in each state."""
        return {state: sum(finding.state == state for finding in self.findings) for state in messages_en.STATES}

    @property
    def failed(self) -> bool:
        """Whether anything needs fixing."""
        return any(finding.state == "failed" for finding in self.findings)


def _in_base64(secret: str) -> set[str]:
    """How a secret looks in base64: alone, and inside a longer text at each of the three possible offsets."""
    encoded = set()
    for offset in range(3):
        data = b"\0" * offset + secret.encode("utf-8", "surrogateescape")
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(data).decode()
            encoded.add(text[-(-offset * 8 // 6) : len(data) * 8 // 6])
    return encoded


def _one_line(value: Any) -> Any:
    """A foreign text, shortened and without control characters, which could move a terminal's cursor."""
    return _CONTROL.sub(" ", value).strip()[:MAX_QUOTE] if isinstance(value, str) else value
