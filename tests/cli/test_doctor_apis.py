"""The doctor says which APIs an endpoint serves, and for which agents that is enough."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proxy.cli.doctor import apis
from proxy.cli.doctor.client import Response
from tests.conftest import Serve
from tests.support.doctor import KEY, LISTED, MODELS, PAGE, Findings, answer, answers, probe
from tests.support.upstream import Received, Script, Upstream

REFUSED = answer({"error": {"message": "model is required"}}, 400)
NOT_FOUND = {"error": {"code": 404, "message": "models/x is not found", "status": "NOT_FOUND"}}


def states(findings: Findings) -> dict[str, str]:
    """The state of each API."""
    found = dict(code.split(".") for code in findings.codes if "_api." in code)
    return {check.removesuffix("_api"): state for check, state in found.items()}


def test_an_upstream_with_every_api_serves_every_agent(serve: Serve, upstream: Upstream) -> None:
    google = answer(NOT_FOUND, 404)
    upstream.choose = answers({"GET /v1/models": MODELS, "POST /v1beta/models/x:countTokens": google}, REFUSED)
    url = serve(OPENAI_API_KEY="sk-right", PROXY_KEY=KEY).url
    findings = probe(url)
    assert states(findings) == dict.fromkeys(apis.PATHS, "served")
    texts = {finding.code: finding.text("en")[1] for finding in findings.all}
    assert texts["messages_api.served"] == f"Claude Code: ANTHROPIC_BASE_URL={url} ANTHROPIC_AUTH_TOKEN=YOUR-KEY claude"
    gemini = f": GOOGLE_GEMINI_BASE_URL={url} GEMINI_API_KEY=YOUR-KEY gemini"
    assert texts["gemini_api.served"].endswith(gemini)
    assert f'base_url="{url}/v1"' in texts["responses_api.served"] and f"{url}/v1 " in texts["chat_api.served"]


def test_nothing_is_generated_to_find_that_out(serve: Serve, upstream: Upstream) -> None:
    upstream.choose = answers({"GET /v1/models": answer({"data": []})}, REFUSED)
    probe(serve(OPENAI_API_KEY="sk-right", PROXY_KEY=KEY).url)
    sent = {call.body for call in upstream.received if call.method == "POST"}
    assert sent == {b"{}", b'{"store":false}'}, "the second for Responses, as Sluice sends every one"


def test_a_key_with_a_budget_asks_the_upstream_too(serve: Serve, upstream: Upstream, tmp_path: Path) -> None:
    missing = answer({"error": {"message": "Not Found"}}, 404)
    models = answer({"data": [{"id": "gpt-5.4-mini"}]})
    upstream.choose = answers({"GET /v1/models": models, "POST /v1/chat/completions": REFUSED}, missing)
    budget = {"STORE": f"sqlite:{tmp_path / 'budgets.db'}", "KEY_BUDGET_USD": "5"}
    findings = probe(serve(OPENAI_API_KEY="sk-right", PROXY_KEY=KEY, **budget).url)
    assert states(findings) == {"chat": "served", **dict.fromkeys(("responses", "messages", "gemini"), "none")}
    probed = [json.loads(call.body) for call in upstream.received if call.target == "/v1/messages"]
    assert probed == [{"model": "gpt-5.4-mini"}]


@pytest.mark.parametrize(
    ("status", "code", "text", "state"),
    [
        (400, "cost_limit_exceeded", "See /help#cost_limit_exceeded on this endpoint.", "unknown"),
        (429, "rate_limit_exceeded", "See /help#rate_limit_exceeded on this endpoint.", "unknown"),
        (429, "rate_limit_exceeded", "A provider's own limit.", "served"),
        (400, "bad_request", "See /help#bad_request on this endpoint.", "served"),
    ],
)
def test_a_limit_of_the_key_says_nothing_about_the_api(status: int, code: str, text: str, state: str) -> None:
    body = json.dumps({"error": {"message": text, "code": code}}).encode()
    assert apis.state_of("messages", Response(status, body=body)) == state


def test_an_api_that_no_upstream_is_configured_for_is_not_served(serve: Serve, upstream: Upstream) -> None:
    upstream.choose = answers({"GET /v1/models": MODELS}, REFUSED)
    closed = {"messages": False, "gemini": False, "responses": False}
    table = [{"name": "a", "base_url": f"http://127.0.0.1:{upstream.port}/v1", "keys": "k", **closed}]
    findings = probe(serve(UPSTREAMS=json.dumps(table), OPENAI_BASE_URL="", PROXY_KEY=KEY).url)
    # Messages and Responses are translated to chats.
    assert states(findings) == {**dict.fromkeys(("chat", "messages", "responses"), "served"), "gemini": "none"}
    assert "serves Google's Gemini API" in findings.of("gemini_api.none")["what"]


def test_an_upstream_without_a_path_does_not_serve_its_api(serve: Serve, upstream: Upstream) -> None:
    upstream.choose = answers({"GET /v1/models": MODELS, "POST /v1/chat/completions": REFUSED}, PAGE)
    findings = probe(serve(OPENAI_API_KEY="sk-right", PROXY_KEY=KEY).url)
    assert states(findings) == {"chat": "served", **dict.fromkeys(("responses", "messages", "gemini"), "none")}


def test_without_chat_completions_no_model_is_called(serve: Serve, upstream: Upstream) -> None:
    upstream.choose = answers({"GET /v1/models": MODELS}, REFUSED)
    table = [{"name": "a", "messages": f"http://127.0.0.1:{upstream.port}", "keys": "k"}]
    findings = probe(serve(UPSTREAMS=json.dumps(table), OPENAI_BASE_URL="", PROXY_KEY=KEY).url, model="claude")
    assert states(findings) == {"chat": "none", "responses": "none", "messages": "served", "gemini": "none"}
    assert findings.bad == ["models.none"] and not {"chat.ok", "chat.failed"} & set(findings.codes)


def test_a_caller_s_own_key_is_not_sent_to_other_providers(serve: Serve, upstream: Upstream) -> None:
    upstream.choose = answers({"GET /v1/models": answer({"data": []})}, REFUSED)
    findings = probe(serve().url)
    assert "apis.own_key" in findings.codes and states(findings) == {}
    assert not [call for call in upstream.received if call.method == "POST"]


def test_a_server_that_is_no_sluice_is_not_probed(upstream: Upstream) -> None:
    def choose(received: Received) -> Script:
        assert received.target not in ("/v1/messages", "/v1/responses")
        return MODELS if received.target == "/v1/models" else PAGE

    upstream.choose = choose
    assert states(probe(f"http://127.0.0.1:{upstream.port}")) == {}


@pytest.mark.parametrize(("model", "state"), [("gpt-5.4-mini", "none"), ("nobody-knows-its-price", "unknown")])
def test_a_limit_on_cost_does_not_make_an_api_look_served(
    serve: Serve, upstream: Upstream, model: str, state: str
) -> None:
    listed = answer({"data": [{"id": model}]})
    upstream.choose = answers({"GET /v1/models": listed, "POST /v1/chat/completions": REFUSED}, PAGE)
    findings = probe(serve(OPENAI_API_KEY="sk-right", PROXY_KEY=KEY, MAX_COST_USD="1").url)
    chat = "served" if state == "none" else state
    assert states(findings) == {"chat": chat, "responses": state, "messages": state, "gemini": "none"}


@pytest.mark.parametrize("status", [401, 403, 500, 502])
def test_what_says_nothing_about_the_api_is_quoted(upstream: Upstream, status: int) -> None:
    failed = answer({"error": {"message": "not today"}}, status)
    upstream.choose = answers({**LISTED, **{f"POST {path}": failed for path in apis.PATHS.values()}}, PAGE)
    findings = probe(f"http://127.0.0.1:{upstream.port}")
    assert states(findings) == dict.fromkeys(apis.PATHS, "unknown")
    assert findings.of("gemini_api.unknown")["what"] == f"HTTP {status}, not today"


@pytest.mark.parametrize(
    ("error", "state"),
    [
        ({"code": "model_not_found"}, "served"),
        ({"code": "api_not_served"}, "none"),
        ({"status": "NOT_FOUND"}, "none"),
        ({"status": "NOT_FOUND", "details": "text"}, "none"),
        ({"details": ["text", {"domain": "other", "reason": "MODEL_NOT_FOUND"}]}, "none"),
        ({"details": [{"domain": "sluice", "reason": "MODEL_NOT_FOUND"}]}, "served"),
    ],
)
def test_a_404_is_about_the_model_or_about_the_path(error: dict[str, Any], state: str) -> None:
    assert apis.state_of("messages", Response(404, body=json.dumps({"error": error}).encode())) == state
    google = "served" if error.get("status") else state
    assert apis.state_of("gemini", Response(404, body=json.dumps({"error": error}).encode())) == google
