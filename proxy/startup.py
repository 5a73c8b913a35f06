"""Loads the settings and checks that they work together: a protection that is switched on must really protect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from proxy import log
from proxy.errors import ConfigError
from proxy.host import Host
from proxy.settings import config as settings
from proxy.settings import parsers
from proxy.settings.config import Config

if TYPE_CHECKING:
    from pathlib import Path

_KEY_SETTINGS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY")
_ANY_KEY = "OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY, or keys in UPSTREAMS"


def load(environ: Mapping[str, str], file: str | None = None, name: str = "sluice.toml") -> Config:
    """Read the settings and check them. Raises ConfigError."""
    loaded = settings.read(environ, file, name)
    check(loaded)
    return loaded


def load_with_file(environ: Mapping[str, str]) -> Config:
    """Like `load`, with the file that CONFIG_FILE names, or else the `sluice.toml` next to handler.py, if any."""
    loaded = settings.read_with_file(environ)
    check(loaded)
    return loaded


def check(loaded: Config) -> None:
    """Raise ConfigError with one sentence for the first contradiction."""
    _access(loaded)
    _tokens(loaded)
    _moderation(loaded)
    _budgets(loaded)


def _access(loaded: Config) -> None:
    """Compare ACCESS with the keys: a deployment that lost a key must not start open, or refuse every call.

    The demo spends nobody's money, so it starts with every ACCESS and with and without keys.
    """
    if loaded.signing_secret and not can_verify():
        raise ConfigError(
            "SIGNING_SECRET needs the package itsdangerous, which this deployment lacks. Install requirements.txt, or "
            "rebuild the bundle.",
            param="SIGNING_SECRET",
        )
    if loaded.demo:
        return
    has_key = any(provider.holds for provider in loaded.providers)
    if loaded.access == "proxy-key":
        if not (loaded.proxy_key or loaded.signing_secret):
            raise ConfigError("ACCESS=proxy-key needs PROXY_KEY or SIGNING_SECRET.", param="PROXY_KEY")
        if not has_key:
            raise ConfigError(f"ACCESS=proxy-key needs {_ANY_KEY}.", param="OPENAI_API_KEY")
    if loaded.access == "pass-through" and has_key:
        raise ConfigError(
            f"ACCESS=pass-through means that callers bring their own keys. Remove {_key_settings(loaded)}.",
            param="OPENAI_API_KEY",
        )
    if loaded.signing_secret and not has_key:
        raise ConfigError(
            f"SIGNING_SECRET needs {_ANY_KEY}: signed keys call with the server's own key.",
            param="SIGNING_SECRET",
        )


def _key_settings(loaded: Config) -> str:
    """The settings that hold keys for upstreams, for a message."""
    found = [name for name in _KEY_SETTINGS if name in loaded.given]
    return " and ".join([*found, *(["the keys in UPSTREAMS"] if "UPSTREAMS" in loaded.given else [])])


def unused_in_demo(loaded: Config) -> list[str]:
    """The settings with keys or upstreams that the demo does not use; none if it is off."""
    return [name for name in (*_KEY_SETTINGS, "UPSTREAMS") if name in loaded.given] if loaded.demo else []


def warnings(loaded: Config) -> list[str]:
    """Settings that work but should be changed, one sentence each."""
    messages = []
    if unused := unused_in_demo(loaded):
        verb = "is" if len(unused) == 1 else "are"
        messages.append(
            f"The embedded demo answers (DEMO=1, or serve --demo), so {' and '.join(unused)} {verb} not used. "
            "Unset DEMO to call the provider."
        )
    if any(len(key) < parsers.SHORT_KEY for key in loaded.proxy_key):
        messages.append(
            f"PROXY_KEY has a key of fewer than {parsers.SHORT_KEY} characters. Use a longer one: openssl rand -hex 16"
        )
    if (folder := store_folder(loaded)) is not None and not folder.is_dir():
        # /readyz shows this to everyone, so it does not quote the path.
        messages.append(
            "STORE names a file in a folder that does not exist, so nothing can be counted. Create the folder, or name "
            "another file."
        )
    return messages


def store_folder(loaded: Config) -> Path | None:
    """The folder of STORE's SQLite file; None for another store or none."""
    if not (address := loaded.store or "").startswith("sqlite:"):
        return None
    from pathlib import Path  # only a server with such a store needs it

    return Path(address.removeprefix("sqlite:")).absolute().parent


def log_warnings(config: Config, host: Host) -> None:
    """Log each setting that should be changed."""
    for message in warnings(config):
        log.line(host, config.log_level, "warning", {"event": "configuration", "message": message})


def can_verify() -> bool:
    """Whether signed keys can be verified here."""
    from importlib.util import find_spec

    return find_spec("itsdangerous") is not None


def _tokens(loaded: Config) -> None:
    """A limit that needs token counting must be able to count."""
    counting = [
        name for name in ("CONTEXT_GUARD", "MAX_COST_USD") if getattr(loaded, name.lower()) not in ("off", None)
    ]
    if counting:
        from proxy.tokens import installed

        if not installed():
            raise ConfigError(
                f"{counting[0]} counts tokens, which this deployment cannot do. Rebuild the bundle without "
                f"--no-tokens, or remove {counting[0]}.",
                param=counting[0],
            )
    if loaded.prices_file is not None:
        from proxy.cost.prices import check_file

        check_file(loaded.prices_file)


def _budgets(loaded: Config) -> None:
    """Limits that hold for many calls together need a store to count them in."""
    counted = ("KEY_BUDGET_USD", "KEY_RPM", "KEY_TPM", "KEY_PARALLEL", "BUDGET_WEBHOOK")
    names = [name for name in counted if name in loaded.given]
    if names and loaded.store is None:
        raise ConfigError(
            f"{names[0]} counts what keys use, which needs STORE. Set STORE, or remove it.", param="STORE"
        )
    if "KEY_BUDGET_PER" in loaded.given and loaded.key_budget_usd is None:
        raise ConfigError(
            "KEY_BUDGET_PER says when a budget starts again. Set KEY_BUDGET_USD, or remove it.", param="KEY_BUDGET_USD"
        )
    if loaded.demo and (loaded.store or "").startswith("http"):
        raise ConfigError(
            "STORE=https://… does not work with DEMO=1, which answers every call itself. Use sqlite:FILE.",
            param="STORE",
        )
    if loaded.admin_key is not None and loaded.admin_key in (*loaded.proxy_key, *loaded.signing_secret):
        raise ConfigError("ADMIN_KEY must differ from the keys that callers have.", param="ADMIN_KEY")


def _moderation(loaded: Config) -> None:
    """A filter that is switched on must be complete, or it would silently check nothing."""
    if loaded.moderation:
        from proxy.moderation.checkers import check_config

        check_config(loaded)
        return
    for name in ("MODERATION_INPUT", "MODERATION_OUTPUT"):
        if name in loaded.given and getattr(loaded, name.lower()):
            raise ConfigError(
                f"{name} is on, but MODERATION is not set. Set it to one or more of: {', '.join(parsers.MODERATORS)}.",
                param=name,
            )
