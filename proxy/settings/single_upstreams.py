"""The upstreams that single settings name: OPENAI_API_KEY, OPENAI_BASE_URL, and the same of ANTHROPIC and GEMINI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from proxy.errors import ConfigError
from proxy.settings.apis import Api
from proxy.settings.providers import DEFAULT, Provider
from proxy.wire.path_table import GEMINI, MESSAGES, OPENAI, RESPONSES

# As in easychen/openai-api-proxy, keys that start with fk belong to API2D and go there.
API2D = ("fk", "https://openai.api2d.net/v1")
# The upstream of each API that has settings of its own, which begin with its name: where its maker serves it.
NATIVE = {
    "anthropic": (MESSAGES, "https://api.anthropic.com"),
    "gemini": (GEMINI, "https://generativelanguage.googleapis.com"),
}
_OPENAI_SETTINGS = frozenset(("OPENAI_API_KEY", "OPENAI_BASE_URL"))


def setting_of(name: str, field: str) -> str:
    """The setting with an upstream's `keys` or one of its addresses, by its name, in words that need no translation."""
    if name in (DEFAULT, *NATIVE):
        maker = "OPENAI" if name == DEFAULT else name.upper()
        return f"{maker}_API_KEY" if field == "keys" else f"{maker}_BASE_URL"
    return f"{name}.{field} (UPSTREAMS, sluice.toml)"


def demo(base_url: str) -> tuple[Provider, ...]:
    """The embedded demo, which takes calls of every API."""
    return (Provider("demo", base_url, ("demo",), apis=((MESSAGES, Api(base_url)), (GEMINI, Api(base_url)))),)


def read(values: Mapping[str, Any], given: frozenset[str], is_listed: bool) -> tuple[Provider, ...]:
    """Return the upstreams. `values` are the settings in lower case, `given` the names of those that are set.

    `is_listed`: upstreams are configured elsewhere as well, so only what is named here counts. Raises ConfigError.
    """
    natives = {name: provider for name in NATIVE if (provider := _native(name, values, given)) is not None}
    is_named = bool(_OPENAI_SETTINGS & given)
    has_keys = any(provider.keys for provider in natives.values())
    if is_named or not (is_listed or has_keys):
        default = _default(values, given, natives)
        if not (is_named or natives):  # callers bring their own keys, for whichever API they speak
            natives = {
                name: Provider(name, NATIVE[name][1], apis=_only(NATIVE[name][0]), is_implied=True) for name in NATIVE
            }
        return (*default, *natives.values())
    if not is_listed and len(natives) == 1:
        return tuple(_with_chat(provider) for provider in natives.values())
    return tuple(natives.values())


def _default(values: Mapping[str, Any], given: frozenset[str], natives: dict[str, Provider]) -> tuple[Provider, ...]:
    """Return the default upstream, and API2D for its keys if no address is set.

    An API with an upstream of its own is not also called here, and the other way round: one at the same host has the
    same keys, unless it is given some.
    """
    url, keys = values["openai_base_url"], values["openai_api_key"]
    apis: list[tuple[str, Api | None]] = []
    for name, provider in list(natives.items()):
        api = NATIVE[name][0]
        is_same = urlsplit(provider.base_url).netloc == urlsplit(url).netloc
        if is_same and "OPENAI_BASE_URL" in given and not provider.keys:
            apis.append((api, provider.api(api)))
            del natives[name]
        else:
            apis.append((api, None))
    if "OPENAI_BASE_URL" in given:
        return (Provider(DEFAULT, url, keys, apis=tuple(apis)),)
    prefix, api2d = API2D
    api2d_keys = tuple(key for key in keys if key.startswith(prefix))
    other_keys = tuple(key for key in keys if not key.startswith(prefix))
    return (
        Provider(DEFAULT, url, other_keys, apis=tuple(apis)),
        Provider("api2d", api2d, api2d_keys, apis=((MESSAGES, None), (GEMINI, None)), key_prefixes=(prefix,)),
    )


def _native(name: str, values: Mapping[str, Any], given: frozenset[str]) -> Provider | None:
    """Return the upstream of the settings that begin with `name`, None if none of them is set."""
    keys, url = values[f"{name}_api_key"], values[f"{name}_base_url"]
    if not keys and url is None:
        return None
    api, official = NATIVE[name]
    if url is None:
        return Provider(name, official, keys, apis=_only(api))
    from proxy.settings import known_providers  # the usual addresses need no table

    return Provider(name, url, keys, apis=((api, known_providers.native(url, api)), *_only(api)))


def _only(api: str) -> tuple[tuple[str, Api | None], ...]:
    """Return the entries of an upstream that serves no other API."""
    return tuple((other, None) for other in (OPENAI, RESPONSES, MESSAGES, GEMINI) if other != api)


def _with_chat(provider: Provider) -> Provider:
    """Return the only upstream as one that also serves OpenAI's API: so do both makers, and all known others.

    Source: platform.claude.com/docs/en/api/openai-sdk, ai.google.dev/gemini-api/docs/openai, read 2026-11-26.
    """
    from proxy.settings import known_providers

    api, _ = NATIVE[provider.name]
    native = provider.api(api) or Api(provider.base_url)
    chat = known_providers.chat(provider.base_url)
    if chat is None:
        chat = Api(f"{native.base_url}/openai" if api == GEMINI else native.base_url)
    kept = tuple((name, place) for name, place in provider.apis if name != OPENAI)
    return provider._replace(apis=(*kept, (OPENAI, chat)))


def check(providers: tuple[Provider, ...]) -> None:
    """Raise ConfigError for an address without a key where the server calls with its own, and for a name used twice."""
    holds = any(provider.holds for provider in providers)
    for provider in providers:
        if provider.name not in NATIVE:
            continue
        prefix = provider.name.upper()
        if sum(other.name == provider.name for other in providers) > 1:
            raise ConfigError(
                f"The upstream {provider.name!r} is configured twice: in UPSTREAMS or sluice.toml, and with "
                f"{prefix}_API_KEY or {prefix}_BASE_URL. Keep one of them.",
                param="UPSTREAMS",
            )
        if holds and not provider.holds:
            raise ConfigError(
                f"{prefix}_BASE_URL needs {prefix}_API_KEY: this server calls with its own keys.",
                param=f"{prefix}_API_KEY",
            )
