"""GET /v1/models and /v1beta/models in the form that each client reads, from upstreams of every API."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from proxy.messages import Headers
from proxy.upstream import Answer, Outgoing
from tests.support.core import KEY, Body, Listed, request, run

OPENAI = {"object": "list", "data": [{"id": "gpt-x", "object": "model", "owned_by": "openai"}]}
ANTHROPIC = {"data": [{"type": "model", "id": "claude-x", "display_name": "Claude X"}], "has_more": False}
GOOGLE = {"models": [{"name": "models/gemini-x", "displayName": "Gemini X"}]}
HELD = {"ALLOW_ANONYMOUS": "1", "OPENAI_API_KEY": "o", "ANTHROPIC_API_KEY": "a", "GEMINI_API_KEY": "g"}
VERSION = (("anthropic-version", "2023-06-01"),)


class Makers(Listed):
    """Answers each maker's host with its own list."""

    async def send(self, outgoing: Outgoing) -> Answer:
        self.sent.append(outgoing)
        lists = {"api.anthropic.com": ANTHROPIC, "generativelanguage.googleapis.com": GOOGLE}
        value = next((listed for host, listed in lists.items() if host in outgoing.target.base_url), OPENAI)
        return Answer(200, Headers((("content-type", "application/json"),)), Body(json.dumps(value).encode()))


def listed(
    settings: dict[str, str] | None = None,
    path: str = "/v1/models",
    query: str = "",
    headers: tuple[tuple[str, str], ...] = (),
) -> tuple[Any, list[Outgoing]]:
    upstream = Makers()
    asked = request(path, b"", headers=(*KEY, *headers), method="GET")
    asked.query = query
    _, (body,) = run(upstream, asked, settings=settings or {})
    return json.loads(body), upstream.sent


def test_each_api_lists_the_models_of_those_that_serve_it() -> None:
    assert [model["id"] for model in listed(HELD)[0]["data"]] == ["gpt-x"]
    models, sent = listed(HELD, headers=VERSION)
    assert models["data"] == ANTHROPIC["data"] and sent[0].target.key_header == "x-api-key"
    models, sent = listed(HELD, "/v1beta/models")
    assert models == GOOGLE and (sent[0].path, sent[0].target.key) == ("models", "g")


def test_a_caller_s_own_list_passes_untouched() -> None:
    for headers, path, value in ((VERSION, "/v1/models", ANTHROPIC), ((), "/v1beta/models", GOOGLE)):
        models, sent = listed(path=path, headers=headers)
        assert models == value and sent[0].target.key == "sk-caller"
    assert listed()[0] == OPENAI


@pytest.mark.parametrize("settings", [{}, HELD], ids=["own key", "held key"])
def test_codex_gets_both_of_the_lists_that_it_looks_for(settings: dict[str, str]) -> None:
    models, _ = listed(settings, query="client_version=0.171.0")
    assert models == {**OPENAI, "models": []}


def test_claude_code_gets_its_form_from_an_upstream_with_openai_s() -> None:
    models, sent = listed({"OPENAI_BASE_URL": "https://api.deepseek.com"}, headers=VERSION)
    assert models["data"] == [
        {"type": "model", "id": "gpt-x", "display_name": "gpt-x", "created_at": "1970-01-01T00:00:00Z"}
    ]
    assert sent[0].target.base_url == "https://api.deepseek.com"


def test_one_key_of_anthropic_s_lists_models_in_openai_s_form_too() -> None:
    models, sent = listed({"ALLOW_ANONYMOUS": "1", "ANTHROPIC_API_KEY": "a"})
    assert models["data"] == [{"id": "claude-x", "type": "model", "display_name": "Claude X"}]
    assert ("anthropic-version", "2023-06-01") in sent[0].headers and sent[0].query == "limit=1000"
    models, _ = listed({"ALLOW_ANONYMOUS": "1", "GEMINI_API_KEY": "g"})
    assert models["data"] == [{"id": "gemini-x", "object": "model", "created": 0, "owned_by": "unknown"}]


def test_names_of_the_configuration_are_listed_in_every_form() -> None:
    base = "http://127.0.0.1:9/v1"
    one = {"name": "x", "base_url": base, "keys": "k", "models": ["gpt-x", "new-x"], "aliases": {"fast": "gpt-x"}}
    settings = {"UPSTREAMS": json.dumps([one]), "ALLOW_ANONYMOUS": "1"}
    assert [model["id"] for model in listed(settings)[0]["data"]] == ["gpt-x", "fast", "new-x"]
    models, _ = listed(settings, headers=VERSION)
    assert [(model["id"], model["type"]) for model in models["data"]] == [
        ("gpt-x", "model"),
        ("fast", "model"),
        ("new-x", "model"),
    ]
    models, _ = listed(settings, "/v1beta/models")
    assert [model["name"] for model in models["models"]] == ["models/gpt-x", "models/fast", "models/new-x"]


def test_google_s_newer_sdks_get_google_s_list_below_v1_too() -> None:
    models, sent = listed(headers=(("x-goog-api-client", "google-genai-sdk/3"),))
    assert models == GOOGLE and sent[0].target.base_url == "https://generativelanguage.googleapis.com/v1beta"


def test_a_server_at_another_port_is_another_server() -> None:
    settings = {"OPENAI_BASE_URL": "http://127.0.0.1:7/v1", "ANTHROPIC_BASE_URL": "http://127.0.0.1:8"}
    _, sent = listed(settings, headers=VERSION)
    assert [outgoing.target.base_url for outgoing in sent] == ["http://127.0.0.1:8/v1"]


def test_lists_of_several_upstreams_keep_entries_that_have_the_form() -> None:
    both = [{"name": name, "messages": "https://api.anthropic.com", "keys": "k"} for name in ("a", "b")]
    models, _ = listed({"UPSTREAMS": json.dumps(both), "ALLOW_ANONYMOUS": "1"}, headers=VERSION)
    assert models["data"] == ANTHROPIC["data"]


class SlowMaker(Makers):
    """One of the makers answers after 5 seconds."""

    async def send(self, outgoing: Outgoing) -> Answer:
        if "anthropic" not in outgoing.target.base_url:
            await asyncio.sleep(5)
        return await super().send(outgoing)


def test_an_agent_does_not_wait_for_a_slow_upstream() -> None:
    both = [
        {"name": "a", "messages": "https://api.anthropic.com", "keys": "k"},
        {"name": "b", "messages": "https://slow.example", "keys": "k"},
    ]
    lines: list[str] = []
    asked = request("/v1/models", b"", headers=(*KEY, *VERSION), method="GET")
    settings = {"UPSTREAMS": json.dumps(both), "ALLOW_ANONYMOUS": "1"}
    _, (body,) = run(SlowMaker(), asked, lines, settings=settings)
    line = json.loads(lines[-1])
    assert json.loads(body)["data"] == ANTHROPIC["data"]
    assert line["duration_ms"] < 3_000 and line["models_missing"] == "b"


def test_batches_are_anthropic_s_too() -> None:
    upstream = Makers()
    run(upstream, request("/v1/messages/batches/msgbatch_1/results", b"", headers=(*KEY, *VERSION), method="GET"))
    assert upstream.sent[0].target.base_url == "https://api.anthropic.com/v1"
    assert upstream.sent[0].path == "messages/batches/msgbatch_1/results"


def test_an_entry_without_a_name_is_left_out() -> None:
    from proxy.endpoints import model_entries

    assert model_entries.name_of({"id": 3, "name": ""}) is None
    assert model_entries.in_form({"name": "models/g"}, "g", "gemini") == {"name": "models/g"}
