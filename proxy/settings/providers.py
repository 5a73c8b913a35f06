"""The configured upstreams, each with its address, keys and models.

Some come from settings such as OPENAI_API_KEY (single_upstreams.py), the others from `sluice.toml` or UPSTREAMS
(providers_file.py).
"""

from __future__ import annotations

from typing import NamedTuple

from proxy.settings.apis import API_KEY, Api
from proxy.wire.path_table import GEMINI, MESSAGES, OPENAI, RESPONSES
from proxy.wire.wildcards import matches

DEFAULT = "default"
RESERVED = (DEFAULT, "api2d", "demo", "moderation")

# These headers describe a client and grant nothing. Any other configured header may be a credential.
HARMLESS_HEADERS = frozenset(
    "accept accept-language anthropic-beta anthropic-version http-referer openai-beta referer user-agent "
    "x-title".split()
)


class Provider(NamedTuple):
    """One upstream.

    `models` are patterns (`gpt-5.4*`) for the names that callers use; an upstream without any takes what no other one
    names. `aliases` map a caller's name to the upstream's (on Azure, to the deployment). A lower `priority` comes
    first. `apis` are the APIs whose address is configured, None for one that it does not serve; where it serves others
    is known (known_providers.py). `key_prefixes` are how this provider's keys begin. `harmless_headers` are configured
    `headers` that the owner declares not to be credentials. `translate`: calls of an
    API that it does not serve may be translated for it. `is_implied`: no setting names it.
    """

    name: str
    base_url: str
    keys: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    harmless_headers: tuple[str, ...] = ()
    key_prefixes: tuple[str, ...] = ()
    kind: str = "openai"
    apis: tuple[tuple[str, Api | None], ...] = ()
    api_version: str | None = None
    priority: int = 0
    translate: bool = True
    is_implied: bool = False

    def __repr__(self) -> str:
        return f"Provider({self.name})"  # never a key, and a header may be one

    @property
    def holds(self) -> bool:
        """Whether the server has a credential for it: a key, or a header that may be one."""
        return bool(self.keys) or any(
            name not in HARMLESS_HEADERS and name not in self.harmless_headers for name, _ in self.headers
        )

    def api(self, name: str) -> Api | None:
        """Where it serves an API, by its name in wire.path_table; None if it does not."""
        for configured, place in self.apis:
            if configured == name:
                return place
        if name in (OPENAI, RESPONSES) and self.kind == "azure":
            return Api(self.base_url, API_KEY)
        if name == OPENAI:
            return Api(self.base_url)
        from proxy.settings import known_providers  # most calls are of OpenAI's API

        return known_providers.find(self.base_url, name)

    @property
    def addresses(self) -> list[str]:
        """The addresses that are configured for it."""
        return [self.base_url, *(place.base_url for _, place in self.apis if place is not None)]

    @property
    def listing(self) -> str:
        """The API that lists its models: OpenAI's, unless it is another one's maker, or does not serve that."""
        from proxy.settings import known_providers  # few calls list models

        served = {api: place for api in (MESSAGES, GEMINI, OPENAI) if (place := self.api(api)) is not None}
        official = (api for api, place in served.items() if known_providers.is_official(place.base_url, api))
        return next(official, OPENAI if OPENAI in served else next(iter(served), OPENAI))

    @property
    def credentials(self) -> tuple[str, ...]:
        """The keys; one empty key if only a header is the credential."""
        return self.keys or (("",) if self.holds else ())

    def renamed(self, model: str | None) -> str | None:
        """The upstream's own name for `model`; None if it is the same."""
        for alias, name in self.aliases:
            if alias == model:
                return name if name != model else None
        return None

    def names(self, model: str) -> bool:
        """Whether this upstream's models or aliases include `model`."""
        return any(alias == model for alias, _ in self.aliases) or matches(model, self.models)

    @property
    def takes_all(self) -> bool:
        """Whether it takes every model that no other upstream names."""
        return not self.models and not self.aliases


# The APIs for which calls of another one can be translated (proxy.protocols.translate), the best one first.
TRANSLATED = {MESSAGES: (OPENAI, RESPONSES), RESPONSES: (OPENAI,), OPENAI: (RESPONSES,)}


def translating(providers: tuple[Provider, ...], api: str) -> tuple[Provider, ...]:
    """The upstreams that do not serve an API, and for which its calls can be translated."""
    return tuple(
        provider
        for provider in providers
        if provider.translate and provider.api(api) is None and translated_api(provider, api) is not None
    )


def translated_api(provider: Provider, api: str) -> str | None:
    """The API with which an upstream is called in translation, None if it serves no such one."""
    return next((name for name in TRANSLATED.get(api, ()) if provider.api(name) is not None), None)


def serving(providers: tuple[Provider, ...], api: str) -> tuple[Provider, ...]:
    """The upstreams that serve an API."""
    return tuple(provider for provider in providers if provider.api(api) is not None)


def candidates(providers: tuple[Provider, ...], model: str | None) -> list[Provider]:
    """The upstreams for `model` by priority: those that name it, else those that take all. None means no model.

    If some name it, the others are left out: another vendor would only answer that it does not know the model.
    """
    naming = [provider for provider in providers if model is not None and provider.names(model)]
    chosen = naming or [provider for provider in providers if provider.takes_all]
    return sorted(chosen, key=lambda provider: provider.priority)


def of_key(providers: tuple[Provider, ...], key: str) -> list[Provider]:
    """The upstreams whose `key_prefixes` match this key."""
    return [provider for provider in providers if key.startswith(provider.key_prefixes or ("\0",))]
