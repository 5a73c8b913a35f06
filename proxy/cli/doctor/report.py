"""What the doctor finds: one Finding a line, its words looked up by its code in the language of the reader."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from proxy.cli.doctor import words_en, words_zh

LEAST_REDACTED = 4  # characters; what is shorter would blacken words that are no secret
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
MOST_QUOTED = 300  # characters of what an endpoint says


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` is `<what was looked at>.<what was found>`; `values` are what the words quote."""

    code: str
    values: dict[str, Any]

    @property
    def check(self) -> str:
        """What was looked at."""
        return self.code.partition(".")[0]

    @property
    def state(self) -> str:
        """`ok`, `warning`, `failed`, or `skipped` for what could not be looked at."""
        return words_en.TEXTS[self.code][0]

    def words(self, language: str) -> tuple[str, str]:
        """(what was found, what to do about it or '')."""
        what, todo = words_zh.TEXTS[self.code] if language == "zh" else words_en.TEXTS[self.code][1:]
        shown = {name: _one_line(value) for name, value in self.values.items()}
        return what.format(**shown), todo.format(**shown)


@dataclass
class Report:
    """Everything found so far. `tell` hears each finding at once, `begin` what is being waited for."""

    tell: Callable[[Finding], None]
    begin: Callable[[str], None]
    secrets: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)

    def add(self, code: str, **values: Any) -> None:
        """Note one finding, without a secret in it."""
        found = Finding(code, {name: self.redacted(value) for name, value in values.items()})
        self.findings.append(found)
        self.tell(found)

    def keep_secret(self, texts: Iterable[str]) -> None:
        """Never let any of these be shown; nor a part of one that a colon divides, nor its base64."""
        for text in texts:
            parts = {text, *text.split(":")}
            for part in parts:
                if len(part) >= LEAST_REDACTED:
                    self.secrets |= {part, *_in_base64(part)}

    def redacted(self, value: Any) -> Any:
        """`value` with each secret blackened: an endpoint may repeat what it was sent."""
        if isinstance(value, str):
            for secret in sorted(self.secrets, key=len, reverse=True):
                value = value.replace(secret, "***")
        return value

    @property
    def failed(self) -> bool:
        """Whether anything stands in the way."""
        return any(one.state == "failed" for one in self.findings)


def _in_base64(secret: str) -> set[str]:
    """What base64 makes of a secret, alone and within a longer text, where it begins at any of three places."""
    found = set()
    for before in range(3):
        data = b"\0" * before + secret.encode("utf-8", "surrogateescape")
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(data).decode()
            found.add(text[-(-before * 8 // 6) : len(data) * 8 // 6])
    return found


def _one_line(value: Any) -> Any:
    """A text of somebody else's without what would move a terminal's cursor, and not too long."""
    return _CONTROL.sub(" ", value).strip()[:MOST_QUOTED] if isinstance(value, str) else value
