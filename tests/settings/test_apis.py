"""Which APIs an upstream serves, where, and with which form of key: what is known, and what settings say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy import startup
from proxy.errors import ConfigError
from proxy.settings import known_providers
from proxy.settings.apis import API_KEY, AUTHORIZATION, GOOG_API_KEY, X_API_KEY, Api
from proxy.settings.providers import Provider
from proxy.wire.path_table import GEMINI, MESSAGES, OPENAI, RESPONSES


def by_name(**settings: str) -> dict[str, Provider]:
    return {provider.name: provider for provider in startup.load(settings).providers}


@pytest.mark.parametrize(
    ("base_url", "api", "place"),
    [
        ("https://api.openai.com/v1", MESSAGES, None),
        ("https://api.openai.com/v1", RESPONSES, Api("https://api.openai.com/v1")),
        ("https://api.anthropic.com", MESSAGES, Api("https://api.anthropic.com/v1", X_API_KEY)),
        ("https://api.anthropic.com", OPENAI, Api("https://api.anthropic.com/v1")),
        ("https://api.deepseek.com", MESSAGES, Api("https://api.deepseek.com/anthropic/v1", X_API_KEY)),
        ("https://api.deepseek.com/beta", MESSAGES, Api("https://api.deepseek.com/anthropic/v1", X_API_KEY)),
        ("https://api.moonshot.cn/v1", MESSAGES, Api("https://api.moonshot.cn/anthropic/v1", AUTHORIZATION)),
        ("https://api.moonshot.cn/v1", GEMINI, None),
        (
            "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1",
            MESSAGES,
            Api("https://bedrock-mantle.us-east-1.api.aws/anthropic/v1"),
        ),
        (
            "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
            RESPONSES,
            Api("https://dashscope-intl.aliyuncs.com/api/v2/apps/protocols/compatible-mode/v1"),
        ),
        (
            "https://generativelanguage.googleapis.com/v1beta/openai",
            GEMINI,
            Api("https://generativelanguage.googleapis.com/v1beta", GOOG_API_KEY),
        ),
        ("http://127.0.0.1:11434/v1", MESSAGES, Api("http://127.0.0.1:11434/v1", X_API_KEY)),
        ("http://127.0.0.1:11434", MESSAGES, Api("http://127.0.0.1:11434/v1", X_API_KEY)),
        ("http://127.0.0.1:11434/v1", GEMINI, Api("http://127.0.0.1:11434/v1beta", GOOG_API_KEY)),
        ("http://127.0.0.1:11434/api", GEMINI, Api("http://127.0.0.1:11434/api/v1beta", GOOG_API_KEY)),
        ("http://127.0.0.1:11434/api/v3", MESSAGES, Api("http://127.0.0.1:11434/api/v3", X_API_KEY)),
        ("http://127.0.0.1:11434/v1", OPENAI, Api("http://127.0.0.1:11434/v1")),
    ],
)
def test_where_a_provider_serves_an_api(base_url: str, api: str, place: Api | None) -> None:
    assert known_providers.find(base_url, api) == place


def test_an_address_for_one_api_may_lack_its_version() -> None:
    for given in ("https://api.deepseek.com/anthropic", "https://api.deepseek.com/anthropic/v1/"):
        assert known_providers.native(given, MESSAGES) == Api("https://api.deepseek.com/anthropic/v1", X_API_KEY)
    assert known_providers.native("https://openrouter.ai/api", MESSAGES).key_header == AUTHORIZATION
    assert known_providers.native("https://g.example/x", GEMINI) == Api("https://g.example/x/v1beta", GOOG_API_KEY)


def test_nothing_configured_serves_callers_of_every_api() -> None:
    providers = by_name()
    assert [*providers] == ["default", "api2d", "anthropic", "gemini"]
    assert providers["default"].api(MESSAGES) is None
    assert providers["anthropic"].api(MESSAGES) == Api("https://api.anthropic.com/v1", X_API_KEY)
    assert (providers["anthropic"].api(OPENAI), providers["anthropic"].api(GEMINI)) == (None, None)
    assert providers["gemini"].api(GEMINI) == Api("https://generativelanguage.googleapis.com/v1beta", GOOG_API_KEY)


def test_one_setting_is_enough_for_a_provider_with_several_apis() -> None:
    providers = by_name(OPENAI_BASE_URL="https://api.deepseek.com")
    assert [*providers] == ["default"] and providers["default"].api(MESSAGES) is not None


@pytest.mark.parametrize(
    ("settings", "name", "chat"),
    [
        ({"ANTHROPIC_API_KEY": "k"}, "anthropic", "https://api.anthropic.com/v1"),
        ({"GEMINI_API_KEY": "k"}, "gemini", "https://generativelanguage.googleapis.com/v1beta/openai"),
        ({"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": "https://x.example"}, "anthropic", "https://x.example/v1"),
        ({"GEMINI_API_KEY": "k", "GEMINI_BASE_URL": "https://x.example"}, "gemini", "https://x.example/v1beta/openai"),
        *(
            ({"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": messages}, "anthropic", chat)
            for messages, chat in (
                ("https://api.deepseek.com/anthropic", "https://api.deepseek.com"),
                ("https://api.moonshot.cn/anthropic/v1", "https://api.moonshot.cn/v1"),
                ("https://open.bigmodel.cn/api/anthropic", "https://open.bigmodel.cn/api/paas/v4"),
                (
                    "https://dashscope-intl.aliyuncs.com/apps/anthropic",
                    "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
                ),
                ("https://ark.cn-beijing.volces.com/api/compatible", "https://ark.cn-beijing.volces.com/api/v3"),
                ("https://ark.cn-beijing.volces.com/api/coding", "https://ark.cn-beijing.volces.com/api/coding/v3"),
                ("https://api.stepfun.com", "https://api.stepfun.com/v1"),
                ("https://api.stepfun.com/step_plan", "https://api.stepfun.com/step_plan/v1"),
                ("https://api.fireworks.ai/inference", "https://api.fireworks.ai/inference/v1"),
                ("https://r.services.ai.azure.com/anthropic", "https://r.services.ai.azure.com/anthropic/v1"),
            )
        ),
    ],
)
def test_one_key_alone_makes_a_relay_that_also_takes_chats(settings: dict[str, str], name: str, chat: str) -> None:
    providers = by_name(**settings)
    assert [*providers] == [name] and providers[name].keys == ("k",)
    assert providers[name].api(OPENAI) == Api(chat) and providers[name].api(RESPONSES) is None


def test_two_keys_leave_chats_to_neither_and_a_third_to_its_own() -> None:
    both = by_name(ANTHROPIC_API_KEY="a", GEMINI_API_KEY="g")
    assert [*both] == ["anthropic", "gemini"] and both["anthropic"].api(OPENAI) is None
    three = by_name(ANTHROPIC_API_KEY="a", OPENAI_API_KEY="o", OPENAI_BASE_URL="https://api.deepseek.com")
    assert three["default"].api(MESSAGES) is None and three["default"].api(OPENAI) is not None
    assert three["anthropic"].api(MESSAGES) == Api("https://api.anthropic.com/v1", X_API_KEY)


def test_an_address_alone_moves_an_api() -> None:
    moved = by_name(ANTHROPIC_BASE_URL="https://x.example")
    assert [*moved] == ["default", "api2d", "anthropic"]
    assert moved["anthropic"].api(MESSAGES) == Api("https://x.example/v1", X_API_KEY)
    same = by_name(
        OPENAI_API_KEY="k", OPENAI_BASE_URL="https://x.example/v1", ANTHROPIC_BASE_URL="https://x.example/anthropic"
    )
    assert [*same] == ["default"] and same["default"].api(MESSAGES) == Api("https://x.example/anthropic/v1", X_API_KEY)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"OPENAI_API_KEY": "k", "ANTHROPIC_BASE_URL": "https://x.example"}, "ANTHROPIC_BASE_URL needs ANTHROPIC_API"),
        ({"ANTHROPIC_API_KEY": "k", "UPSTREAMS": '[{"name":"anthropic","base_url":"https://x"}]'}, "configured twice"),
        ({"GEMINI_BASE_URL": "x.example"}, "GEMINI_BASE_URL"),
    ],
)
def test_contradictions_stop_start_up(settings: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        startup.load(settings)


def listed(**fields: Any) -> Provider:
    return by_name(UPSTREAMS=json.dumps([{"name": "x", **fields}]))["x"]


def test_a_file_says_where_an_api_is_and_how_it_wants_its_key() -> None:
    base = "https://x.example/v1"
    one = listed(base_url=base, messages="https://x.example/anthropic", gemini=False, responses={"key": "api-key"})
    assert one.api(MESSAGES) == Api("https://x.example/anthropic/v1", X_API_KEY) and one.api(GEMINI) is None
    assert one.api(RESPONSES) == Api(base, API_KEY)
    two = listed(messages={"base_url": "https://x.example", "key": "bearer"})
    assert two.api(MESSAGES) == Api("https://x.example/v1") and two.api(OPENAI) is None
    assert two.listing == MESSAGES
    known = listed(base_url="https://api.openai.com/v1", messages={"key": "bearer"})
    assert known.api(MESSAGES) == Api("https://api.openai.com/v1")
    assert listed(base_url=base, openai={"key": "x-api-key"}).api(OPENAI) == Api(base, X_API_KEY)
    assert listed(base_url=base, responses="https://r.example/v1").api(RESPONSES) == Api("https://r.example/v1")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"base_url": "https://x", "messages": 3}, r"upstreams\[0\].messages must be an address, a table"),
        ({"base_url": "https://x", "messages": {}}, "must be an address, a table"),
        ({"base_url": "https://x", "messages": {"url": "x"}}, "must be an address, a table"),
        ({"base_url": "https://x", "messages": {"key": "basic"}}, "must be one of: bearer, api-key"),
        ({"base_url": "https://x", "messages": {"base_url": 3}}, "messages must"),
        ({"messages": {"key": "bearer"}}, "has no base_url"),
        ({"messages": "https://x", "gemini": {"key": "bearer"}}, "has no base_url for gemini"),
        ({}, "has no base_url"),
        ({"base_url": "https://x", "translate": 1}, "translate must be true or false"),
    ],
)
def test_mistakes_in_these_fields_are_named(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        listed(**fields)


def test_an_upstream_without_a_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="has no name"):
        startup.load({"UPSTREAMS": '[{"base_url": "https://x.example"}]'})


def test_azure_s_key_has_a_header_of_its_own() -> None:
    azure = listed(base_url="https://r.openai.azure.com", kind="azure", api_version="2024-10-21")
    assert azure.api(OPENAI) == Api("https://r.openai.azure.com", API_KEY) == azure.api(RESPONSES)
    assert azure.api(MESSAGES) is None and azure.listing == OPENAI


def test_models_are_listed_by_the_maker_s_own_api() -> None:
    assert by_name(ANTHROPIC_API_KEY="k")["anthropic"].listing == MESSAGES
    assert by_name(GEMINI_API_KEY="k")["gemini"].listing == GEMINI
    assert by_name(OPENAI_BASE_URL="https://api.deepseek.com")["default"].listing == OPENAI
    assert (
        by_name(ANTHROPIC_API_KEY="k", ANTHROPIC_BASE_URL="https://x.example", OPENAI_API_KEY="o")["anthropic"].listing
        == MESSAGES
    )
