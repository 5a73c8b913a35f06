"""Whether settings go together, once each of them can be read: what protects must not be there in name only."""

from __future__ import annotations

from collections.abc import Mapping

from proxy import log
from proxy.errors import ConfigError
from proxy.host import Host
from proxy.settings import config as settings
from proxy.settings import parsers
from proxy.settings.config import Config


def load(environ: Mapping[str, str], file: str | None = None, name: str = "sluice.toml") -> Config:
    """The settings, as `settings.config.read` reads them, if they go together. Raises ConfigError."""
    loaded = settings.read(environ, file, name)
    check(loaded)
    return loaded


def load_with_file(environ: Mapping[str, str]) -> Config:
    """As `load`, with the file that CONFIG_FILE names, or else the `sluice.toml` beside handler.py if there is one."""
    loaded = settings.read_with_file(environ)
    check(loaded)
    return loaded


def check(loaded: Config) -> None:
    """Raise ConfigError with one sentence for the first thing that does not fit."""
    _access(loaded)
    _tokens(loaded)
    _moderation(loaded)


def _access(loaded: Config) -> None:
    """Hold the deployer's word against the keys: a template that lost one must not come up open, or dead."""
    held = any(one.holds for one in loaded.providers)
    if loaded.access == "proxy-key":
        if not (loaded.proxy_key or loaded.signing_secret):
            raise ConfigError("ACCESS is proxy-key, so PROXY_KEY must be set, or SIGNING_SECRET.", param="PROXY_KEY")
        if not held:
            raise ConfigError(
                "ACCESS is proxy-key, so OPENAI_API_KEY must be set, or keys in UPSTREAMS.", param="OPENAI_API_KEY"
            )
    if loaded.access == "pass-through" and held:
        raise ConfigError(
            "ACCESS is pass-through, in which callers bring their own key, so OPENAI_API_KEY must not be set, nor keys "
            "in UPSTREAMS.",
            param="OPENAI_API_KEY",
        )
    if loaded.signing_secret and not held:
        raise ConfigError(
            "SIGNING_SECRET is for keys that call with the server's own, so OPENAI_API_KEY must be set, or keys in "
            "UPSTREAMS.",
            param="SIGNING_SECRET",
        )
    if loaded.signing_secret and not can_verify():
        raise ConfigError(
            "SIGNING_SECRET needs the package itsdangerous, which is not in this deployment. Install requirements.txt, "
            "or build the bundle again.",
            param="SIGNING_SECRET",
        )


def warnings(loaded: Config) -> list[str]:
    """What works and should be changed, a sentence each."""
    if any(len(key) < parsers.SHORT_KEY for key in loaded.proxy_key):
        return [
            f"PROXY_KEY has a key of fewer than {parsers.SHORT_KEY} characters; make a longer one: openssl rand -hex 16"
        ]
    return []


def log_warnings(config: Config, host: Host) -> None:
    """Write a log line for each setting that should be changed."""
    for message in warnings(config):
        log.line(host, config.log_level, "warning", {"event": "configuration", "message": message})


def can_verify() -> bool:
    """Whether minted keys can be read here."""
    from importlib.util import find_spec

    return find_spec("itsdangerous") is not None


def _tokens(loaded: Config) -> None:
    """A limit that needs counting must not be there in name only."""
    wanting = [name for name in ("CONTEXT_GUARD", "MAX_COST_USD") if getattr(loaded, name.lower()) not in ("off", None)]
    if wanting:
        from proxy.tokens import installed

        if not installed():
            raise ConfigError(
                f"{wanting[0]} counts tokens, and this deployment was made without what that takes. Build the bundle "
                f"again without --no-tokens, or remove {wanting[0]}.",
                param=wanting[0],
            )
    if loaded.prices_file is not None:
        from proxy.cost.prices import check_file

        check_file(loaded.prices_file)


def _moderation(loaded: Config) -> None:
    """A filter that is switched on must have all that it takes: never silently off."""
    if loaded.moderation:
        from proxy.moderation.checkers import check

        check(loaded)
        return
    for name in ("MODERATION_INPUT", "MODERATION_OUTPUT"):
        if name in loaded.given and getattr(loaded, name.lower()):
            raise ConfigError(
                f"{name} is on, so MODERATION must say what checks: {', '.join(parsers.MODERATORS)}.", param=name
            )
