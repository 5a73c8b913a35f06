"""The model that the console and the banner begin with."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy import startup
from proxy.endpoints.default_model import first_model, served_apis, translated_apis
from proxy.settings import config
from proxy.wire.path_table import GEMINI, MESSAGES, RESPONSES


@pytest.mark.parametrize(
    ("url", "model"),
    [
        ("https://api.openai.com/v1", "gpt-5.4-mini"),
        ("https://api.deepseek.com", "deepseek-flash"),
        ("https://dashscope.aliyuncs.com/compatible-mode/v1", "qwen-plus"),
        ("https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "qwen-plus"),
        ("https://api.moonshot.cn/v1", "kimi-k2.6"),
        ("https://api.moonshot.ai/v1", "kimi-k2.6"),
        ("https://open.bigmodel.cn/api/paas/v4", "glm-5.3-flash"),
        ("https://api.mistral.ai/v1", "mistral-small-latest"),
        ("https://api.groq.com/openai/v1", "llama-3.3-70b-versatile"),
        ("https://generativelanguage.googleapis.com/v1beta/openai", "gemini-3.5-flash-lite"),
        ("https://api.x.ai/v1", "grok-4.3"),
        ("https://openrouter.ai/api/v1", "openai/gpt-5.4-mini"),
        ("https://API.OpenAI.com:443/v1", "gpt-5.4-mini"),
        ("https://llm.example.com/v1", "YOUR-MODEL"),
    ],
)
def test_a_vendor_s_host_names_a_model_of_that_vendor(url: str, model: str) -> None:
    assert first_model(startup.load({"OPENAI_BASE_URL": url})) == model


def test_the_demo_and_the_default_have_theirs() -> None:
    assert first_model(startup.load({"DEMO": "1"})) == "demo"
    assert first_model(startup.load({})) == "gpt-5.4-mini"


def upstreams(*tables: dict[str, Any]) -> config.Config:
    named = [
        {"name": f"n{position}", "base_url": "https://api.x.ai/v1", **table} for position, table in enumerate(tables)
    ]
    return startup.load({"UPSTREAMS": json.dumps(named)})


def test_a_configured_name_is_taken_before_a_guess() -> None:
    assert first_model(upstreams({"models": ["a-*", "plain"]})) == "plain"
    assert first_model(upstreams({"models": ["plain"], "aliases": {"mine": "theirs"}})) == "mine"
    assert first_model(upstreams({}, {"models": ["second"]})) == "second"


def test_patterns_alone_leave_the_host() -> None:
    assert first_model(upstreams({"models": ["grok-*"]})) == "grok-4.3"
    default = {"name": "n9", "base_url": "https://api.deepseek.com"}
    assert first_model(upstreams({"models": ["grok-*"]}, default)) == "deepseek-flash"


def test_each_api_has_a_model_of_the_upstream_that_serves_it() -> None:
    all_keys = startup.load({f"{name}_API_KEY": "k" for name in ("OPENAI", "ANTHROPIC", "GEMINI")})
    found = [first_model(all_keys, api) for api in (RESPONSES, MESSAGES, GEMINI)]
    assert found == ["gpt-5.4-mini", "claude-haiku-5-5", "gemini-3.5-flash-lite"]
    assert first_model(startup.load({"ANTHROPIC_API_KEY": "k"})) == "claude-haiku-5-5"
    assert first_model(startup.load({"OPENAI_API_KEY": "k"}), MESSAGES) == "gpt-5.4-mini", "served by none"


@pytest.mark.parametrize(
    ("settings", "apis", "translated"),
    [
        ({"OPENAI_API_KEY": "k"}, "openai responses messages", "messages"),
        ({"OPENAI_API_KEY": "k", "TRANSLATE": "off"}, "openai responses", ""),
        ({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "https://api.deepseek.com"}, "openai responses messages", ""),
        ({"ANTHROPIC_API_KEY": "k"}, "openai responses messages", "responses"),
        ({"GEMINI_API_KEY": "k"}, "openai responses messages gemini", "responses messages"),
        ({"OPENAI_API_KEY": "k", "GEMINI_API_KEY": "k"}, "openai responses messages gemini", "messages"),
        ({}, "openai responses messages gemini", ""),
        ({"DEMO": "1"}, "openai responses messages gemini", ""),
    ],
)
def test_the_served_apis_follow_from_the_upstreams(settings: dict[str, str], apis: str, translated: str) -> None:
    loaded = startup.load(settings)
    assert served_apis(loaded) == tuple(apis.split())
    assert translated_apis(loaded) == tuple(translated.split())
