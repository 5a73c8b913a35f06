"""Keys as people paste them: samples, quotation marks, Bearer, white space."""

from __future__ import annotations

import json
import re
import secrets

import pytest

from proxy import startup
from proxy.cli import serve
from proxy.errors import ConfigError
from proxy.relay import relay
from proxy.settings import config, pasted_keys
from tests.support import fake_clock
from tests.support.core import Listed, host, request, run
from tests.support.paths import ROOT

KEY_SETTINGS = ("OPENAI_API_KEY", "OPENAI_KEY", "PROXY_KEY", "MODERATION_OPENAI_KEY", "TMS_SECRET_ID", "TMS_SECRET_KEY")
GOOD = "3f9c1b7a52d84e60"


@pytest.mark.parametrize("name", [*KEY_SETTINGS, "SIGNING_SECRET", "REVOKED_KEYS"])
@pytest.mark.parametrize(
    ("key", "says"),
    [
        (f'"{GOOD * 2}"', "quotation marks"),
        (f"'{GOOD * 2}'", "quotation marks"),
        (f'"{GOOD * 2}', "quotation marks"),
        (f"“{GOOD * 2}”", "quotation marks"),
        (f"Bearer {GOOD * 2}", "not have Bearer"),
        (f"bearer\t{GOOD * 2}", "not have Bearer"),
        (f"Authorization: Bearer {GOOD * 2}", "not have Bearer"),
        ("$(openssl rand -hex 16)", "not contain a command"),
    ],
)
def test_text_around_a_key_stops_start_up(name: str, key: str, says: str) -> None:
    shown = {"OPENAI_KEY": "OPENAI_API_KEY"}.get(name, name)
    with pytest.raises(ConfigError, match=rf"^{shown} must .*{says}.*\.$") as refused:
        startup.load({name: key})
    assert GOOD not in refused.value.message


@pytest.mark.parametrize("key", [f'"{GOOD}"', f"Bearer {GOOD}", f"{GOOD},'{GOOD}'"])
def test_text_around_a_key_in_upstreams_stops_start_up(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = {"name": "a", "base_url": "https://a.test/v1"}
    for value, environ in ((key, {}), ("$A_KEY", {"A_KEY": key})):
        with pytest.raises(ConfigError, match=r"upstreams\[0\]\.keys must not have"):
            startup.load({"UPSTREAMS": json.dumps([{**provider, "keys": value}]), **environ})
    with pytest.raises(ConfigError, match=r"upstreams\[0\]\.headers must have .*quotation marks"):
        startup.load({"UPSTREAMS": json.dumps([{**provider, "headers": {"x-key": f'"{GOOD}"'}}])})
    (loaded,) = startup.load({"UPSTREAMS": json.dumps([{**provider, "headers": {"x-key": f" {GOOD}\t"}}])}).providers
    assert loaded.headers == (("x-key", GOOD),)


@pytest.mark.parametrize("name", sorted({setting.name for setting in config.SETTINGS} - {"MODERATION_MESSAGE"}))
@pytest.mark.parametrize("quote", ['"', "'"])
def test_no_setting_has_quotation_marks_around_its_value(name: str, quote: str) -> None:
    """`docker --env-file` keeps them. Words would then never match, and a model would have no such name."""
    with pytest.raises(ConfigError, match=rf"^{name} must not have quotation marks around its value") as refused:
        config.read({name: f"{quote}value,of it{quote}"})
    assert "of it" not in refused.value.message


def test_a_sentence_may_be_a_quotation_and_json_has_its_own_marks() -> None:
    assert config.read({"MODERATION_MESSAGE": '"No."'}).moderation_message == '"No."'
    upstreams = json.dumps([{"name": "a", "base_url": "https://a.test/v1"}])
    assert config.read({"UPSTREAMS": upstreams}).upstreams == upstreams


@pytest.mark.parametrize(
    "name", ["OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "GEMINI_BASE_URL", "MODERATION_OPENAI_BASE_URL"]
)
@pytest.mark.parametrize("addresses", ["https://a.test/v1,https://b.test/v1", "https://a.test/v1,"])
def test_two_addresses_in_one_setting_lead_to_upstreams(name: str, addresses: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{name} must be one address. Put several upstreams into UPSTREAMS"):
        config.read({name: addresses})


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "PROXY_KEY"])
def test_white_space_around_a_key_is_stripped(name: str) -> None:
    loaded = startup.load({name: f" \u00a0{GOOD}\r\n, {GOOD}x\t"})
    assert getattr(loaded, name.lower()) == (GOOD, f"{GOOD}x")


@pytest.mark.parametrize(
    "key",
    [
        "a-long-random-text",
        "another-long-random-text",
        "changeme",
        "CHANGE_ME",
        "your-proxy-key",
        "<your-key>",
        "put-your-secret-here-123",
        "the-proxy-key-that-you-made",
        "password",
        "example",
        "sk-xxxxxxxxxxxxxxxxxxxxxxxx",
        "xxxx",
        "1234567890123456",
        "000000",
        "f0b1c9d27a4e4f6f8f1f",
    ],
)
def test_a_sample_is_refused_as_a_proxy_key(key: str) -> None:
    with pytest.raises(ConfigError, match=r"^PROXY_KEY is a sample key .*openssl rand -hex 16\.$"):
        startup.load({"PROXY_KEY": f"{GOOD},{key}"})


@pytest.mark.parametrize("secret", ["a-long-random-text-for-signing", "5f1c0d8be0c94c51b64e0d2f7a9e3c11", "x" * 24])
def test_a_sample_is_refused_as_a_signing_secret(secret: str) -> None:
    with pytest.raises(ConfigError, match=r"^SIGNING_SECRET is a sample"):
        startup.load({"SIGNING_SECRET": secret, "OPENAI_API_KEY": "k"})


def test_what_is_made_as_the_documents_say_is_no_sample() -> None:
    for _ in range(2_000):
        for made in (secrets.token_hex(16), secrets.token_hex(8), secrets.token_urlsafe(18)):
            assert not pasted_keys.is_sample(made)
    assert (
        pasted_keys.is_sample("x" * 500)
        and not pasted_keys.is_sample("key" * 500 + "x9")
        and not pasted_keys.is_sample("20261126")
    )
    for key in ("correct-horse-battery-staple", "team-blue-2026", "a-key-for-callers", "test", "proxy-key", "sk-test"):
        assert startup.load({"PROXY_KEY": key}).proxy_key == (key,)


def test_a_short_key_is_warned_about() -> None:
    """The warning is in the log once, in readyz, and in what `serve` prints, without the key itself."""
    sentence = "PROXY_KEY has a key of fewer than 16 characters"
    settings = {"PROXY_KEY": f"{GOOD},x"}
    lines: list[str] = []
    reply, _ = run(Listed(), request("/readyz", b"", method="GET"), lines, settings=settings)
    assert isinstance(reply.body, bytes)
    assert any(text.startswith(sentence) for text in json.loads(reply.body)["warnings"])
    warned = json.loads(lines[0])
    assert (warned["level"], warned["event"]) == ("warning", "configuration") and sentence in warned["message"]
    assert f"Warning    {sentence}" in serve.banner(startup.load(settings), "127.0.0.1", 1, None)
    assert "zq7" not in lines[0] + str(reply.body)
    assert "Warning" not in serve.banner(startup.load({"PROXY_KEY": GOOD}), "127.0.0.1", 1, None)

    async def twice() -> None:
        again: list[str] = []
        surroundings, loaded = host(again), startup.load(settings)
        for _ in range(2):
            await relay(request("/readyz", b"", method="GET"), loaded, Listed(), surroundings)
        assert sum(sentence in line for line in again) == 1

    fake_clock.run(twice())


def test_no_document_shows_a_key_that_would_be_taken() -> None:
    """Whoever pastes a line must not have a key that everybody can read."""
    shown = set()
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")):
        text = path.read_text(encoding="utf-8").replace("=PROXY_KEY:latest", "=")  # a name in Google's Secret Manager
        shown |= set(re.findall(r"(?:PROXY_KEY=|Parameter ProxyKey: )([A-Za-z0-9_-]{4,})", text))
        shown |= set(re.findall(r"(?:SIGNING_SECRET=|Parameter SigningSecret: )([A-Za-z0-9_-]{4,})", text))
    assert len(shown) >= 3
    for key in shown:
        with pytest.raises(ConfigError, match="is a sample"):
            startup.load({"PROXY_KEY": key})
