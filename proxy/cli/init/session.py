"""What every question of `init` needs to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from proxy.cli.init.options import Options
from proxy.cli.init.terminal import Terminal
from proxy.errors import ConfigError
from proxy.settings.config import SETTINGS


@dataclass(frozen=True, slots=True)
class Session:
    """`language` is `en` or `zh`, `texts` are in it, and `folder` is where the file will stand."""

    options: Options
    environ: Mapping[str, str]
    terminal: Terminal
    texts: Mapping[str, str]
    language: str
    folder: Path

    @property
    def asks(self) -> bool:
        """Whether somebody answers questions."""
        return not self.options.yes

    def stop(self, text: str, **values: object) -> ConfigError:
        """The error that ends the command with one of the texts."""
        return ConfigError(self.texts[text].format(**values))

    def problem(self, setting: str, value: str) -> str:
        """What is wrong with a value for a setting, as a sentence; '' if nothing is."""
        (read,) = (entry.read for entry in SETTINGS if entry.name == setting)
        try:
            read(value)
        except ValueError as error:
            return f"{setting} {error}."
        return ""
