"""Reads the settings that a command needs. Nothing else has to be set, or to be right, on the machine that runs it."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.settings import config


def read(environ: Mapping[str, str], *names: str) -> config.Config:
    """The settings with these names, from the environment or else from sluice.toml (or what CONFIG_FILE names).

    Upstreams are not read: whoever mints or revokes keys may not have the providers' keys at hand. Raises ConfigError.
    """
    given = {name: environ[name] for name in (*names, "CONFIG_FILE") if name in environ}
    return config.read_with_file({"DEMO": "1", **given})  # the demo stands in for upstreams
