"""What a row of the table of providers is made of, and what follows from it: addresses, an example, settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy import startup
from proxy.endpoints.default_model import UNKNOWN, first_model
from proxy.settings import config
from proxy.settings.apis import Api
from proxy.settings.provider_apis import APIS
from proxy.settings.providers import Provider

# The providers whose keys and addresses have settings of their own.
_OWN_SETTINGS = ("openai", "anthropic", "gemini")


@dataclass(frozen=True, slots=True)
class Entry:
    """One provider at one address.

    `name` is what `init --provider` takes, and the upstream's name where several are configured. `base_url` is where
    it serves OpenAI's API, or its own for Anthropic and Google; a word in capitals stands for a part that only its
    user knows. Where it serves other APIs, known_providers.py says. `key_prefix` is how its keys begin, '' if they have
    no common beginning. `key_page` is where one gets a key, or reads about the API where none is needed. `models` are
    patterns of its models' names, () if it serves models of many makers. `note` says shortly what surprises its users,
    with backticks around code, `source` on which pages that stands, and `read` when they were read (ISO 8601).
    `placeholder_key` is sent where no key is needed. `only_responses`: it serves no chat completions.
    """

    name: str
    title: str
    title_zh: str
    base_url: str
    key_prefix: str
    key_page: str
    models: tuple[str, ...]
    note: str
    note_zh: str
    source: str
    read: str
    placeholder_key: str = ""
    only_responses: bool = False

    @property
    def blank(self) -> str:
        """The word of the address that its user replaces: RESOURCE or REGION; '' if there is none."""
        return next((word for word in ("RESOURCE", "REGION") if word in self.base_url), "")

    @property
    def needs_key(self) -> bool:
        """Whether it refuses calls without a key."""
        return not self.placeholder_key

    @property
    def sample_key(self) -> str:
        """What documents show in place of a key."""
        return self.placeholder_key or f"{self.key_prefix}your-key"

    @property
    def key_setting(self) -> str:
        """The setting with its key, if it is the only provider."""
        if self.only_responses:
            return "UPSTREAMS"
        return f"{self.name.upper() if self.name in _OWN_SETTINGS else 'OPENAI'}_API_KEY"


def settings_of(entry: Entry, key: str, base_url: str = "") -> dict[str, str]:
    """The settings with which this provider is the only one.

    An empty `key` leaves the key out: callers bring their own. `base_url` replaces the entry's.
    """
    if entry.only_responses:
        return {"UPSTREAMS": json.dumps([upstream_of(entry, key, base_url, alone=True)], separators=(",", ":"))}
    settings = {entry.key_setting: key} if key else {}
    if entry.name not in _OWN_SETTINGS or base_url:
        setting = entry.key_setting.replace("_API_KEY", "_BASE_URL")
        settings = {setting: base_url or entry.base_url, **settings}
    return settings


def upstream_of(entry: Entry, key: str, base_url: str = "", *, alone: bool = False) -> dict[str, Any]:
    """The fields of an upstream in UPSTREAMS or sluice.toml. `alone`: it serves every model, whatever its name."""
    address = base_url or entry.base_url
    fields: dict[str, Any] = {"name": entry.name, "responses" if entry.only_responses else "base_url": address}
    if key:
        fields["keys"] = key
    if entry.models and not alone:
        fields["models"] = list(entry.models)
    return fields


def provider_of(entry: Entry) -> Provider:
    """The upstream that an entry's settings make."""
    return _loaded(entry).providers[0]


def places(entry: Entry) -> Mapping[str, Api | None]:
    """Where it serves each API, by its name in wire.path_table; None if it does not."""
    provider = provider_of(entry)
    return {api: _with_blank(entry, place) if (place := provider.api(api)) else None for api in APIS}


def _with_blank(entry: Entry, place: Api) -> Api:
    """An address made of the entry's host, whose letters are small, with the word that its user replaces."""
    return place._replace(base_url=place.base_url.replace(f".{entry.blank.lower()}.", f".{entry.blank}."))


def example_model(entry: Entry) -> str:
    """An inexpensive model of its own; '' if none is known, because its user names them."""
    model = first_model(_loaded(entry))
    return "" if model == UNKNOWN else model


def _loaded(entry: Entry) -> config.Config:
    return startup.load(settings_of(entry, entry.sample_key))
