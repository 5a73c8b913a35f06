"""The model name that the console and the start-up banner suggest."""

from __future__ import annotations

from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from proxy.settings.config import Config
from proxy.settings.example_models import BY_HOST

UNKNOWN = "YOUR-MODEL"


def first_model(config: Config) -> str:
    """Return a model that this configuration probably serves, `YOUR-MODEL` if none can be guessed."""
    if config.demo:
        return "demo"
    for provider in config.providers:
        names = [*(name for name, _ in provider.aliases), *(name for name in provider.models if "*" not in name)]
        if names:
            return names[0]
    providers = [provider for provider in config.providers if provider.takes_all] or config.providers
    host = urlsplit(providers[0].base_url).hostname or ""
    return next((model for pattern, model in BY_HOST if fnmatchcase(host, pattern)), UNKNOWN)
