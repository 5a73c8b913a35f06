"""The upstreams that a configuration names: each with its address, its keys and the models that it is there for. Pure.

One of them, `default`, is what OPENAI_BASE_URL and OPENAI_API_KEY say; the others stand in `sluice.toml` or UPSTREAMS
(proxy/settings/providers_file.py reads those).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from proxy.wire.wildcards import matches

DEFAULT = "default"
RESERVED = (DEFAULT, "api2d", "demo", "moderation")
# easychen/openai-api-proxy's contract: keys that start with fk are API2D's, and go there.
API2D = ("fk", "https://openai.api2d.net/v1")


# Headers that say what a client is or wants, and open nothing. Any other one that is configured may be a credential.
HARMLESS_HEADERS = frozenset(
    "accept accept-language anthropic-beta anthropic-version http-referer openai-beta referer user-agent "
    "x-title".split()
)


@dataclass(frozen=True, slots=True)
class Provider:
    """One upstream.

    `models` are patterns (`gpt-4o*`) of the names that callers use; without any it takes what no other one names.
    `aliases` leads from a caller's name to the upstream's (on Azure: to the deployment). A lower `priority` is asked
    first. `key_prefixes` are how the keys of this provider begin. `harmless_headers` are names of configured `headers`
    that open nothing, by the owner's word.
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
        """Whether calls go there with a credential of the server's: a key, or a header that may be one."""
        return bool(self.keys) or any(
            name not in HARMLESS_HEADERS and name not in self.harmless_headers for name, _ in self.headers
        )

    @property
    def credentials(self) -> tuple[str, ...]:
        """The keys; one empty one where only a header is the credential."""
        return self.keys or (("",) if self.holds else ())

    def renamed(self, model: str | None) -> str | None:
        """What this upstream calls `model`, where that is another name; else None."""
        for name, other in self.aliases:
            if name == model:
                return other if other != model else None
        return None

    def names(self, model: str) -> bool:
        """Whether this upstream is there for `model` by name."""
        return any(name == model for name, _ in self.aliases) or matches(model, self.models)

    @property
    def takes_all(self) -> bool:
        """Whether it takes what no other upstream names."""
        return not self.models and not self.aliases


def candidates(providers: tuple[Provider, ...], model: str | None) -> list[Provider]:
    """The upstreams for `model`, those that name it before those that take all; all of the latter where it is None.

    Upstreams that name it come alone: another vendor's answer to it would be that it knows no such model.
    """
    named = [one for one in providers if model is not None and one.names(model)]
    return sorted(named or [one for one in providers if one.takes_all], key=lambda one: one.priority)


def of_key(providers: tuple[Provider, ...], key: str) -> list[Provider]:
    """The upstreams whose keys begin like this one."""
    return [one for one in providers if key.startswith(one.key_prefixes or ("\0",))]


def without_file(base_url: str, keys: tuple[str, ...], given_url: bool) -> tuple[Provider, ...]:
    """What the environment alone says: the default upstream, and API2D for its keys where no address was named."""
    if given_url:
        return (Provider(DEFAULT, base_url, keys),)
    prefix, url = API2D
    theirs = tuple(key for key in keys if key.startswith(prefix))
    others = tuple(key for key in keys if not key.startswith(prefix))
    return (Provider(DEFAULT, base_url, others), Provider("api2d", url, theirs, key_prefixes=(prefix,)))
