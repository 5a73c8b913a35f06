"""What the console and the start-up banner suggest: the APIs that an endpoint serves, and a model of each."""

from __future__ import annotations

from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from proxy.settings.config import Config
from proxy.settings.example_models import BY_HOST
from proxy.settings.providers import Provider, serving, translating
from proxy.wire.path_table import GEMINI, MESSAGES, OPENAI, RESPONSES

UNKNOWN = "YOUR-MODEL"
_APIS = (OPENAI, RESPONSES, MESSAGES, GEMINI)


def served_apis(config: Config) -> tuple[str, ...]:
    """Return the APIs that this configuration serves, by their names in wire.path_table."""
    if config.demo:
        return _APIS
    return tuple(api for api in _APIS if _serving(config, api))


def translated_apis(config: Config) -> tuple[str, ...]:
    """Return those of the served APIs whose calls are translated, because no upstream serves them itself."""
    if config.demo:
        return ()
    return tuple(api for api in served_apis(config) if not serving(_providers(config), api))


def first_model(config: Config, api: str = OPENAI) -> str:
    """Return a model that this configuration probably serves through an API, `YOUR-MODEL` if none can be guessed."""
    if config.demo:
        return "demo"
    configured = _serving(config, api) or config.providers
    for provider in configured:
        names = [*(name for name, _ in provider.aliases), *(name for name in provider.models if "*" not in name)]
        if names:
            return names[0]
    providers = [provider for provider in configured if provider.takes_all] or configured
    host = urlsplit(providers[0].base_url).hostname or ""
    return next((model for pattern, model in BY_HOST if fnmatchcase(host, pattern)), UNKNOWN)


def _serving(config: Config, api: str) -> tuple[Provider, ...]:
    """The upstreams that serve an API, else those for which it is translated."""
    providers = _providers(config)
    return serving(providers, api) or (translating(providers, api) if config.translate != "off" else ())


def _providers(config: Config) -> tuple[Provider, ...]:
    """The upstreams; of a server with keys, those with one."""
    return tuple(provider for provider in config.providers if provider.holds) or config.providers
