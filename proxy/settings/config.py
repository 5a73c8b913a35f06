"""Every setting: its name, how its text is read, its default. `load` makes one Config of any mapping.

Environment variables win over `sluice.toml`, whose top-level keys are the same names in lower case. An empty value
counts as not set, because deploy templates pass empty parameters on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from proxy.errors import ConfigError
from proxy.settings import parsers, providers
from proxy.settings.providers import Provider


@dataclass(frozen=True, slots=True)
class Setting:
    """`read` turns the text into the value or raises ValueError with the rest of a sentence."""

    name: str
    read: Callable[[str], Any]
    default: Any


SETTINGS: tuple[Setting, ...] = (
    Setting("OPENAI_API_KEY", parsers.keys, ()),
    Setting("OPENAI_BASE_URL", parsers.base_url, "https://api.openai.com/v1"),
    Setting("UPSTREAMS", parsers.text, None),
    Setting("PROXY_KEY", parsers.proxy_keys, ()),
    Setting("SIGNING_SECRET", parsers.secrets, ()),
    Setting("REVOKED_KEYS", parsers.keys, ()),
    Setting("ACCESS", parsers.choice("proxy-key", "pass-through"), None),
    Setting("ALLOW_ANONYMOUS", parsers.switch, False),
    Setting("ALLOW_PATHS", parsers.paths, ()),
    Setting("ALLOW_REFERENCES", parsers.references, ()),
    Setting("ALLOW_ORIGINS", parsers.origins, ("*",)),
    Setting("FORWARD_HEADERS", parsers.header_names, ()),
    Setting("MAX_BODY_MB", parsers.number(0.001, 10_000), None),
    Setting("TIMEOUT_SECONDS", parsers.number(1, 86_400), 600.0),
    Setting("FIRST_BYTE_SECONDS", parsers.number(1, 86_400), None),
    Setting("KEEPALIVE_SECONDS", parsers.number(0, 86_400), 15.0),
    Setting("KEEPALIVE_FIRST_SECONDS", parsers.number(0, 86_400), 25.0),
    Setting("ASSEMBLE", parsers.choice("auto", "always", "off"), "auto"),
    Setting("STREAM_GUARD", parsers.switch, False),
    Setting("UPSTREAM_ENGINE", parsers.choice("auto", "direct", "httpx"), "auto"),
    Setting("METERING", parsers.metering, ()),
    Setting("PRICES_FILE", parsers.text, None),
    Setting("CONTEXT_GUARD", parsers.guard, "off"),
    Setting("MAX_OUTPUT_TOKENS", parsers.whole(16, 100_000_000), None),
    Setting("MAX_COST_USD", parsers.number(0.000001, 1_000_000), None),
    Setting("MODERATION", parsers.moderation, ()),
    Setting("MODERATION_INPUT", parsers.switch, False),
    Setting("MODERATION_OUTPUT", parsers.switch, True),
    Setting("MODERATION_LEVEL", parsers.choice("normal", "high"), "normal"),
    Setting("MODERATION_ON_ERROR", parsers.choice("closed", "open"), "closed"),
    Setting("MODERATION_MAX_CHARACTERS", parsers.whole(1_000, 1_000_000_000), 1_000_000),
    Setting("MODERATION_MESSAGE", parsers.text, "This answer was withheld by the server's content filter."),
    Setting("MODERATION_WORDS", parsers.commas, ()),
    Setting("MODERATION_WORDS_FILE", parsers.text, None),
    Setting("MODERATION_OPENAI_KEY", parsers.keys, ()),
    Setting("MODERATION_OPENAI_BASE_URL", parsers.base_url, None),
    Setting("MODERATION_OPENAI_MODEL", parsers.text, "omni-moderation-latest"),
    Setting("TMS_SECRET_ID", parsers.secret, None),
    Setting("TMS_SECRET_KEY", parsers.secret, None),
    Setting("TMS_REGION", parsers.region, "ap-guangzhou"),
    Setting("TMS_HOST", parsers.tencent_host, "tms.tencentcloudapi.com"),
    Setting("TMS_BIZ_TYPE", parsers.text, None),
    Setting("CONSOLE", parsers.switch, True),
    Setting("DEMO", parsers.switch, False),
    Setting("LOG_LEVEL", parsers.choice("debug", "info", "warning", "error", "off"), "info"),
    Setting("CONFIG_FILE", parsers.text, None),
)
ALIASES = {"OPENAI_KEY": "OPENAI_API_KEY"}
# easychen/openai-api-proxy's TIMEOUT counts milliseconds; people bring it along in their environment.
MILLISECONDS = "TIMEOUT"


@dataclass(frozen=True, slots=True)
class Config:
    """One valid set of settings, each under its own name in lower case; times in seconds.

    `given` are the names that were set at all, by whatever way. `providers` are the upstreams that all of them make.
    """

    openai_api_key: tuple[str, ...]
    openai_base_url: str
    upstreams: str | None
    proxy_key: tuple[str, ...]
    signing_secret: tuple[str, ...]
    revoked_keys: tuple[str, ...]
    access: str | None
    allow_anonymous: bool
    allow_paths: tuple[str, ...]
    allow_references: tuple[str, ...]
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
    moderation_max_characters: int
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
    providers: tuple[Provider, ...] = ()

    @property
    def routes_by_model(self) -> bool:
        """Whether a call's model decides where it goes, or what it is called there."""
        return any(not one.takes_all for one in self.providers)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every key that is configured here, none of which may ever be shown."""
        held = [key for one in self.providers for key in one.keys]
        held += [value for one in self.providers for _, value in one.headers]
        others = (*self.moderation_openai_key, self.tms_secret_id, self.tms_secret_key)
        return (*self.proxy_key, *self.signing_secret, *held, *(key for key in others if key))

    def __repr__(self) -> str:
        return f"Config(openai_base_url={self.openai_base_url!r}, …)"  # never a key


def read(environ: Mapping[str, str], file: str | None = None, name: str = "sluice.toml") -> Config:
    """Read the settings from `environ` and, below them, from the text of `sluice.toml`, or of a file of another `name`.

    Raises ConfigError with one sentence that names the first setting that cannot be used.
    """
    table: list[Any] | None = None
    texts = _present(environ)
    if file:
        below, table = _from_toml(file, name)
        texts = {**below, **texts}
    if MILLISECONDS in texts:
        texts["TIMEOUT_SECONDS"] = _from_milliseconds(texts)
    settled: dict[str, Any] = {}
    for setting in SETTINGS:
        text = texts.get(setting.name)
        try:
            settled[setting.name.lower()] = setting.default if text is None else setting.read(text)
        except ValueError as error:
            raise ConfigError(f"{setting.name} {error}.", param=setting.name) from None
    loaded = Config(**settled, given=frozenset(texts) | ({"UPSTREAMS"} if table is not None else set()))
    return replace(loaded, providers=_providers(loaded, environ, table, file))


def read_with_file(environ: Mapping[str, str]) -> Config:
    """As `read`, with the file that CONFIG_FILE names, or else the `sluice.toml` beside handler.py if there is one."""
    from pathlib import Path

    named = environ.get("CONFIG_FILE", "").strip()
    path = Path(named) if named else Path(__file__).resolve().parents[2] / "sluice.toml"
    if not named and not path.exists():
        return read(environ)
    from proxy.settings import text_file

    return read(environ, text_file.read(path, "CONFIG_FILE", bool(named)), path.name)


def _providers(
    loaded: Config, environ: Mapping[str, str], table: list[Any] | None, file: str | None
) -> tuple[Provider, ...]:
    """The upstreams that calls go to; the default one among several only if it was named itself."""
    if loaded.demo:
        return (Provider("demo", loaded.openai_base_url, ("demo",)),)
    by_default = providers.without_file(
        loaded.openai_base_url, loaded.openai_api_key, "OPENAI_BASE_URL" in loaded.given
    )
    if loaded.upstreams is None and table is None:
        return by_default
    from proxy.settings import providers_file

    if loaded.upstreams is not None:
        found = providers_file.from_json(loaded.upstreams, environ)
    else:
        found = providers_file.read(table or [], environ, file or "")
    named = {"OPENAI_API_KEY", "OPENAI_BASE_URL"} & loaded.given
    return (*found, *by_default) if named else found


def names() -> frozenset[str]:
    """Every name that `load` looks for in an environment."""
    return frozenset({setting.name for setting in SETTINGS} | ALIASES.keys() | {MILLISECONDS})


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


def _from_toml(file: str, name: str) -> tuple[dict[str, str], list[Any] | None]:
    """The file's settings as texts, and its `[[upstreams]]`."""
    try:
        tomllib = import_module("tomllib")  # only people with a file pay for the parser
    except ModuleNotFoundError:  # pragma: no cover — Python 3.10 alone
        tomllib = import_module("tomli")
    try:
        table = tomllib.loads(file)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name} cannot be read: {error}.", param="CONFIG_FILE") from None
    upstreams = table.pop("upstreams", None)
    if not isinstance(upstreams, (list, type(None))):
        raise ConfigError(f"{name}: upstreams takes tables that begin with [[upstreams]].", param="UPSTREAMS")
    known = {setting.name for setting in SETTINGS} - {"CONFIG_FILE"}
    texts: dict[str, str] = {}
    for key, value in table.items():
        if key.upper() not in known:
            raise ConfigError(f"{name} has an unknown setting: {key}.", param=key)
        items = value if isinstance(value, list) else [value]
        if not all(isinstance(item, (str, int, float)) for item in items):
            raise ConfigError(f"{name}: {key} takes a text, a number, true, false or a list.", param=key)
        texts[key.upper()] = ",".join(str(item) for item in items)
    return {name: text for name, text in texts.items() if text}, upstreams
