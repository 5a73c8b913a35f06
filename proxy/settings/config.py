"""Every setting: its name, its parser and its default. `read` turns any mapping into a Config.

Environment variables win over `sluice.toml`, whose top-level keys are the same names in lower case. An empty value
counts as not set, because deployment templates pass empty parameters on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from importlib import import_module
from typing import Any, NamedTuple, NoReturn

from proxy.errors import ConfigError
from proxy.settings import parsers, pasted_keys, single_upstreams
from proxy.settings.providers import Provider, serving
from proxy.settings.store_address import store_address


class Setting(NamedTuple):
    """`read` parses the text. Its ValueError completes the sentence that begins with the setting's name."""

    name: str
    read: Callable[[str], Any]
    default: Any


SETTINGS: tuple[Setting, ...] = (
    Setting("OPENAI_API_KEY", parsers.keys, ()),
    Setting("OPENAI_BASE_URL", parsers.base_url, "https://api.openai.com/v1"),
    Setting("ANTHROPIC_API_KEY", parsers.keys, ()),
    Setting("ANTHROPIC_BASE_URL", parsers.base_url, None),
    Setting("GEMINI_API_KEY", parsers.keys, ()),
    Setting("GEMINI_BASE_URL", parsers.base_url, None),
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
    Setting("TRANSLATE", parsers.choice("auto", "off"), "auto"),
    Setting("ASSEMBLE", parsers.choice("auto", "always", "off"), "auto"),
    Setting("STREAM_GUARD", parsers.switch, False),
    Setting("UPSTREAM_ENGINE", parsers.choice("auto", "direct", "httpx"), "auto"),
    Setting("METERING", parsers.metering, ()),
    Setting("PRICES_FILE", parsers.text, None),
    Setting("CONTEXT_GUARD", parsers.guard, "off"),
    Setting("MAX_OUTPUT_TOKENS", parsers.integer(16, 100_000_000), None),
    Setting("MAX_COST_USD", parsers.number(0.000001, 1_000_000), None),
    Setting("STORE", store_address, None),
    Setting("STORE_TOKEN", parsers.secret, None),
    Setting("STORE_TIMEOUT_MS", parsers.integer(10, 60_000), 500),
    Setting("STORE_ON_ERROR", parsers.choice("closed", "open"), "closed"),
    Setting("KEY_BUDGET_USD", parsers.number(parsers.MIN_BUDGET_USD, parsers.MAX_BUDGET_USD), None),
    Setting("KEY_BUDGET_PER", parsers.choice(*parsers.PERIODS), "month"),
    Setting("KEY_RPM", parsers.integer(1, parsers.MAX_RPM), None),
    Setting("KEY_TPM", parsers.integer(1, parsers.MAX_TPM), None),
    Setting("KEY_PARALLEL", parsers.integer(1, parsers.MAX_PARALLEL), None),
    Setting("BUDGET_RESERVE_OUTPUT_TOKENS", parsers.integer(16, 100_000_000), 4_096),
    Setting("BUDGET_WEBHOOK", parsers.webhook, None),
    Setting("ADMIN_KEY", parsers.admin_key, None),
    Setting("MODERATION", parsers.moderation, ()),
    Setting("MODERATION_INPUT", parsers.switch, False),
    Setting("MODERATION_OUTPUT", parsers.switch, True),
    Setting("MODERATION_LEVEL", parsers.choice("normal", "high"), "normal"),
    Setting("MODERATION_ON_ERROR", parsers.choice("closed", "open"), "closed"),
    Setting("MODERATION_MAX_CHARACTERS", parsers.integer(1_000, 1_000_000_000), 1_000_000),
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
# Sentences for people, which may be a quotation.
_PROSE = ("MODERATION_MESSAGE",)
ALIASES = {"OPENAI_KEY": "OPENAI_API_KEY"}
# easychen/openai-api-proxy has a TIMEOUT in milliseconds, which people keep when they move here.
MILLISECONDS = "TIMEOUT"


class Config:
    """A valid set of settings, each under its name in lower case. Times are in seconds.

    `given` has the names that were set, in the environment or in the file. `providers` are the resulting upstreams.
    What follows from the settings is worked out once, because every call asks for it.

    No data class: the code of one with so many fields takes three milliseconds of each cold start.
    """

    openai_api_key: tuple[str, ...]
    openai_base_url: str
    anthropic_api_key: tuple[str, ...]
    anthropic_base_url: str | None
    gemini_api_key: tuple[str, ...]
    gemini_base_url: str | None
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
    translate: str
    assemble: str
    stream_guard: bool
    upstream_engine: str
    metering: tuple[str, ...]
    prices_file: str | None
    context_guard: str
    max_output_tokens: int | None
    max_cost_usd: float | None
    store: str | None
    store_token: str | None
    store_timeout_ms: int
    store_on_error: str
    key_budget_usd: float | None
    key_budget_per: str
    key_rpm: int | None
    key_tpm: int | None
    key_parallel: int | None
    budget_reserve_output_tokens: int
    budget_webhook: str | None
    admin_key: str | None
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

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"Settings do not change: {name}.")

    @cached_property
    def access_mode(self) -> str:
        """Who may call: open, closed, proxy-key, own-key or own-key-and-proxy-key."""
        if any(provider.holds for provider in self.providers):
            if self.proxy_key or self.signing_secret:
                return "proxy-key"
            return "open" if self.allow_anonymous or self.demo else "closed"
        return "own-key-and-proxy-key" if self.proxy_key else "own-key"

    @cached_property
    def routes_by_model(self) -> bool:
        """Whether a call's model decides which upstream it goes to, or is renamed there."""
        return any(not provider.takes_all for provider in self.providers)

    @cached_property
    def _served(self) -> dict[str, tuple[Provider, ...]]:
        return {}

    @cached_property
    def _lacking(self) -> dict[str, bool]:
        return {}

    def serving(self, api: str) -> tuple[Provider, ...]:
        """The upstreams that serve an API."""
        if api not in self._served:
            self._served[api] = serving(self.providers, api)
        return self._served[api]

    def lacks(self, api: str) -> bool:
        """Whether no upstream that takes every model serves this API."""
        if api not in self._lacking:
            self._lacking[api] = not any(provider.takes_all for provider in self.serving(api))
        return self._lacking[api]

    @cached_property
    def secrets(self) -> tuple[str, ...]:
        """Every configured key. None of these may ever be shown."""
        upstream = [key for provider in self.providers for key in provider.keys]
        upstream += [value for provider in self.providers for _, value in provider.headers]
        moderation = (*self.moderation_openai_key, self.tms_secret_id, self.tms_secret_key)
        store = (self.store, self.store_token, self.budget_webhook, self.admin_key)
        others = (key for key in (*moderation, *store) if key)
        return (*self.proxy_key, *self.signing_secret, *upstream, *others)

    def __repr__(self) -> str:
        return f"Config(openai_base_url={self.openai_base_url!r}, …)"  # never a key


def read(environ: Mapping[str, str], file: str | None = None, name: str = "sluice.toml") -> Config:
    """Read the settings from `environ`, then from the text of a settings `file` that is called `name`.

    Raises ConfigError with one sentence that names the first invalid setting.
    """
    table: list[Any] | None = None
    texts = _present(environ)
    if file:
        file_texts, table = _from_toml(file, name)
        texts = {**file_texts, **texts}
    if MILLISECONDS in texts:
        texts["TIMEOUT_SECONDS"] = _from_milliseconds(texts)
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        text = texts.get(setting.name)
        if text is not None and setting.name not in _PROSE and pasted_keys.is_quoted(text):
            raise ConfigError(
                f"{setting.name} must not have quotation marks around its value; docker --env-file keeps them.",
                param=setting.name,
            )
        try:
            values[setting.name.lower()] = setting.default if text is None else setting.read(text)
        except ValueError as error:
            raise ConfigError(f"{setting.name} {error}.", param=setting.name) from None
    given = frozenset(texts) | ({"UPSTREAMS"} if table is not None else set())
    providers = _providers(Config(**values, given=given), values, environ, table, file=file, name=name)
    return Config(**values, given=given, providers=providers)


def read_with_file(environ: Mapping[str, str]) -> Config:
    """Like `read`, with the file that CONFIG_FILE names, or else the `sluice.toml` next to handler.py, if any."""
    from pathlib import Path

    named = environ.get("CONFIG_FILE", "").strip()
    path = Path(named) if named else Path(__file__).resolve().parents[2] / "sluice.toml"
    if not named and not path.exists():
        return read(environ)
    from proxy.settings import text_file

    return read(environ, text_file.read(path, "CONFIG_FILE", bool(named)), path.name)


def _providers(
    loaded: Config,
    values: dict[str, Any],
    environ: Mapping[str, str],
    table: list[Any] | None,
    *,
    file: str | None,
    name: str,
) -> tuple[Provider, ...]:
    """The upstreams. Those of single settings join the ones of UPSTREAMS or a file only if a setting names them."""
    if loaded.demo:
        return single_upstreams.demo(loaded.openai_base_url)
    listed: tuple[Provider, ...] = ()
    is_listed = loaded.upstreams is not None or table is not None
    if is_listed:
        from proxy.settings import providers_file

        if loaded.upstreams is not None:
            listed = providers_file.from_json(loaded.upstreams, environ)
        else:
            listed = providers_file.read(table or [], environ, file or "", name)
    providers = (*listed, *single_upstreams.read(values, loaded.given, is_listed))
    single_upstreams.check(providers)
    return providers


def names() -> frozenset[str]:
    """Every name that `read` looks for in an environment."""
    return frozenset({setting.name for setting in SETTINGS} | ALIASES.keys() | {MILLISECONDS})


def _present(environ: Mapping[str, str]) -> dict[str, str]:
    texts = {name: environ[name].strip() for name in names() if environ.get(name, "").strip()}
    for alias, name in ALIASES.items():
        if alias in texts:
            texts.setdefault(name, texts[alias])
    return texts


def _from_milliseconds(texts: Mapping[str, str]) -> str:
    if "TIMEOUT_SECONDS" in texts:
        raise ConfigError("TIMEOUT and TIMEOUT_SECONDS are both set. Keep TIMEOUT_SECONDS.", param=MILLISECONDS)
    try:
        milliseconds = float(texts[MILLISECONDS])
    except ValueError:
        milliseconds = 0
    if not milliseconds >= 1000:
        raise ConfigError(
            "TIMEOUT is in milliseconds and must be at least 1000. Better use TIMEOUT_SECONDS.", param=MILLISECONDS
        )
    return str(milliseconds / 1000)


def _from_toml(file: str, name: str) -> tuple[dict[str, str], list[Any] | None]:
    """The file's settings as texts, and its `[[upstreams]]`."""
    try:
        tomllib = import_module("tomllib")  # imported only if there is a file
    except ModuleNotFoundError:  # pragma: no cover — Python 3.10 only
        tomllib = import_module("tomli")
    try:
        table = tomllib.loads(file)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name} is not valid TOML: {error}.", param="CONFIG_FILE") from None
    upstreams = table.pop("upstreams", None)
    if not isinstance(upstreams, (list, type(None))):
        raise ConfigError(f"{name}: upstreams must be tables that begin with [[upstreams]].", param="UPSTREAMS")
    known = {setting.name for setting in SETTINGS} - {"CONFIG_FILE"}
    texts: dict[str, str] = {}
    for key, value in table.items():
        if key.upper() not in known:
            raise ConfigError(f"{name} has an unknown setting: {key}.", param=key)
        items = value if isinstance(value, list) else [value]
        if not all(isinstance(item, (str, int, float)) for item in items):
            raise ConfigError(f"{name}: {key} must be a text, a number, true, false or a list.", param=key)
        texts[key.upper()] = ",".join(str(item) for item in items)
    return {name: text for name, text in texts.items() if text}, upstreams
