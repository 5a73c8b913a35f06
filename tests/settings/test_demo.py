"""DEMO=1 beside the settings of a real deployment: it starts, and says what it does not use."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from proxy import startup
from proxy.cli import container, serve
from proxy.errors import ConfigError
from tests.support.core import Listed, request, run
from tests.support.paths import ROOT

KEY = "7f3c9a51e0b24d6895aa31c4"


def template_of_workers() -> dict[str, str]:
    """The settings that the Worker's template has."""
    text = (ROOT / "cloudflare" / "wrangler.jsonc").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
    return {name: str(value) for name, value in found["vars"].items()}


def test_the_line_on_the_page_about_workers_works_with_the_template() -> None:
    """The page says: DEMO next to the template's ACCESS, and no secret."""
    settings = template_of_workers()
    assert settings["ACCESS"] == "proxy-key"
    for page in ("docs/deploy-cloudflare.md", "docs/deploy-cloudflare.zh-CN.md"):
        assert '`"DEMO": "1"`' in (ROOT / page).read_text(encoding="utf-8")
    assert startup.load({**settings, "DEMO": "1"}).access_mode == "open"
    with pytest.raises(ConfigError, match="ACCESS=proxy-key needs PROXY_KEY"):
        startup.load(settings)


@pytest.mark.parametrize("access", ["proxy-key", "pass-through"])
@pytest.mark.parametrize("keys", [{}, {"OPENAI_API_KEY": "sk-x"}, {"PROXY_KEY": KEY}, {"SIGNING_SECRET": KEY}])
def test_the_demo_starts_with_every_access(access: str, keys: dict[str, str]) -> None:
    loaded = startup.load({"DEMO": "1", "ACCESS": access, **keys})
    expected = "proxy-key" if keys.keys() & {"PROXY_KEY", "SIGNING_SECRET"} else "open"
    assert loaded.access_mode == expected
    container.check({"DEMO": "1", "ACCESS": access, **keys})


def test_serverless_yml_s_settings_start_the_demo_too() -> None:
    for name in ("serverless.yml", "serverless.event.yml"):
        names = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))["inputs"]["environment"]["variables"]
        assert set(names) == {"ACCESS", "OPENAI_API_KEY", "PROXY_KEY"}
        startup.load({"DEMO": "1", "ACCESS": "proxy-key", "OPENAI_API_KEY": "", "PROXY_KEY": ""})


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"OPENAI_API_KEY": "sk-x"}, "so OPENAI_API_KEY is not used. Unset DEMO"),
        (
            {"ANTHROPIC_API_KEY": "sk-x", "OPENAI_API_KEY": "sk-y", "OPENAI_BASE_URL": "https://api.deepseek.com"},
            "so OPENAI_API_KEY and ANTHROPIC_API_KEY are not used.",
        ),
        ({"UPSTREAMS": "[]"}, "so UPSTREAMS is not used."),
    ],
)
def test_what_the_demo_does_not_use_is_said(environ: dict[str, str], says: str) -> None:
    """In what `serve` prints, and in readyz."""
    loaded = startup.load({"DEMO": "1", **environ})
    shown = serve.banner(loaded, "127.0.0.1", 1, None)
    assert says in shown and "no key is set" not in shown and "the embedded demo (model: demo)\n" in shown
    reply, _ = run(Listed(), request("/readyz", b"", method="GET"), settings={"DEMO": "1", **environ})
    assert isinstance(reply.body, bytes) and says in json.loads(reply.body)["warnings"][0]


def test_without_other_settings_there_is_nothing_to_say() -> None:
    loaded = startup.load({"DEMO": "1"})
    assert startup.warnings(loaded) == []
    assert "the embedded demo (model: demo); no key is set\n" in serve.banner(loaded, "127.0.0.1", 1, None)
    assert startup.warnings(startup.load({"OPENAI_API_KEY": "sk-x", "PROXY_KEY": KEY})) == []


def test_the_demo_sends_no_key_upstream_and_does_not_say_so() -> None:
    shown = serve.banner(startup.load({"DEMO": "1", "PROXY_KEY": KEY}), "127.0.0.1", 1, None)
    assert "Access     callers send the proxy key\n" in shown and "upstream" not in shown
