"""Reads upstreams: the tables `[[upstreams]]` of sluice.toml, or the same as JSON in UPSTREAMS.

Imported only if there are some. Every error is one sentence with the field and, for a file, the line.
`docs/sluice.schema.json` describes the same fields for editors.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from proxy.errors import ConfigError
from proxy.settings import parsers, provider_apis
from proxy.settings.provider_apis import APIS
from proxy.settings.providers import RESERVED, Provider

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_VERSION = re.compile(r"[0-9a-z-]{1,40}")
_VALUE = re.compile(r"[\t\x20-\x7e]*")
# Fields in which `$NAME` is read from the environment.
_WITH_VARIABLES = ("base_url", "keys", "headers", *APIS)
_Reader = Callable[[Any], Any]


def from_json(text: str, environ: Mapping[str, str]) -> tuple[Provider, ...]:
    """The upstreams of UPSTREAMS. Raises ConfigError."""
    try:
        tables = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"UPSTREAMS is not valid JSON: {error}.", param="UPSTREAMS") from None
    if not isinstance(tables, list):
        raise ConfigError('UPSTREAMS must be a JSON list of objects: [{"name": "…", …}, …].', param="UPSTREAMS")
    return read(tables, environ, "")


def read(tables: list[Any], environ: Mapping[str, str], file: str, name: str = "sluice.toml") -> tuple[Provider, ...]:
    """The upstreams in parsed tables. A `$NAME` as an address, a key or a header is read from the environment.

    Raises ConfigError. `file` is the text that the tables come from, or empty; errors name the file and the line in it.
    """
    providers: list[Provider] = []
    for position, table in enumerate(tables):
        place = _Place(file, position, name)
        if not isinstance(table, dict):
            raise place.error(None, "must be a table of fields")
        provider = _provider(table, environ, place)
        if any(other.name == provider.name for other in providers):
            raise place.error("name", f"is {provider.name!r}, which another upstream already has")
        providers.append(provider)
    if not providers:
        raise ConfigError("UPSTREAMS is empty. Add an upstream, or remove the setting.", param="UPSTREAMS")
    keyless = [position for position, provider in enumerate(providers) if not provider.holds]
    if 0 < len(keyless) < len(providers):
        raise _Place(file, keyless[0], name).error(
            None,
            "has no keys, but other upstreams do. A server with keys ignores callers' own, so nothing would call it",
        )
    return tuple(providers)


class _Place:
    """The position of one upstream in the file or the list, for error messages."""

    def __init__(self, file: str, position: int, file_name: str) -> None:
        self._file = file
        self._file_name = file_name
        self._position = position

    def error(self, name: str | None, why: str) -> ConfigError:
        """A ConfigError that names the position and the field."""
        where = f"upstreams[{self._position}]" + (f".{name}" if name else "")
        line = f"{self._file_name}, line {self._line(name)}: " if self._file else "UPSTREAMS: "
        return ConfigError(f"{line}{where} {why}.", param="UPSTREAMS")

    def _line(self, name: str | None) -> int:
        """The line of the field, or of its table's header. The TOML parser reports no lines, so search for it."""
        lines = self._file.splitlines()
        headers = [i for i, line in enumerate(lines) if re.match(r"\s*\[\[\s*upstreams\s*\]\]", line)]
        if self._position >= len(headers):
            return 1
        start = headers[self._position]
        end = headers[self._position + 1] if self._position + 1 < len(headers) else len(lines)
        pattern = re.compile(rf"\s*(?:\[\s*upstreams\s*\.\s*)?[\"']?{re.escape(name or chr(0))}\b")
        return next((i for i in range(start, end) if pattern.match(lines[i])), start) + 1


def _provider(table: dict[str, Any], environ: Mapping[str, str], place: _Place) -> Provider:
    fields: dict[str, Any] = {}
    for name, value in table.items():
        reader = READERS.get(name)
        if reader is None:
            raise place.error(name, f"is not a field of an upstream; valid fields are: {', '.join(READERS)}")
        try:
            fields[name] = reader(_substituted(value, environ) if name in _WITH_VARIABLES else value)
        except ValueError as error:
            raise place.error(name, str(error)) from None
    if "name" not in fields:
        raise place.error(None, "has no name")
    apis = {name: fields.pop(name) for name in APIS if name in fields}
    try:
        fields |= provider_apis.fields_of(fields.get("base_url"), apis)
    except ValueError as error:
        raise place.error(None, str(error)) from None
    azure = fields.get("kind") == "azure"
    if azure and "api_version" not in fields:
        raise place.error("kind", 'is azure, which needs api_version, such as "2024-10-21"')
    if not azure and "api_version" in fields:
        raise place.error("api_version", 'is only valid with kind = "azure"')
    return Provider(**fields)


def _substituted(value: Any, environ: Mapping[str, str]) -> Any:
    """`value` with each `$NAME` replaced by that environment variable. Raises ValueError."""
    if isinstance(value, str) and "," in value and "$" in value:
        value = [part.strip() for part in value.split(",")]
    if isinstance(value, list):
        return [_substituted(item, environ) for item in value]
    if isinstance(value, dict):
        return {name: _substituted(item, environ) for name, item in value.items()}
    match = _VARIABLE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        if isinstance(value, str) and _VARIABLE.search(value):
            raise ValueError("has $NAME inside a longer text; $NAME must be the whole text")
        return value
    if not (variable := environ.get(match[1], "").strip()):
        raise ValueError(f"refers to the variable {match[1]}, which is not set")
    return variable


def _name(value: Any) -> str:
    name: str = _text(_NAME, "1 to 40 lower-case letters, digits, dashes or underscores")(value)
    if name in RESERVED:
        raise ValueError(f"is {name!r}, which is a reserved name")
    return name


def _text(pattern: re.Pattern[str], description: str) -> _Reader:
    def read_text(value: Any) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError(f"must be {description}")
        return value

    return read_text


def _list(value: Any) -> tuple[str, ...]:
    """A list of texts, or one text with commas."""
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) for item in items):
        raise ValueError("must be a text or a list of texts")
    return tuple(part for item in items for part in parsers.commas(item))


def _keys(value: Any) -> tuple[str, ...]:
    return parsers.keys(",".join(_list(value)))


def _url(value: Any) -> str:
    return parsers.base_url(value if isinstance(value, str) else "")


def _aliases(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict) or not all(isinstance(name, str) and name for name in (*value, *value.values())):
        raise ValueError('must be a table of names: {"name that callers use" = "name that the upstream uses"}')
    return tuple(value.items())


def _headers(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict):
        raise ValueError("must be a table of names and values")  # noqa: TRY004 — all readers raise ValueError
    for name, text in value.items():
        parsers.header_names(name)  # raises for headers that the relay sets itself
        if not isinstance(text, str) or not _VALUE.fullmatch(text):
            raise ValueError(f"must have a text of printable ASCII characters for {name}")
        if text.strip()[:1] in ('"', "'"):
            raise ValueError(f"must have a text without quotation marks around it for {name}")
    return tuple((name.lower(), text.strip()) for name, text in value.items())


def _header_names(value: Any) -> tuple[str, ...]:
    return tuple(name.lower() for name in _list(value))


def _choice(value: Any) -> str:
    return parsers.choice("openai", "azure")(value if isinstance(value, str) else "")


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004 — all readers raise ValueError
    return value


def _priority(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 99:
        raise ValueError("must be a whole number between 0 and 99")
    return value


READERS: Mapping[str, _Reader] = {
    "name": _name,
    "base_url": _url,
    "keys": _keys,
    "models": _list,
    "aliases": _aliases,
    "headers": _headers,
    "harmless_headers": _header_names,
    "key_prefixes": _list,
    "kind": _choice,
    "api_version": _text(_VERSION, 'a version such as "2024-10-21"'),
    "priority": _priority,
    "translate": _switch,
    **dict.fromkeys(APIS, provider_apis.read),
}
