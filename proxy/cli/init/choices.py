"""What was chosen, and the settings that follow from it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from proxy.cli.init.options import OWN_KEYS, PROXY_KEY, SIGNED_KEYS
from proxy.cli.providers.entry import Entry, settings_of, upstream_of
from proxy.platforms.platform import Platform

# Settings that a shell may have for other programs, such as a coding agent. An empty value in the file keeps them out:
# they would send the key to another address, or open a server that was meant to be closed.
KEPT_OUT = (
    *("OPENAI_BASE_URL", "OPENAI_API_KEY", "ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY"),
    *("GEMINI_BASE_URL", "GEMINI_API_KEY", "PROXY_KEY"),
)


@dataclass(frozen=True, slots=True)
class Upstream:
    """A provider with its key; '' if callers bring their own. An empty `base_url` is the table's."""

    entry: Entry
    key: str = field(repr=False)
    base_url: str = ""


@dataclass(frozen=True, slots=True)
class Choices:
    """`upstreams` is empty if callers bring their own keys for whichever provider. `limits` are settings."""

    upstreams: tuple[Upstream, ...]
    platform: Platform
    access: str
    limits: Mapping[str, str] = field(default_factory=dict, repr=False)  # STORE may hold a password


def settings_for(choices: Choices) -> dict[str, str]:
    """The settings, with new keys for callers. Those left empty keep a shell's values out."""
    settings = {"ACCESS": "pass-through" if choices.access == OWN_KEYS else "proxy-key"}
    settings |= dict.fromkeys(KEPT_OUT, "")
    settings |= _of_upstreams(choices.upstreams)
    if choices.access == PROXY_KEY:
        settings["PROXY_KEY"] = secrets.token_hex(16)
    if choices.access == SIGNED_KEYS:
        settings["SIGNING_SECRET"] = secrets.token_urlsafe(32)
    return {**settings, **choices.limits}


def _of_upstreams(upstreams: tuple[Upstream, ...]) -> dict[str, str]:
    if len(upstreams) > 1:
        tables = [upstream_of(upstream.entry, upstream.key, upstream.base_url) for upstream in upstreams]
        return {"UPSTREAMS": json.dumps(tables, separators=(",", ":"))}
    return {
        name: value
        for upstream in upstreams
        for name, value in settings_of(upstream.entry, upstream.key, upstream.base_url).items()
    }
