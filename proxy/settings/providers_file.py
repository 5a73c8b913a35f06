"""Upstreams as people write them: the tables `[[upstreams]]` of sluice.toml, or the same as JSON in UPSTREAMS.

Read by those alone who have some. Whatever is wrong becomes one sentence with the line, where there are lines, and the
field. `docs/sluice.schema.json` says the same to editors.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from proxy.errors import ConfigError
from proxy.settings import parsers
from proxy.settings.providers import RESERVED, Provider

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_VERSION = re.compile(r"[0-9a-z-]{1,40}")
_VALUE = re.compile(r"[\t\x20-\x7e]*")
_Reader = Callable[[Any], Any]


def from_json(text: str, environ: Mapping[str, str]) -> tuple[Provider, ...]:
    """The upstreams of UPSTREAMS. Raises ConfigError."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"UPSTREAMS is no JSON: {error}.", param="UPSTREAMS") from None
    if not isinstance(found, list):
        raise ConfigError('UPSTREAMS takes a JSON list of objects: [{"name": "…", …}, …].', param="UPSTREAMS")
    return read(found, environ, "")


def read(tables: list[Any], environ: Mapping[str, str], file: str) -> tuple[Provider, ...]:
    """The upstreams of parsed tables, where `$NAME` for an address, a key or a header is the environment's.

    Raises ConfigError. `file` is the text that they come from, for the line that an error names, or empty.
    """
    found: list[Provider] = []
    for position, table in enumerate(tables):
        place = _Place(file, position)
        if not isinstance(table, dict):
            raise place.error(None, "is no table of fields")
        one = _provider(table, environ, place)
        if any(other.name == one.name for other in found):
            raise place.error("name", f"is {one.name!r}, as another upstream's")
        found.append(one)
    if not found:
        raise ConfigError("UPSTREAMS is empty. Name one upstream, or remove it.", param="UPSTREAMS")
    keyless = [position for position, one in enumerate(found) if not one.holds]
    if 0 < len(keyless) < len(found):
        raise _Place(file, keyless[0]).error(
            None,
            "has no keys while others have. Where the server holds keys, callers' own are not used, so no call would "
            "ever go there",
        )
    return tuple(found)


class _Place:
    """Where one upstream stands, in the words of whoever wrote it."""

    def __init__(self, file: str, position: int) -> None:
        self._file = file
        self._position = position

    def error(self, name: str | None, why: str) -> ConfigError:
        """A ConfigError that says where and what."""
        where = f"upstreams[{self._position}]" + (f".{name}" if name else "")
        line = f"sluice.toml, line {self._line(name)}: " if self._file else "UPSTREAMS: "
        return ConfigError(f"{line}{where} {why}.", param="UPSTREAMS")

    def _line(self, name: str | None) -> int:
        """The line of the field, or that of its table's head. TOML's reader tells no lines, so they are looked for."""
        lines = self._file.splitlines()
        heads = [i for i, line in enumerate(lines) if re.match(r"\s*\[\[\s*upstreams\s*\]\]", line)]
        if self._position >= len(heads):
            return 1
        at = heads[self._position]
        end = heads[self._position + 1] if self._position + 1 < len(heads) else len(lines)
        pattern = re.compile(rf"\s*(?:\[\s*upstreams\s*\.\s*)?[\"']?{re.escape(name or chr(0))}\b")
        return next((i for i in range(at, end) if pattern.match(lines[i])), at) + 1


def _provider(table: dict[str, Any], environ: Mapping[str, str], place: _Place) -> Provider:
    given: dict[str, Any] = {}
    for name, value in table.items():
        reader = READERS.get(name)
        if reader is None:
            raise place.error(name, f"is no field of an upstream; there are: {', '.join(READERS)}")
        try:
            given[name] = reader(_filled(value, environ) if name in ("base_url", "keys", "headers") else value)
        except ValueError as error:
            raise place.error(name, str(error)) from None
    for name in ("name", "base_url"):
        if name not in given:
            raise place.error(None, f"has no {name}")
    azure = given.get("kind") == "azure"
    if azure and "api_version" not in given:
        raise place.error("kind", 'is azure, so api_version must be there, such as "2024-10-21"')
    if not azure and "api_version" in given:
        raise place.error("api_version", 'is only there for kind = "azure"')
    return Provider(**given)


def _filled(value: Any, environ: Mapping[str, str]) -> Any:
    """`value` with each text `$NAME` replaced by that variable of the environment. Raises ValueError."""
    if isinstance(value, str) and "," in value and "$" in value:
        value = [part.strip() for part in value.split(",")]
    if isinstance(value, list):
        return [_filled(one, environ) for one in value]
    if isinstance(value, dict):
        return {name: _filled(one, environ) for name, one in value.items()}
    match = _VARIABLE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        if isinstance(value, str) and _VARIABLE.search(value):
            raise ValueError("has a $NAME inside a longer text; it must stand for the whole")
        return value
    if not (found := environ.get(match[1], "").strip()):
        raise ValueError(f"names the variable {match[1]}, which is not set")
    return found


def _name(value: Any) -> str:
    name: str = _text(_NAME, "up to 40 small letters, digits, dashes and underscores")(value)
    if name in RESERVED:
        raise ValueError(f"is {name!r}, which is kept for what the environment names")
    return name


def _text(pattern: re.Pattern[str], what: str) -> _Reader:
    def read_text(value: Any) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError(f"takes {what}")
        return value

    return read_text


def _list(value: Any) -> tuple[str, ...]:
    """A list of texts, or one text with commas."""
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) for item in items):
        raise ValueError("takes a text or a list of texts")
    return tuple(part for item in items for part in parsers.commas(item))


def _keys(value: Any) -> tuple[str, ...]:
    return parsers.keys(",".join(_list(value)))


def _url(value: Any) -> str:
    return parsers.base_url(value if isinstance(value, str) else "")


def _aliases(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict) or not all(isinstance(one, str) and one for one in (*value, *value.values())):
        raise ValueError('takes a table of names: {"what callers say" = "what the upstream says"}')
    return tuple(value.items())


def _headers(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict):
        raise ValueError("takes a table of names and values")  # noqa: TRY004 — the readers' one error
    for name, text in value.items():
        parsers.header_names(name)  # raises for what the relay sets itself
        if not isinstance(text, str) or not _VALUE.fullmatch(text):
            raise ValueError(f"takes a text of printable ASCII characters for {name}")
        if text.strip()[:1] in ('"', "'"):
            raise ValueError(f"takes a text without quotation marks around it for {name}")
    return tuple((name.lower(), text.strip()) for name, text in value.items())


def _header_names(value: Any) -> tuple[str, ...]:
    return tuple(name.lower() for name in _list(value))


def _choice(value: Any) -> str:
    return parsers.choice("openai", "azure")(value if isinstance(value, str) else "")


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 99:
        raise ValueError("takes a whole number from 0 to 99")
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
    "priority": _whole,
}
