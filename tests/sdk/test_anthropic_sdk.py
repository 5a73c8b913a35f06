"""The official anthropic SDK for Python: endings, errors, and the calls beside messages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from proxy.adapters.scf_web import ScfWebApp
from tests.conftest import Serve
from tests.support import native
from tests.support.client import call
from tests.support.sdks import HELLO, anthropic_client
from tests.support.talk import QUICK
from tests.support.upstream import END, SSE_HEAD, Cut, Script, Upstream, Wait, chunk, stream, whole

ASKED: Any = {"model": "claude-1", "max_tokens": 9, "messages": HELLO}
WORDS = ("水", "闸")
REFUSALS = [
    (429, "rate_limit_error", anthropic.RateLimitError),
    (529, "overloaded_error", anthropic.InternalServerError),
    (400, "invalid_request_error", anthropic.BadRequestError),
]


@pytest.fixture
def client(serve: Serve, upstream: Upstream) -> Iterator[anthropic.Anthropic]:
    with anthropic_client(serve(**native.settings(upstream)).url) as made:
        yield made


@pytest.fixture
def timed(serve: Serve, upstream: Upstream) -> Iterator[anthropic.Anthropic]:
    """A client of Tencent's web function, whose calls have one second."""
    base = serve(ScfWebApp, **native.settings(upstream)).url
    with anthropic_client(base, default_headers={"X-Scf-Timeout": "1000"}) as made:
        yield made


def final(client: anthropic.Anthropic) -> tuple[str, str | None]:
    """The text and the stop reason that the SDK puts together from a stream."""
    with client.messages.stream(**ASKED) as events:
        message = events.get_final_message()
    return "".join(block.text for block in message.content if block.type == "text"), message.stop_reason


def test_pings_are_ignored(serve: Serve, upstream: Upstream) -> None:
    server = serve(**native.settings(upstream, **QUICK))
    script = native.slowly(native.messages(*WORDS))
    upstream.play(script)
    body = json.dumps({**ASKED, "stream": True}).encode()
    wire = call(server.port, "POST", "/v1/messages", (("x-api-key", "sk-ant-caller"),), body).body
    first = wire.index(b"message_start")
    assert b"ping" in wire[:first] and b"event: ping\n" in wire[first:]
    upstream.play(script)
    with anthropic_client(server.url) as client:
        assert final(client) == ("水闸", "end_turn")


@pytest.mark.parametrize("end", [Cut(), Cut(reset=True), END], ids=["closed", "reset", "ended"])
def test_an_answer_that_breaks_off_raises(upstream: Upstream, client: anthropic.Anthropic, end: Any) -> None:
    upstream.play(stream(*native.messages(*WORDS, end=False), end=(Wait(), end)))
    texts = []
    with pytest.raises(anthropic.APIStatusError, match="before its answer was complete") as raised:  # noqa: PT012
        for event in client.messages.create(**ASKED, stream=True):
            if event.type == "content_block_delta" and event.delta.type == "text_delta":
                texts.append(event.delta.text)
                if len(texts) == len(WORDS):
                    upstream.proceed()
    assert texts == list(WORDS)
    body: Any = raised.value.body
    assert (body["type"], body["error"]["type"]) == ("error", "api_error") and body["request_id"].startswith("sl_")


def test_the_deadline_ends_an_answer_as_max_tokens(upstream: Upstream, timed: anthropic.Anthropic) -> None:
    script: Script = (SSE_HEAD, *map(chunk, native.messages(*WORDS, end=False)), Wait())
    upstream.play(script)
    assert final(timed) == ("水闸", "max_tokens")
    upstream.play(script)
    message = timed.messages.create(**ASKED)
    assert (message.content[0].type, message.stop_reason) == ("text", "max_tokens")
    assert message.content[0].text == "水闸"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("status", "kind", "error"), REFUSALS)
def test_an_upstream_s_error_passes_unchanged(
    upstream: Upstream,
    client: anthropic.Anthropic,
    status: int,
    kind: str,
    error: type[anthropic.APIStatusError],
    streamed: bool,
) -> None:
    body = json.dumps({"type": "error", "error": {"type": kind, "message": "no"}, "request_id": "req_9"}, indent=1)
    upstream.play(whole(body.encode(), status, ("request-id", "req_9"), ("retry-after", "7")))
    with pytest.raises(error, match="no") as raised:
        client.messages.create(**ASKED, stream=streamed)
    response = raised.value.response
    assert (response.status_code, response.text, raised.value.request_id) == (status, body, "req_9")
    assert (response.headers["retry-after"], raised.value.type) == ("7", kind)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_key_that_is_not_known_is_an_authentication_error(serve: Serve, upstream: Upstream, streamed: bool) -> None:
    server = serve(**native.settings(upstream, PROXY_KEY="pk-3f9c1b-of-callers"))
    with anthropic_client(server.url) as client, pytest.raises(anthropic.AuthenticationError) as raised:
        client.messages.create(**ASKED, stream=streamed)
    check_own_error(raised.value, "authentication_error")
    assert upstream.received == []


def test_a_model_that_a_signed_key_does_not_allow_is_denied(serve: Serve, upstream: Upstream) -> None:
    settings, key = native.signed_key("claude-9*")
    server = serve(**native.settings(upstream, **settings))
    with anthropic_client(server.url, api_key=key) as client, pytest.raises(anthropic.PermissionDeniedError) as raised:
        client.messages.create(**ASKED)
    check_own_error(raised.value, "permission_error")


def check_own_error(error: anthropic.APIStatusError, kind: str) -> None:
    body: Any = error.body
    assert body["type"] == "error" and error.type == body["error"]["type"] == kind
    assert error.request_id == body["request_id"] == error.response.headers["x-sluice-request-id"]


def test_tokens_are_counted(upstream: Upstream, client: anthropic.Anthropic) -> None:
    upstream.play(whole(b'{"input_tokens":14}'))
    assert client.messages.count_tokens(model="claude-1", messages=HELLO).input_tokens == 14
    (sent,) = upstream.received
    assert (sent.target, sent.header("x-api-key")) == ("/v1/messages/count_tokens", "sk-ant-caller")


def test_models_are_listed(upstream: Upstream, client: anthropic.Anthropic) -> None:
    model = {"type": "model", "id": "claude-1", "display_name": "C", "created_at": "2026-02-19T00:00:00Z"}
    page = {"data": [model], "has_more": False, "first_id": "claude-1", "last_id": "claude-1"}
    upstream.play(whole(json.dumps(page).encode()))
    assert [found.id for found in client.models.list(limit=5)] == ["claude-1"]
    assert [(sent.target, sent.header("x-api-key")) for sent in upstream.received] == [
        ("/v1/models?limit=5", "sk-ant-caller")
    ]
