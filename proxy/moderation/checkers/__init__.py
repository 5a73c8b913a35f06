"""The checkers of texts: one module each, imported only when MODERATION names it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

from proxy.call import Call
from proxy.errors import ConfigError
from proxy.moderation.verdict import Text, Verdict
from proxy.settings.config import Config


class Checker(Protocol):
    """The interface of the modules in this package."""

    def check_config(self, config: Config) -> None:
        """Raise ConfigError if a setting that the checker needs is missing or invalid."""

    async def check(self, call: Call, texts: Sequence[Text]) -> Verdict:
        """Return the most severe verdict on these texts. Raises CheckFailed."""


# Checkers that call no service, and so cost nothing.
LOCAL = ("words",)


def load(name: str) -> Checker:
    """Return the checker with this name, which must be one of `settings.parsers.MODERATORS`."""
    return cast(Checker, import_module(f"proxy.moderation.checkers.{name}"))


def check_config(config: Config) -> None:
    """Raise ConfigError, at start-up, if a checker that MODERATION names cannot work."""
    for name in config.moderation:
        if config.demo and name not in LOCAL:
            raise ConfigError(
                f"MODERATION names {name}, which needs the network, and DEMO never uses that. Set MODERATION=words.",
                param="MODERATION",
            )
        load(name).check_config(config)
        if name not in LOCAL and config.access_mode == "own-key" and not config.allow_anonymous:
            raise ConfigError(
                f"MODERATION names {name}, which uses the server's own key, so anybody could use that key up. Set "
                "PROXY_KEY to a random text (openssl rand -hex 16), or ALLOW_ANONYMOUS=1 to permit it.",
                param="PROXY_KEY",
            )
