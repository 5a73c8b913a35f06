"""The questions in their order. An option on the command line answers its question; `--yes` answers the rest."""

from __future__ import annotations

from urllib.parse import urlsplit

from proxy.cli.init import limits, providers
from proxy.cli.init.choices import Choices, Upstream
from proxy.cli.init.options import OWN_KEYS, PROXY_KEY, SIGNED_KEYS
from proxy.cli.init.session import Session
from proxy.platforms import registry
from proxy.platforms.platform import Platform

SERVER = "server"
_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")


def ask(session: Session) -> Choices:
    """What was chosen. Raises ConfigError for options that contradict each other, and EOFError."""
    upstreams = providers.ask(session)
    platform = _platform(session, upstreams)
    holds_key = any(upstream.key for upstream in upstreams)
    access = _access(session, holds_key)
    return Choices(upstreams, platform, access, limits.ask(session, platform, holds_key))


def _platform(session: Session, upstreams: tuple[Upstream, ...]) -> Platform:
    name = session.options.platform
    if name is None and session.asks:
        titles = [
            (platform.name, platform.title_zh if session.language == "zh" else platform.title)
            for platform in registry.PLATFORMS
        ]
        name = session.terminal.choose(session.texts["platform.ask"], titles, SERVER)
    platform = next(platform for platform in registry.PLATFORMS if platform.name == (name or SERVER))
    bundle = platform.functions[0].bundle
    if session.options.toml and bundle is not None and bundle.sources != ".":
        raise session.stop("toml.no_files", platform=platform.title)
    for upstream in upstreams if bundle is not None else ():
        if urlsplit(address := upstream.base_url or upstream.entry.base_url).hostname in _THIS_MACHINE:
            session.terminal.say(session.texts["address.local"].format(base_url=address))
    return platform


def _access(session: Session, holds_key: bool) -> str:
    access = session.options.access
    if not holds_key:
        if access not in (None, OWN_KEYS):
            raise session.stop("access.no_key", access=access)
        return OWN_KEYS
    if access is None and session.asks:
        choices = [(name, session.texts[f"access.{name}"]) for name in (PROXY_KEY, SIGNED_KEYS)]
        access = session.terminal.choose(session.texts["access.ask"], choices, PROXY_KEY)
    return access or PROXY_KEY
