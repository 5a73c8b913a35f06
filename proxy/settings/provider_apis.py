"""Reads which APIs an upstream of sluice.toml or UPSTREAMS serves, where, and with which form of key."""

from __future__ import annotations

from typing import Any

from proxy.settings import known_providers, parsers
from proxy.settings.apis import API_KEY, AUTHORIZATION, GOOG_API_KEY, X_API_KEY, Api
from proxy.wire.path_table import GEMINI, MESSAGES, OPENAI, RESPONSES

# The fields, each named like its API.
APIS = (OPENAI, RESPONSES, MESSAGES, GEMINI)
_KEYS = {"bearer": AUTHORIZATION, API_KEY: API_KEY, X_API_KEY: X_API_KEY, GOOG_API_KEY: GOOG_API_KEY}


def read(value: Any) -> dict[str, str] | None:
    """The value of a field: an address, a table with `base_url` and `key`, or false, which becomes None.

    Raises ValueError.
    """
    if value is False:
        return None
    table = {"base_url": value} if isinstance(value, str) else value
    if not isinstance(table, dict) or not table or not table.keys() <= {"base_url", "key"}:
        raise ValueError("must be an address, a table with base_url and key, or false")
    if "base_url" in table:
        table = {**table, "base_url": parsers.base_url(table["base_url"] if isinstance(table["base_url"], str) else "")}
    if "key" in table and table["key"] not in _KEYS:
        raise ValueError(f"has a key that must be one of: {', '.join(_KEYS)}")
    return table


def fields_of(base_url: str | None, tables: dict[str, dict[str, str] | None]) -> dict[str, Any]:
    """The fields `base_url` and `apis` of a provider. Raises ValueError if it has no address at all."""
    addresses = [table["base_url"] for table in tables.values() if table and "base_url" in table]
    if base_url is None and not addresses:
        raise ValueError("has no base_url")
    apis: list[tuple[str, Api | None]] = [(name, _api(name, base_url, table)) for name, table in tables.items()]
    if base_url is None:  # it serves only what has an address
        apis += [(name, None) for name in APIS if name not in tables]
    return {"base_url": base_url or addresses[0], "apis": tuple(apis)}


def _api(name: str, base_url: str | None, table: dict[str, str] | None) -> Api | None:
    if table is None:
        return None
    if (address := table.get("base_url")) is not None:
        place = Api(address) if name in (OPENAI, RESPONSES) else known_providers.native(address, name)
    elif base_url is None:
        raise ValueError(f"has no base_url for {name}")
    else:
        place = known_providers.find(base_url, name) or known_providers.native(base_url, name)
    return Api(place.base_url, _KEYS[table["key"]]) if "key" in table else place
