"""What can look at texts: one file for each way, imported only when MODERATION names it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from proxy.access import auth
from proxy.call import Call
from proxy.errors import ConfigError
from proxy.settings.config import Config

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


class Moderator(Protocol):
    """What the modules of this package are."""

    def ready(self, config: Config) -> None:
        """Raise ConfigError where something is missing that this way of checking takes."""

    async def check(self, call: Call, texts: Sequence[Text]) -> Verdict:
        """The gravest verdict on these texts. Raises Failed."""


# In full, so that bundles follow these names like imports.
_MODULES = {
    "openai": "proxy.moderation.checkers.openai",
    "tencent": "proxy.moderation.checkers.tencent",
    "words": "proxy.moderation.checkers.words",
}
# What asks nobody, and so costs nobody anything.
FREE = ("words",)


def moderator(name: str) -> Moderator:
    """The one called so, which is one of values.MODERATORS."""
    return cast(Moderator, import_module(_MODULES[name]))


def check(config: Config) -> None:
    """Raise ConfigError, at start-up, where what MODERATION names cannot do its work."""
    for name in config.moderation:
        if config.demo and name not in FREE:
            raise ConfigError(
                f"MODERATION names {name}, which has to be asked over the network, and DEMO never uses that. Use words "
                "with it.",
                param="MODERATION",
            )
        moderator(name).ready(config)
        if name not in FREE and auth.mode(config) == "own-key" and not config.allow_anonymous:
            raise ConfigError(
                f"MODERATION names {name}, which is asked with the server's own key, so PROXY_KEY must be set (to a "
                "random text: openssl rand -hex 16), or anybody could use that key up; ALLOW_ANONYMOUS=1 permits it.",
                param="PROXY_KEY",
            )


def gravest(verdicts: Sequence[Verdict]) -> Verdict:
    """The first of the worst."""
    return max(verdicts, key=lambda verdict: (PASS, REVIEW, BLOCK).index(verdict.says), default=Verdict(PASS))
