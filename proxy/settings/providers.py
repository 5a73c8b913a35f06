"""The configured upstreams, each with its address, keys and models.

One of them, `default`, comes from OPENAI_BASE_URL and OPENAI_API_KEY. The others come from `sluice.toml` or UPSTREAMS,
which providers_file.py reads.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from proxy.wire.wildcards import matches

DEFAULT = "default"
RESERVED = (DEFAULT, "api2d", "demo", "moderation")
# As in easychen/openai-api-proxy, keys that start with fk belong to API2D and go there.
API2D = ("fk", "https://openai.api2d.net/v1")


# These headers describe a client and grant nothing. Any other configured header may be a credential.
HARMLESS_HEADERS = frozenset(
    "accept accept-language anthropic-beta anthropic-version http-referer openai-beta referer user-agent "
    "x-title".split()
)


@dataclass(frozen=True, slots=True)
class Provider:
    """One upstream.

    `models` are patterns (`gpt-5.4*`) for the names that callers use; an upstream without any takes what no other one
    names. `aliases` map a caller's name to the upstream's (on Azure, to the deployment). A lower `priority` comes
    first. `key_prefixes` are how this provider's keys begin. `harmless_headers` are configured `headers` that the
    owner declares not to be credentials.
    """

    name: str
    base_url: str
    keys: tuple[str, ...] = field(default=(), repr=False)
    models: tuple[str, ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # a value may be a key
    harmless_headers: tuple[str, ...] = ()
    key_prefixes: tuple[str, ...] = ()
    kind: str = "openai"
    api_version: str | None = None
    priority: int = 0

    @property
    def holds(self) -> bool:
        """Whether the server has a credential for it: a key, or a header that may be one."""
        return bool(self.keys) or any(
            name not in HARMLESS_HEADERS and name not in self.harmless_headers for name, _ in self.headers
        )

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


def without_file(base_url: str, keys: tuple[str, ...], has_url: bool) -> tuple[Provider, ...]:
    """The upstreams without UPSTREAMS or a file: the default, and API2D for its keys if no address is set."""
    if has_url:
        return (Provider(DEFAULT, base_url, keys),)
    prefix, url = API2D
    api2d_keys = tuple(key for key in keys if key.startswith(prefix))
    other_keys = tuple(key for key in keys if not key.startswith(prefix))
    return (Provider(DEFAULT, base_url, other_keys), Provider("api2d", url, api2d_keys, key_prefixes=(prefix,)))
