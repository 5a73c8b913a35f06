"""Settings: every mistake stops start-up with a sentence that names it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from proxy import startup
from proxy.errors import ConfigError
from proxy.settings import config
from tests.support.documents import made
from tests.support.paths import ROOT


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPENAI_API_KEY", "two words"),
        ("ALLOW_REFERENCES", "files,everything"),
        ("OPENAI_API_KEY", "ключ"),
        ("OPENAI_BASE_URL", "api.openai.com"),
        ("OPENAI_BASE_URL", "https://user:pw@host/v1"),
        ("OPENAI_BASE_URL", "https://host/v1?x=1"),
        ("OPENAI_BASE_URL", "https://host/v1/chat/completions"),
        ("OPENAI_BASE_URL", "https://hóst/v1"),
        ("OPENAI_BASE_URL", "http://127.0.0.1:99999/v1"),
        ("PROXY_KEY", "with:colon"),
        ("ALLOW_ANONYMOUS", "maybe"),
        ("ALLOW_ORIGINS", "chat.example.com"),
        ("METERING", "sometimes"),
        ("METERING", ","),
        ("CONTEXT_GUARD", "yes"),
        ("MAX_OUTPUT_TOKENS", "1.5"),
        ("MAX_OUTPUT_TOKENS", "5"),
        ("MAX_COST_USD", "-1"),
        ("FORWARD_HEADERS", "Authorization"),
        ("FORWARD_HEADERS", "bad name"),
        ("FORWARD_HEADERS", "X-Scf-Secret-Key"),
        ("FORWARD_HEADERS", "X-Vercel-Oidc-Token"),
        ("ACCESS", "open"),
        ("MAX_BODY_MB", "-1"),
        ("TIMEOUT_SECONDS", "ten"),
        ("TIMEOUT_SECONDS", "nan"),
        ("LOG_LEVEL", "loud"),
        ("TIMEOUT", "300"),
        ("TIMEOUT", "soon"),
        ("CONFIG_FILE", "/does/not/exist.toml"),
        ("MODERATION", "maybe"),
        ("MODERATION", ","),
        ("MODERATION_INPUT", "1"),
        ("MODERATION_OUTPUT", "1"),
        ("MODERATION_LEVEL", "low"),
        ("MODERATION_ON_ERROR", "ajar"),
        ("TMS_SECRET_ID", "two words"),
        ("TMS_SECRET_ID", "two,keys"),
        ("TMS_REGION", "Guangzhou!"),
        ("TMS_HOST", "tms.example.com"),
        ("SIGNING_SECRET", "s"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_setting(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as refused:
        startup.load_with_file({name: value})
    message = refused.value.message
    assert message.startswith(name) and message.endswith(".") and "\n" not in message


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("OPENAI_API_KEY", " a , b,", ("a", "b")),
        ("OPENAI_KEY", "old", ("old",)),
        ("OPENAI_BASE_URL", "https://api.openai.com", "https://api.openai.com/v1"),
        ("OPENAI_BASE_URL", "https://api.perplexity.ai/", "https://api.perplexity.ai"),
        ("OPENAI_BASE_URL", "http://[::1]:11434/v1", "http://[::1]:11434/v1"),
        ("ALLOW_PATHS", "/v1/files/, batches", ("files", "batches")),
        ("FORWARD_HEADERS", "X-A, x-b", ("x-a", "x-b")),
        ("CONSOLE", "OFF", False),
        ("DEMO", "yes", True),
        ("LOG_LEVEL", "WARNING", "warning"),
        ("TIMEOUT", "120000", 120.0),
        ("MAX_BODY_MB", "2.5", 2.5),
        ("PROXY_KEY", "", ()),
        ("METERING", "off", ()),
        ("METERING", "on", ("log",)),
        ("METERING", "comment, HEADER", ("log", "header", "comment")),
        ("CONTEXT_GUARD", "Truncate", "truncate"),
        ("CONTEXT_GUARD", "0", "off"),
        ("MAX_OUTPUT_TOKENS", "4000", 4000),
        ("MAX_COST_USD", "0.05", 0.05),
        ("MODERATION", "off", ()),
        ("MODERATION_OUTPUT", "0", False),
        ("MODERATION_WORDS", "a b, 禁词", ("a b", "禁词")),
        ("TMS_SECRET_ID", "AKID", "AKID"),
        ("TMS_HOST", "tms.intl.tencentcloudapi.com", "tms.intl.tencentcloudapi.com"),
    ],
)
def test_values_are_read(name: str, value: str, read: object) -> None:
    loaded = startup.load({name: value})
    field = {"OPENAI_KEY": "openai_api_key", "TIMEOUT": "timeout_seconds"}.get(name, name.lower())
    assert getattr(loaded, field, None) == read


def test_openai_api_key_wins_over_openai_key() -> None:
    assert startup.load({"OPENAI_KEY": "old", "OPENAI_API_KEY": "new"}).openai_api_key == ("new",)


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"ACCESS": "proxy-key", "OPENAI_API_KEY": "k"}, "ACCESS=proxy-key needs PROXY_KEY"),
        ({"ACCESS": "proxy-key"}, "ACCESS=proxy-key needs PROXY_KEY"),
        ({"ACCESS": "proxy-key", "PROXY_KEY": "p"}, "ACCESS=proxy-key needs OPENAI_API_KEY"),
        ({"ACCESS": "pass-through", "OPENAI_API_KEY": "k", "PROXY_KEY": "p"}, "Remove OPENAI_API_KEY."),
        ({"ACCESS": "pass-through", "ANTHROPIC_API_KEY": "k"}, "Remove ANTHROPIC_API_KEY."),
        (
            {"ACCESS": "pass-through", "UPSTREAMS": '[{"name": "a", "base_url": "https://a.test", "keys": "k"}]'},
            "Remove the keys in UPSTREAMS.",
        ),
    ],
)
def test_access_that_contradicts_the_keys_stops_start_up(environ: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        startup.load(environ)


def test_access_that_matches_the_keys_is_accepted() -> None:
    assert startup.load({"ACCESS": "proxy-key", "OPENAI_API_KEY": "k", "PROXY_KEY": "p"}).access == "proxy-key"
    assert startup.load({"ACCESS": "pass-through", "PROXY_KEY": "p"}).access == "pass-through"


def test_openai_key_in_the_environment_wins_over_the_file() -> None:
    assert startup.load({"OPENAI_KEY": "env"}, 'openai_api_key = "file"').openai_api_key == ("env",)


def test_both_time_outs_at_once_are_refused() -> None:
    with pytest.raises(ConfigError, match="TIMEOUT and TIMEOUT_SECONDS"):
        startup.load({"TIMEOUT": "60000", "TIMEOUT_SECONDS": "60"})


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'openai_api_key = ["a", "b"]\ntimeout_seconds = 30\nconsole = false\nproxy_key = "file"\nlog_level = ""'
    )
    loaded = startup.load_with_file({"CONFIG_FILE": str(file), "PROXY_KEY": "environment"})
    assert loaded.openai_api_key == ("a", "b")
    assert (loaded.timeout_seconds, loaded.console, loaded.proxy_key) == (30.0, False, ("environment",))
    assert loaded.log_level == "info"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = ", "is not valid TOML"),
        ("unknown = 1", "unknown setting: unknown"),
        ("[openai_api_key]\na = 1", "openai_api_key must be"),
    ],
)
def test_a_mistake_in_the_file_is_reported(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        startup.load({}, text)


def test_a_repr_never_shows_a_key() -> None:
    assert "secret" not in repr(startup.load({"OPENAI_API_KEY": "secret"}))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("configuration.md", r"Default: (?:`([^`]*)`|(none))"),
        ("configuration.zh-CN.md", r"默认值：\s?(?:`([^`]*)`|(无))"),
    ],
)
def test_the_document_lists_every_setting_with_its_default_and_an_example(name: str, says: str) -> None:
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    found = re.findall(r"^### `([A-Z_]+)`\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    sections = dict(found)
    assert len(found) == len(sections), "a setting is described twice"
    assert set(sections) == {setting.name for setting in config.SETTINGS}
    for setting in config.SETTINGS:
        assert f"{setting.name}=" in sections[setting.name], f"no example for {setting.name}"
        shown = re.search(says, sections[setting.name])
        assert shown, setting.name
        default = None if shown[2] else setting.read(shown[1])
        assert default == setting.default or (default is None and not setting.default), setting.name
    for alias in {*config.ALIASES, config.MILLISECONDS}:
        assert f"`{alias}`" in text, alias


def test_every_example_in_the_document_is_valid() -> None:
    text = made((ROOT / "docs" / "configuration.md").read_text(encoding="utf-8"))
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    blocks = [block for block in blocks if not block.startswith("python -m proxy init")]  # has tests of its own
    assert len(blocks) >= len(config.SETTINGS)
    files = ("CONFIG_FILE", "MODERATION_WORDS_FILE")
    for block in blocks:
        lines = re.findall(r"^export ([A-Z_]+)=(?:'([^']*)'|(\S*))$", block, re.MULTILINE)
        assert lines, block
        startup.load({name: quoted or plain for name, quoted, plain in lines if name not in files})


def test_a_proxy_key_that_looks_like_a_minted_one_stops_start_up() -> None:
    with pytest.raises(ConfigError, match="PROXY_KEY must not have a key that begins with sk-sluice-"):
        startup.load({"PROXY_KEY": "sk-sluice-owner"})


def test_settings_do_not_change() -> None:
    settings = startup.load({})
    with pytest.raises(AttributeError, match="demo"):
        settings.demo = True
    assert not settings.demo
