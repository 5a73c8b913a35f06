"""Aliases, pools, failover and signed keys for Anthropic's and Google's APIs."""

from __future__ import annotations

import json

import pytest

from proxy.access.signed_keys import Key, mint
from proxy.call import Grant
from proxy.errors import UpstreamRefused
from proxy.messages import Headers
from proxy.upstream import Answer, Outgoing
from tests.support.core import JSON_HEAD, Body, Listed, error_of, request, run

MESSAGES = "/v1/messages"
GEMINI = "/v1beta/models/fast:generateContent"
ALIASED = {
    "UPSTREAMS": json.dumps(
        [{"name": "x", "base_url": "http://127.0.0.1:9/v1", "keys": "k1,k2", "aliases": {"fast": "claude x/1"}}]
    ),
    "ALLOW_ANONYMOUS": "1",
    "ASSEMBLE": "off",
}
BODY = b'{"model":"fast","max_tokens":9,"messages":[]}'


def test_an_alias_is_in_the_body_and_back_in_the_answer() -> None:
    upstream = Listed(b'{"type":"message","model":"claude x/1","content":[]}', headers=JSON_HEAD)
    _, (body,) = run(upstream, request(MESSAGES, BODY), settings=ALIASED)
    assert json.loads(upstream.sent[0].body)["model"] == "claude x/1" and json.loads(body)["model"] == "fast"
    start = b'event: message_start\ndata: {"type":"message_start","message":{"model":"claude x/1","id":"m"}}\n\n'
    stop = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    _, pieces = run(Listed(start, stop), request(MESSAGES, BODY), settings=ALIASED)
    assert b"".join(pieces) == start.replace(b"claude x/1", b"fast") + stop


def test_an_alias_is_in_the_path_and_back_in_the_answer() -> None:
    upstream = Listed(b'{"candidates":[],"modelVersion":"claude x/1"}', headers=JSON_HEAD)
    _, (body,) = run(upstream, request(GEMINI, b'{"contents":[]}'), settings=ALIASED)
    assert upstream.sent[0].path == "models/claude%20x%2F1:generateContent"
    assert upstream.sent[0].body == b'{"contents":[]}' and json.loads(body)["modelVersion"] == "fast"


class Busy(Listed):
    """Refuses the first call."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(b"{}", headers=JSON_HEAD)
        self.refusal = status, body

    async def send(self, outgoing: Outgoing) -> Answer:
        if self.sent:
            return await super().send(outgoing)
        self.sent.append(outgoing)
        return Answer(self.refusal[0], Headers(JSON_HEAD), Body(self.refusal[1]))


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        (529, "overloaded_error", "Overloaded"),
        (402, "billing_error", "Your credit balance is too low"),
        (400, "invalid_request_error", "You have reached your specified API usage limits. You will regain access on"),
        (400, "invalid_request_error", "This request would exceed your organization's monthly spend limit."),
        (429, "rate_limit_error", "slow down"),
        (401, "authentication_error", "invalid x-api-key"),
    ],
)
def test_another_key_takes_over(status: int, kind: str, message: str) -> None:
    error = json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()
    upstream = Busy(status, error)
    reply, _ = run(upstream, request(MESSAGES, BODY), settings=ALIASED)
    keys = [outgoing.target.key for outgoing in upstream.sent]
    assert reply.status == 200 and sorted(keys) == ["k1", "k2"]


def test_a_refusal_of_the_request_itself_does_not_move_on() -> None:
    upstream = Busy(400, b'{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: required"}}')
    reply, _ = run(upstream, request(MESSAGES, BODY), settings=ALIASED)
    assert reply.status == 400 and len(upstream.sent) == 1
    assert UpstreamRefused(400, [], None, {"message": "m"}).body() == b'{"error": {"message": "m"}}'


def signed(path: str, body: bytes, grant: Grant) -> tuple[int, str | None, dict[str, object] | None]:
    secret = "s" * 40
    settings = {"SIGNING_SECRET": secret, "ANTHROPIC_API_KEY": "a", "GEMINI_API_KEY": "g", "ASSEMBLE": "off"}
    upstream = Listed(b"{}", headers=JSON_HEAD)
    key = mint(Key("bob", "d03095", 4_000_000_000, grant), [secret])
    reply, _ = run(upstream, request(path, body, headers=(("x-goog-api-key", key),)), settings=settings)
    code = error_of(reply)["code"] if reply.status >= 400 else None
    return reply.status, code, json.loads(upstream.sent[0].body) if upstream.sent else None


def test_a_signed_key_limits_models_paths_and_output() -> None:
    contents = b'{"contents":[{"parts":[{"text":"Hi"}]}]}'
    path = "/v1beta/models/gemini-2.5-flash:generateContent"
    assert signed(path, contents, Grant(models=("gemini-*",)))[0] == 200
    assert signed(path, contents, Grant(models=("claude-*",)))[:2] == (403, "model_not_allowed")
    assert signed(MESSAGES, BODY, Grant(models=("gemini-*",)))[:2] == (403, "model_not_allowed")
    assert signed(path, b'{"contents":[],"model":"other"}', Grant(models=("gemini-*",)))[1] == "model_not_allowed"
    assert signed(MESSAGES, BODY, Grant(paths=("chat",)))[:2] == (403, "path_not_allowed")
    assert signed(MESSAGES, BODY.replace(b"9", b"900"), Grant(max_output_tokens=30))[2] == {
        "model": "fast",
        "max_tokens": 30,
        "messages": [],
    }
    limited = signed(path, b'{"contents":[],"generation_config":{"topK":4}}', Grant(max_output_tokens=30))[2]
    assert limited == {"contents": [], "generation_config": {"topK": 4, "maxOutputTokens": 30}}


@pytest.mark.parametrize(
    ("limit", "thinking"),
    [
        (30, {"type": "disabled"}),
        (4_000, {"type": "enabled", "budget_tokens": 3_999}),
        (20_000, {"type": "enabled", "budget_tokens": 10_000}),
    ],
)
def test_a_limit_on_output_leaves_a_budget_for_thinking_that_fits(limit: int, thinking: dict[str, object]) -> None:
    asked = {"model": "claude-x", "max_tokens": 32_000, "messages": []}
    asked["thinking"] = {"type": "enabled", "budget_tokens": 10_000}
    sent = signed(MESSAGES, json.dumps(asked).encode(), Grant(max_output_tokens=limit))[2]
    assert sent is not None and (sent["max_tokens"], sent["thinking"]) == (limit, thinking)
    adaptive = {**asked, "thinking": {"type": "adaptive"}}
    sent = signed(MESSAGES, json.dumps(adaptive).encode(), Grant(max_output_tokens=limit))[2]
    assert sent is not None and sent["thinking"] == {"type": "adaptive"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"contents":[],"generationConfig":{"candidateCount":3}}', "cost_limit_exceeded"),
        (b'{"contents":[],"generationConfig":{},"generation_config":{}}', "bad_request"),
        (b'{"contents":[],"max_tokens":5}', "cost_limit_exceeded"),
        (b'{"contents":[],"cachedContent":"cachedContents/x"}', "reference_not_allowed"),
        (b'{"contents":[{"parts":[{"fileData":{"fileUri":"gs://bucket/x"}}]}]}', "reference_not_allowed"),
        (b'{"tools":[{"fileSearch":{"fileSearchStoreNames":["fileSearchStores/x"]}}]}', "reference_not_allowed"),
        (b'{"contents":[{"parts":[{"functionCall":{"name":"f","args":{"file_id":"file-1"}}}]}]}', None),
    ],
)
def test_what_a_limit_on_output_and_the_owner_s_account_refuse(body: bytes, code: str | None) -> None:
    path = "/v1beta/models/gemini-2.5-flash:generateContent"
    assert signed(path, body, Grant(max_output_tokens=30))[1] == code


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"responseModalities": ["TEXT"], "maxOutputTokens": 9}, None),
        ({"responseModalities": ["TEXT", "IMAGE"], "maxOutputTokens": 9}, "cost_limit_exceeded"),
        ({"responseModalities": ["AUDIO"], "maxOutputTokens": 9}, "cost_limit_exceeded"),
        ({"response_modalities": [3]}, "cost_limit_exceeded"),
        ({"speechConfig": {"voiceConfig": {}}, "maxOutputTokens": 9}, "cost_limit_exceeded"),
        ({"thinkingConfig": {"thinkingBudget": 24_576}, "maxOutputTokens": 9}, None),
    ],
)
def test_what_a_limit_on_cost_refuses(config: dict[str, object], code: str | None) -> None:
    settings = {"GEMINI_API_KEY": "g", "ALLOW_ANONYMOUS": "1", "MAX_COST_USD": "0.01", "ASSEMBLE": "off"}
    body = json.dumps({"contents": [{"parts": [{"text": "Hi"}]}], "generationConfig": config}).encode()
    path = "/v1beta/models/gemini-2.5-flash:generateContent"
    reply, _ = run(Listed(b"{}", headers=JSON_HEAD), request(path, body), settings=settings)
    assert (error_of(reply)["code"] if reply.status >= 400 else None) == code
