"""The table of providers: every row is complete, agrees with the program's own table, and makes settings that load."""

from __future__ import annotations

import json
import re
from datetime import date
from urllib.parse import urlsplit

import pytest

from proxy import startup
from proxy.cli.providers import table
from proxy.cli.providers.entry import Entry, example_model, places, provider_of, settings_of, upstream_of
from proxy.settings import known_providers
from proxy.settings.providers import RESERVED
from proxy.wire.path_table import GEMINI, MESSAGES, OPENAI, RESPONSES
from tests.support.imports import loaded_by

ENTRIES = pytest.mark.parametrize("entry", table.ENTRIES, ids=lambda entry: entry.name)
LOCAL = table.GROUPS["local"]


def test_names_are_unique_and_can_be_those_of_upstreams() -> None:
    for values in ([entry.name for entry in table.ENTRIES], [entry.base_url for entry in table.ENTRIES]):
        assert len(set(values)) == len(values)
    assert all(re.fullmatch(r"[a-z][a-z-]{1,20}", entry.name) for entry in table.ENTRIES)
    assert not {entry.name for entry in table.ENTRIES} & set(RESERVED)


@ENTRIES
def test_every_row_is_complete(entry: Entry) -> None:
    assert entry.title and entry.title_zh and entry.key_page.startswith("https://")
    assert entry.note.endswith(".") and re.search(r"[\u4e00-\u9fff].*。$", entry.note_zh)
    assert entry.note.count("`") % 2 == entry.note_zh.count("`") % 2 == 0
    assert date(2026, 11, 1) <= date.fromisoformat(entry.read)
    assert all(
        re.fullmatch(r"\S+\.\S+/\S+|docs\.[a-z.]+|github\.com/vercel/ai .+", page) for page in entry.source.split(", ")
    )


@ENTRIES
def test_the_program_knows_every_provider_but_local_ones(entry: Entry) -> None:
    guessed = known_providers.find(entry.base_url, GEMINI) is not None  # unknown servers are taken to serve everything
    assert guessed == (entry in LOCAL or entry.name == "gemini")


@ENTRIES
def test_its_settings_load_and_hold_its_key(entry: Entry) -> None:
    config = startup.load(settings_of(entry, entry.sample_key))
    provider = config.providers[0]
    assert provider.keys == (entry.sample_key,) and provider.takes_all and config.access_mode == "closed"
    assert {entry.key_setting} <= settings_of(entry, "k").keys()
    served = places(entry)
    assert any(served[api] is not None for api in (OPENAI, RESPONSES))
    assert (served[OPENAI] is None) == entry.only_responses


@ENTRIES
def test_it_can_be_one_of_several(entry: Entry) -> None:
    other = {"name": "other", "base_url": "https://x.example/v1", "keys": "k"}
    config = startup.load({"UPSTREAMS": f"[{json.dumps(upstream_of(entry, 'key'))}, {json.dumps(other)}]"})
    provider = config.providers[0]
    assert provider.name == entry.name and provider.takes_all == (not entry.models)
    model = example_model(entry)
    assert not (entry.models and model) or provider.names(model) or entry.name == "qianfan"


@ENTRIES
def test_without_a_key_callers_bring_their_own(entry: Entry) -> None:
    assert startup.load(settings_of(entry, "")).access_mode == "own-key"


def test_an_address_of_its_user_s_own_replaces_the_table_s() -> None:
    azure, openai = table.find("azure"), table.find("OpenAI")
    assert azure and openai and azure.blank == "RESOURCE" and openai.blank == ""
    own = "https://mine.openai.azure.com/openai/v1"
    assert settings_of(azure, "k", own) == {"OPENAI_BASE_URL": own, "OPENAI_API_KEY": "k"}
    assert settings_of(openai, "k", "https://x.example/v1")["OPENAI_BASE_URL"] == "https://x.example/v1"
    bedrock = table.find(" Bedrock ")
    assert bedrock is not None
    place = places(bedrock)[MESSAGES]
    assert place is not None and place.base_url == "https://bedrock-mantle.REGION.api.aws/anthropic/v1"


def test_a_name_or_a_title_finds_a_row() -> None:
    deepseek = table.find("DeepSeek")
    assert deepseek is table.find("deepseek") is not None
    assert table.find("豆包") is None and table.find("火山方舟（豆包）") is not None


@pytest.mark.parametrize(
    ("base_url", "api", "place"),
    [
        ("https://cn-hongkong.dashscope.aliyuncs.com/compatible-mode/v1", MESSAGES, "/apps/anthropic/v1"),
        ("https://ark.cn-beijing.volces.com/api/v3", MESSAGES, "/api/compatible/v1"),
        ("https://ark.cn-beijing.volces.com/api/coding/v3", MESSAGES, "/api/coding/v1"),
        ("https://qianfan.baidubce.com/v2", MESSAGES, "/anthropic/v1"),
        ("https://tokenhub.tencentcloudmaas.com/v1", MESSAGES, "/v1"),
        ("https://api.stepfun.com/v1", MESSAGES, "/v1"),
        ("https://api.stepfun.com/step_plan/v1", MESSAGES, "/step_plan/v1"),
        ("https://api.fireworks.ai/inference/v1", MESSAGES, "/inference/v1"),
        ("https://us.api.x.ai/v1", MESSAGES, None),
        ("https://api.perplexity.ai/v1", RESPONSES, "/v1"),
        ("https://api.together.xyz/v1", RESPONSES, None),
        ("https://qianfan.baidubce.com/v2", GEMINI, None),
    ],
)
def test_where_these_providers_serve_other_apis(base_url: str, api: str, place: str | None) -> None:
    found = known_providers.find(base_url, api)
    assert (urlsplit(found.base_url).path if found else None) == place


@ENTRIES
def test_its_address_for_messages_leads_back_to_its_chat(entry: Entry) -> None:
    """ANTHROPIC_BASE_URL alone also makes a relay for chat completions."""
    place = places(entry)[MESSAGES]
    if place is None or entry.name == "bedrock":  # there, Messages has another host
        return
    chat = known_providers.chat(place.base_url)
    assert chat is None if entry in LOCAL else chat is not None and chat.base_url == entry.base_url


def test_no_call_imports_the_table() -> None:
    assert not [name for name in loaded_by("import handler, proxy.relay") if name.startswith("proxy.cli.providers")]


def test_the_first_upstream_is_the_entry_s() -> None:
    anthropic = table.find("anthropic")
    assert anthropic is not None and provider_of(anthropic).name == "anthropic"
