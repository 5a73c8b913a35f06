"""What can look at texts: one file for each way, imported only when MODERATION names it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

from proxy.access import auth
from proxy.call import Call
from proxy.errors import ConfigError
from proxy.moderation.verdict import Text, Verdict
from proxy.settings.config import Config


class Moderator(Protocol):
    """What the modules of this package are."""

    def ready(self, config: Config) -> None:
        """Raise ConfigError where something is missing that this way of checking takes."""

    async def check(self, call: Call, texts: Sequence[Text]) -> Verdict:
        """The gravest verdict on these texts. Raises Failed."""


# What asks nobody, and so costs nobody anything.
FREE = ("words",)


def moderator(name: str) -> Moderator:
    """The one called so, which is one of values.MODERATORS."""
    return cast(Moderator, import_module(f"proxy.moderation.checkers.{name}"))


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
