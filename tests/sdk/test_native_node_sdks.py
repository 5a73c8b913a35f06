"""The official SDKs of Anthropic and Google under Node: endings, errors, and the calls beside the main ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.adapters.scf_web import ScfWebApp
from tests.conftest import Serve
from tests.support import native
from tests.support.node_clients import running, said
from tests.support.talk import QUICK
from tests.support.upstream import END, SSE_HEAD, Cut, Upstream, Wait, chunk, stream, whole

pytestmark = pytest.mark.any_python("the clients run in Node; tests/contract covers what serves them")
WORDS = ("水", "闸")
PARTS = [{"delta": word} for word in WORDS]
# Each client with the form of its streams, and how it names the reasons for an answer's end.
CLIENTS = {"anthropic": native.messages, "google": native.gemini}
ENDED = {"anthropic": "end_turn", "google": "STOP"}
CUT_OFF = {"anthropic": "max_tokens", "google": "MAX_TOKENS"}
each_client = pytest.mark.parametrize("client", CLIENTS)


def error_body(client: str, status: int) -> dict[str, Any]:
    if client == "anthropic":
        kind = "rate_limit_error" if status == 429 else "overloaded_error"
        return {"type": "error", "error": {"type": kind, "message": "no"}, "request_id": "req_9"}
    return {"error": {"code": status, "message": "no", "status": "RESOURCE_EXHAUSTED"}}


@each_client
def test_pings_are_ignored(program: str, serve: Serve, upstream: Upstream, client: str) -> None:
    """The Python SDKs' tests look at the pings on the wire."""
    upstream.play(native.slowly(CLIENTS[client](*WORDS)))
    base = serve(**native.settings(upstream, **QUICK)).url
    assert said(program, client, "stream", base) == [*PARTS, {"text": "水闸", "reason": ENDED[client]}]


@pytest.mark.parametrize("end", [Cut(), Cut(reset=True), END], ids=["closed", "reset", "ended"])
@each_client
def test_an_answer_that_breaks_off_throws(
    program: str, serve: Serve, upstream: Upstream, client: str, end: Any
) -> None:
    upstream.play(stream(*CLIENTS[client](*WORDS, end=False), end=(Wait(), end)))
    with running(program, client, "stream", serve(**native.settings(upstream)).url) as script:
        assert [script.line() for _ in WORDS] == PARTS
        upstream.proceed()
        (thrown,) = script.lines()
    assert "closed the connection before its answer was complete" in thrown["error"]
    assert thrown["name"] == {"anthropic": "APIError", "google": "ApiError"}[client]


@pytest.mark.parametrize("action", ["text", "stream"])
@each_client
def test_the_deadline_ends_an_answer_as_max_tokens(
    program: str, serve: Serve, upstream: Upstream, client: str, action: str
) -> None:
    upstream.play((SSE_HEAD, *map(chunk, CLIENTS[client](*WORDS, end=False)), Wait()))
    base = serve(ScfWebApp, **native.settings(upstream)).url
    *parts, end = said(program, client, action, base, "model-1", "1")
    assert parts == (PARTS if action == "stream" else [])
    assert end == {"text": "水闸", "reason": CUT_OFF[client]}


@pytest.mark.parametrize("action", ["text", "stream"])
@pytest.mark.parametrize(
    ("client", "status", "name"),
    [("anthropic", 429, "RateLimitError"), ("anthropic", 529, "OverloadedError"), ("google", 429, "ApiError")],
)
def test_an_upstream_s_error_passes_unchanged(
    program: str, serve: Serve, upstream: Upstream, client: str, status: int, name: str, action: str
) -> None:
    body = error_body(client, status)
    upstream.play(whole(json.dumps(body).encode(), status))
    (thrown,) = said(program, client, action, serve(**native.settings(upstream)).url)
    assert (thrown["status"], thrown["name"]) == (status, name) and len(upstream.received) == 1
    assert json.loads(thrown["error"].removeprefix(f"{status} ")) == body


@each_client
def test_a_key_that_is_not_known_is_an_authentication_error(
    program: str, serve: Serve, upstream: Upstream, client: str
) -> None:
    base = serve(**native.settings(upstream, PROXY_KEY="pk-3f9c1b-of-callers")).url
    (thrown,) = said(program, client, "stream", base)
    assert thrown["name"] == {"anthropic": "AuthenticationError", "google": "ApiError"}[client]
    assert thrown["status"] == 401 and "the key that this endpoint's owner gave you" in thrown["error"]
    if client == "anthropic":
        assert thrown["request"] == json.loads(thrown["error"].removeprefix("401 "))["request_id"]


@each_client
def test_tokens_are_counted_and_models_listed(program: str, serve: Serve, upstream: Upstream, client: str) -> None:
    base = serve(**native.settings(upstream)).url
    upstream.play(whole(b'{"input_tokens":14,"totalTokens":14}'))
    assert said(program, client, "count", base) == [{"tokens": 14}]
    upstream.play(whole(b'{"data":[{"id":"model-1"}],"has_more":false,"models":[{"name":"model-1"}]}'))
    assert said(program, client, "models", base) == [{"models": ["model-1"]}]
    key_header = {"anthropic": "x-api-key", "google": "x-goog-api-key"}[client]
    assert [sent.header(key_header) for sent in upstream.received] == ["sk-caller"]


def test_google_s_sdk_embeds(program: str, serve: Serve, upstream: Upstream) -> None:
    upstream.play(whole(b'{"embeddings":[{"values":[0.5,-1.0]}]}'))
    assert said(program, "google", "embed", serve(**native.settings(upstream)).url) == [{"values": [0.5, -1.0]}]
    assert upstream.received[0].target == "/v1beta/models/demo:batchEmbedContents"
