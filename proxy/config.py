"""Every setting: its name, how its text is read, its default. `load` makes one Config of any mapping.

Environment variables win over `sluice.toml`, whose top-level keys are the same names in lower case. An empty value
counts as not set, because deploy templates pass empty parameters on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from proxy.errors import ConfigError

_ON = ("1", "true", "yes", "on")
_OFF = ("0", "false", "no", "off")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")  # an HTTP token, RFC 9110 section 5.6.2, lower case
# What can look at texts; each is a file of that name in moderators/.
MODERATORS = ("openai", "tencent", "words")
# What the relay sets or drops itself; forwarding one of these would leak a key or break the message's framing.
_NEVER_FORWARDED = frozenset(
    "authorization api-key x-api-key cookie host content-length transfer-encoding connection keep-alive te trailer "
    "upgrade proxy-authorization proxy-connection accept-encoding expect".split()
)

# What platforms add to a request: callers' addresses, and on Tencent temporary secrets of the function's role.
_PLATFORMS = ("x-scf-", "x-amz", "cf-", "x-forwarded-")


def _text(value: str) -> str:
    return value


def _switch(value: str) -> bool:
    lowered = value.lower()
    if lowered in _ON:
        return True
    if lowered in _OFF:
        return False
    raise ValueError("takes 1 or 0")


def _number(least: float, most: float) -> Callable[[str], float]:
    def read(value: str) -> float:
        try:
            found = float(value)
        except ValueError:
            found = float("nan")
        if not least <= found <= most:
            raise ValueError(f"takes a number from {least:g} to {most:g}")
        return found

    return read


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not (value.isascii() and value.isdigit() and len(value) < 16 and least <= int(value) <= most):
            raise ValueError(f"takes a whole number from {least} to {most}")
        return int(value)

    return read


def _metering(value: str) -> tuple[str, ...]:
    """Off is nothing at all; header and comment say where the figures are told besides the log."""
    words = tuple(word.lower() for word in _commas(value))
    if words and all(word in _OFF for word in words):
        return ()
    if not words or any(word not in (*_ON, "header", "comment") for word in words):
        raise ValueError("takes off, on, or a list of: header, comment")
    return ("log", *(word for word in ("header", "comment") if word in words))


def _moderation(value: str) -> tuple[str, ...]:
    words = tuple(dict.fromkeys(word.lower() for word in _commas(value)))
    if words and all(word in _OFF for word in words):
        return ()
    if not words or any(word not in MODERATORS for word in words):
        raise ValueError(f"takes off, or a list of: {', '.join(MODERATORS)}")
    return words


def _guard(value: str) -> str:
    return "off" if value.lower() in _OFF else _choice("off", "reject", "truncate")(value)


def _choice(*words: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value.lower() not in words:
            raise ValueError(f"takes one of: {', '.join(words)}")
        return value.lower()

    return read


def _commas(value: str) -> tuple[str, ...]:
    return tuple(part for part in (piece.strip() for piece in value.split(",")) if part)


def _keys(value: str) -> tuple[str, ...]:
    keys = _commas(value)
    if any(not key.isascii() or not key.isprintable() or " " in key for key in keys):
        raise ValueError("takes keys of printable ASCII characters without spaces, separated by commas")
    return keys


def _secret(value: str) -> str:
    keys = _keys(value)
    if len(keys) != 1:
        raise ValueError("takes one key")
    return keys[0]


def _region(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]{1,40}", value):
        raise ValueError("takes a region such as ap-guangzhou")
    return value


def _tencent_host(value: str) -> str:
    if not re.fullmatch(r"tms\.([a-z0-9-]{1,40}\.)*tencentcloudapi\.com", value):
        raise ValueError("takes tms.tencentcloudapi.com or a host such as tms.intl.tencentcloudapi.com")
    return value


def _proxy_keys(value: str) -> tuple[str, ...]:
    keys = _keys(value)
    if any(":" in key for key in keys):
        raise ValueError("takes keys without a colon: the last colon separates a caller's own key from it")
    return keys


def _paths(value: str) -> tuple[str, ...]:
    return tuple(path.strip("/").removeprefix("v1/") for path in _commas(value))


def _origins(value: str) -> tuple[str, ...]:
    origins = _commas(value)
    for origin in origins:
        if origin != "*" and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/\s]+", origin):
            raise ValueError("takes * or origins such as https://chat.example.com, without a path")
    return origins


def _header_names(value: str) -> tuple[str, ...]:
    names = tuple(name.lower() for name in _commas(value))
    for name in names:
        if not _NAME.fullmatch(name) or name in _NEVER_FORWARDED or name.startswith(_PLATFORMS):
            raise ValueError(f"cannot forward {name!r}")
    return names


def _base_url(value: str) -> str:
    url = value.rstrip("/")
    match = re.fullmatch(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?(/[^?#\s]*)?", url)
    if not match or not url.isascii() or not 0 < int((match[3] or ":443")[1:]) < 65_536:
        raise ValueError("takes an address such as https://api.openai.com/v1, without user, query or spaces")
    if re.search(r"/(chat/completions|completions|responses|embeddings|models)$", url):
        raise ValueError("takes the base address only, usually up to /v1, not one call's whole address")
    # OpenAI's own host answers 404 without /v1; other hosts differ (api.perplexity.ai has none), so theirs stay.
    return url + "/v1" if match[2].lower() == "api.openai.com" and not match[4] else url


@dataclass(frozen=True, slots=True)
class Setting:
    """`read` turns the text into the value or raises ValueError with the rest of a sentence."""

    name: str
    read: Callable[[str], Any]
    default: Any


SETTINGS: tuple[Setting, ...] = (
    Setting("OPENAI_API_KEY", _keys, ()),
    Setting("OPENAI_BASE_URL", _base_url, "https://api.openai.com/v1"),
    Setting("PROXY_KEY", _proxy_keys, ()),
    Setting("ACCESS", _choice("proxy-key", "pass-through"), None),
    Setting("ALLOW_ANONYMOUS", _switch, False),
    Setting("ALLOW_PATHS", _paths, ()),
    Setting("ALLOW_ORIGINS", _origins, ("*",)),
    Setting("FORWARD_HEADERS", _header_names, ()),
    Setting("MAX_BODY_MB", _number(0.001, 10_000), None),
    Setting("TIMEOUT_SECONDS", _number(1, 86_400), 600.0),
    Setting("FIRST_BYTE_SECONDS", _number(1, 86_400), None),
    Setting("KEEPALIVE_SECONDS", _number(0, 86_400), 15.0),
    Setting("KEEPALIVE_FIRST_SECONDS", _number(0, 86_400), 25.0),
    Setting("ASSEMBLE", _choice("auto", "always", "off"), "auto"),
    Setting("STREAM_GUARD", _switch, False),
    Setting("UPSTREAM_ENGINE", _choice("auto", "direct", "httpx"), "auto"),
    Setting("METERING", _metering, ()),
    Setting("PRICES_FILE", _text, None),
    Setting("CONTEXT_GUARD", _guard, "off"),
    Setting("MAX_OUTPUT_TOKENS", _whole(16, 100_000_000), None),
    Setting("MAX_COST_USD", _number(0.000001, 1_000_000), None),
    Setting("MODERATION", _moderation, ()),
    Setting("MODERATION_INPUT", _switch, False),
    Setting("MODERATION_OUTPUT", _switch, True),
    Setting("MODERATION_LEVEL", _choice("normal", "high"), "normal"),
    Setting("MODERATION_ON_ERROR", _choice("closed", "open"), "closed"),
    Setting("MODERATION_MESSAGE", _text, "This answer was withheld by the server's content filter."),
    Setting("MODERATION_WORDS", _commas, ()),
    Setting("MODERATION_WORDS_FILE", _text, None),
    Setting("MODERATION_OPENAI_KEY", _keys, ()),
    Setting("MODERATION_OPENAI_BASE_URL", _base_url, None),
    Setting("MODERATION_OPENAI_MODEL", _text, "omni-moderation-latest"),
    Setting("TMS_SECRET_ID", _secret, None),
    Setting("TMS_SECRET_KEY", _secret, None),
    Setting("TMS_REGION", _region, "ap-guangzhou"),
    Setting("TMS_HOST", _tencent_host, "tms.tencentcloudapi.com"),
    Setting("TMS_BIZ_TYPE", _text, None),
    Setting("CONSOLE", _switch, True),
    Setting("DEMO", _switch, False),
    Setting("LOG_LEVEL", _choice("debug", "info", "warning", "error", "off"), "info"),
    Setting("CONFIG_FILE", _text, None),
)
ALIASES = {"OPENAI_KEY": "OPENAI_API_KEY"}
# easychen/openai-api-proxy's TIMEOUT counts milliseconds; people bring it along in their environment.
MILLISECONDS = "TIMEOUT"
# Named in the design and not built yet. A protection that is silently off is worse than none: switching one on
# stops start-up until it is there. The value is what "off" looks like.
LATER: Mapping[str, tuple[str, ...]] = {
    "SIGNING_SECRET": (),
    "REVOKED_KEYS": (),
}


@dataclass(frozen=True, slots=True)
class Config:
    """One valid set of settings, each under its own name in lower case; times in seconds.

    `given` are the names that were set at all, by whatever way.
    """

    openai_api_key: tuple[str, ...]
    openai_base_url: str
    proxy_key: tuple[str, ...]
    access: str | None
    allow_anonymous: bool
    allow_paths: tuple[str, ...]
    allow_origins: tuple[str, ...]
    forward_headers: tuple[str, ...]
    max_body_mb: float | None
    timeout_seconds: float
    first_byte_seconds: float | None
    keepalive_seconds: float
    keepalive_first_seconds: float
    assemble: str
    stream_guard: bool
    upstream_engine: str
    metering: tuple[str, ...]
    prices_file: str | None
    context_guard: str
    max_output_tokens: int | None
    max_cost_usd: float | None
    moderation: tuple[str, ...]
    moderation_input: bool
    moderation_output: bool
    moderation_level: str
    moderation_on_error: str
    moderation_message: str
    moderation_words: tuple[str, ...]
    moderation_words_file: str | None
    moderation_openai_key: tuple[str, ...]
    moderation_openai_base_url: str | None
    moderation_openai_model: str
    tms_secret_id: str | None
    tms_secret_key: str | None
    tms_region: str
    tms_host: str
    tms_biz_type: str | None
    console: bool
    demo: bool
    log_level: str
    config_file: str | None
    given: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return f"Config(openai_base_url={self.openai_base_url!r}, …)"  # never a key


def load(environ: Mapping[str, str], file: str | None = None) -> Config:
    """Read the settings from `environ` and, below them, from the text of `sluice.toml`.

    Raises ConfigError with one sentence that names the first setting that cannot be used.
    """
    texts = {**_from_toml(file), **_present(environ)} if file else _present(environ)
    for name, off in LATER.items():
        if name in texts and texts[name].lower() not in off:
            raise ConfigError(f"{name} is not available in this version of Sluice; remove it to start.", param=name)
    if MILLISECONDS in texts:
        texts["TIMEOUT_SECONDS"] = _from_milliseconds(texts)
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        text = texts.get(setting.name)
        try:
            values[setting.name.lower()] = setting.default if text is None else setting.read(text)
        except ValueError as error:
            raise ConfigError(f"{setting.name} {error}.", param=setting.name) from None
    loaded = Config(**values, given=frozenset(texts))
    _check_access(loaded)
    _check_tokens(loaded)
    _check_moderation(loaded)
    return loaded


def load_with_file(environ: Mapping[str, str]) -> Config:
    """As `load`, with the file that CONFIG_FILE names, or else the `sluice.toml` beside handler.py if there is one."""
    from pathlib import Path

    named = environ.get("CONFIG_FILE", "").strip()
    path = Path(named) if named else Path(__file__).resolve().parent.parent / "sluice.toml"
    try:
        file = path.read_text(encoding="utf-8") if named or path.is_file() else None
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"CONFIG_FILE names {named}, which cannot be read.", param="CONFIG_FILE") from None
    return load(environ, file)


def _check_access(loaded: Config) -> None:
    """Hold the deployer's word against the keys: a template that lost one must not come up open, or dead."""
    if loaded.access == "proxy-key":
        for name, there in (("PROXY_KEY", loaded.proxy_key), ("OPENAI_API_KEY", loaded.openai_api_key or loaded.demo)):
            if not there:
                raise ConfigError(f"ACCESS is proxy-key, so {name} must be set.", param=name)
    if loaded.access == "pass-through" and loaded.openai_api_key:
        raise ConfigError(
            "ACCESS is pass-through, in which callers bring their own key, so OPENAI_API_KEY must not be set.",
            param="OPENAI_API_KEY",
        )


def _check_tokens(loaded: Config) -> None:
    """A limit that needs counting must not be there in name only."""
    wanting = [name for name in ("CONTEXT_GUARD", "MAX_COST_USD") if getattr(loaded, name.lower()) not in ("off", None)]
    if wanting:
        from proxy.tokens import installed

        if not installed():
            raise ConfigError(
                f"{wanting[0]} counts tokens, and this deployment was made without what that takes. Build the bundle "
                f"again without --no-tokens, or remove {wanting[0]}.",
                param=wanting[0],
            )
    if loaded.prices_file is not None:
        from proxy.prices import check_file

        check_file(loaded.prices_file)


def _check_moderation(loaded: Config) -> None:
    """A filter that is switched on must have all that it takes: never silently off."""
    if loaded.moderation:
        from proxy.moderators import check

        check(loaded)
        return
    for name in ("MODERATION_INPUT", "MODERATION_OUTPUT"):
        if name in loaded.given and getattr(loaded, name.lower()):
            raise ConfigError(f"{name} is on, so MODERATION must say what checks: {', '.join(MODERATORS)}.", param=name)


def names() -> frozenset[str]:
    """Every name that `load` looks for in an environment."""
    return frozenset({setting.name for setting in SETTINGS} | LATER.keys() | ALIASES.keys() | {MILLISECONDS})


def _present(environ: Mapping[str, str]) -> dict[str, str]:
    found = {name: environ[name].strip() for name in names() if environ.get(name, "").strip()}
    for alias, name in ALIASES.items():
        if alias in found:
            found.setdefault(name, found[alias])
    return found


def _from_milliseconds(texts: Mapping[str, str]) -> str:
    if "TIMEOUT_SECONDS" in texts:
        raise ConfigError("TIMEOUT and TIMEOUT_SECONDS are both set; keep TIMEOUT_SECONDS.", param=MILLISECONDS)
    try:
        milliseconds = float(texts[MILLISECONDS])
    except ValueError:
        milliseconds = 0
    if not milliseconds >= 1000:
        raise ConfigError(
            "TIMEOUT counts milliseconds and must be 1000 or more; better set TIMEOUT_SECONDS.", param=MILLISECONDS
        )
    return str(milliseconds / 1000)


def _from_toml(file: str) -> dict[str, str]:
    try:
        tomllib = import_module("tomllib")  # only people with a file pay for the parser
    except ModuleNotFoundError:  # pragma: no cover — Python 3.10 alone
        tomllib = import_module("tomli")
    try:
        table = tomllib.loads(file)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"sluice.toml cannot be read: {error}.", param="CONFIG_FILE") from None
    known = {setting.name for setting in SETTINGS} - {"CONFIG_FILE"} | LATER.keys()
    texts: dict[str, str] = {}
    for key, value in table.items():
        if key.upper() not in known:
            raise ConfigError(f"sluice.toml has an unknown setting: {key}.", param=key)
        items = value if isinstance(value, list) else [value]
        if not all(isinstance(item, (str, int, float)) for item in items):
            raise ConfigError(f"sluice.toml: {key} takes a text, a number, true, false or a list.", param=key)
        texts[key.upper()] = ",".join(str(item) for item in items)
    return {name: text for name, text in texts.items() if text}
