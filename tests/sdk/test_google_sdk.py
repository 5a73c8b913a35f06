"""The official google-genai SDK for Python: endings, errors, and the calls beside generateContent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from google import genai
from google.genai import errors

from proxy.adapters.scf_web import ScfWebApp
from tests.conftest import Serve
from tests.support import native
from tests.support.client import call
from tests.support.sdks import google_client
from tests.support.talk import QUICK
from tests.support.upstream import END, SSE_HEAD, Cut, Script, Upstream, Wait, chunk, stream, whole

ASKED: Any = {"model": "gemini-1", "contents": "hi"}
WORDS = ("水", "闸")


@pytest.fixture
def client(serve: Serve, upstream: Upstream) -> Iterator[genai.Client]:
    with google_client(serve(**native.settings(upstream)).url) as made:
        yield made


@pytest.fixture
def timed(serve: Serve, upstream: Upstream) -> Iterator[genai.Client]:
    """A client of Tencent's web function, whose calls have one second."""
    base = serve(ScfWebApp, **native.settings(upstream)).url
    with google_client(base, headers={"X-Scf-Timeout": "1000"}) as made:
        yield made


def reason_of(answer: Any) -> str | None:
    reason = answer.candidates[0].finish_reason
    return reason.value if reason else None


def final(client: genai.Client) -> tuple[str, str | None]:
    """The text and the finish reason of a stream."""
    chunks = list(client.models.generate_content_stream(**ASKED))
    return "".join(chunk.text or "" for chunk in chunks), reason_of(chunks[-1])


def test_pings_are_ignored(serve: Serve, upstream: Upstream) -> None:
    server = serve(**native.settings(upstream, **QUICK))
    script = native.slowly(native.gemini(*WORDS))
    upstream.play(script)
    path = "/v1beta/models/gemini-1:streamGenerateContent?alt=sse"
    wire = call(server.port, "POST", path, (("x-goog-api-key", "AIza-caller"),), b'{"contents":[]}')
    silent = [write for write in wire.writes if not write.strip()]
    assert len(silent) >= 2 and wire.body.startswith(b"\n"), "empty lines keep the stream open"
    upstream.play(script)
    with google_client(server.url) as client:
        assert final(client) == ("水闸", "STOP")


@pytest.mark.parametrize("end", [Cut(), Cut(reset=True), END], ids=["closed", "reset", "ended"])
def test_an_answer_that_breaks_off_raises(upstream: Upstream, client: genai.Client, end: Any) -> None:
    upstream.play(stream(*native.gemini(*WORDS, end=False), end=(Wait(), end)))
    texts = []
    with pytest.raises(errors.ServerError, match="before its answer was complete") as raised:  # noqa: PT012
        for part in client.models.generate_content_stream(**ASKED):
            texts.append(part.text)
            if len(texts) == len(WORDS):
                upstream.proceed()
    assert texts == list(WORDS) and (raised.value.code, raised.value.status) == (502, "UNAVAILABLE")


def test_the_deadline_ends_an_answer_as_max_tokens(upstream: Upstream, timed: genai.Client) -> None:
    script: Script = (SSE_HEAD, *map(chunk, native.gemini(*WORDS, end=False)), Wait())
    upstream.play(script)
    assert final(timed) == ("水闸", "MAX_TOKENS")
    upstream.play(script)
    answer = timed.models.generate_content(**ASKED)
    assert (answer.text, reason_of(answer)) == ("水闸", "MAX_TOKENS")


@pytest.mark.parametrize("method", ["generate_content", "generate_content_stream"])
@pytest.mark.parametrize(
    ("status", "name", "error"),
    [(429, "RESOURCE_EXHAUSTED", errors.ClientError), (503, "UNAVAILABLE", errors.ServerError)],
)
def test_an_upstream_s_error_passes_unchanged(
    upstream: Upstream, client: genai.Client, status: int, name: str, error: type[errors.APIError], method: str
) -> None:
    body = {"error": {"code": status, "message": "no", "status": name, "details": [{"@type": "x", "retryDelay": "7s"}]}}
    upstream.play(whole(json.dumps(body, indent=1).encode(), status))
    with pytest.raises(error, match="no") as raised:
        list(getattr(client.models, method)(**ASKED))
    assert (raised.value.code, raised.value.status, raised.value.details) == (status, name, body)
    assert len(upstream.received) == 1


def test_a_key_that_is_not_known_is_unauthenticated(serve: Serve, upstream: Upstream) -> None:
    server = serve(**native.settings(upstream, PROXY_KEY="pk-3f9c1b-of-callers"))
    with google_client(server.url) as client, pytest.raises(errors.ClientError) as raised:
        final(client)
    assert (raised.value.code, raised.value.status) == (401, "UNAUTHENTICATED") and upstream.received == []


def test_a_model_that_a_signed_key_does_not_allow_is_denied(serve: Serve, upstream: Upstream) -> None:
    settings, key = native.signed_key("gemini-9*")
    server = serve(**native.settings(upstream, **settings))
    with google_client(server.url, key) as client, pytest.raises(errors.ClientError) as raised:
        client.models.generate_content(**ASKED)
    assert (raised.value.code, raised.value.status) == (403, "PERMISSION_DENIED") and upstream.received == []


def test_tokens_are_counted_and_texts_embedded(upstream: Upstream, client: genai.Client) -> None:
    upstream.play(whole(b'{"totalTokens":31}'), whole(b'{"embeddings":[{"values":[0.5,-1.0]}]}'))
    assert client.models.count_tokens(**ASKED).total_tokens == 31
    embedded = client.models.embed_content(**ASKED).embeddings
    assert embedded is not None and embedded[0].values == [0.5, -1.0]
    methods = [(sent.target.rpartition("/")[2], sent.header("x-goog-api-key")) for sent in upstream.received]
    assert methods == [("gemini-1:countTokens", "AIza-caller"), ("gemini-1:batchEmbedContents", "AIza-caller")]


def test_models_are_listed(serve: Serve, upstream: Upstream) -> None:
    """In the version that has a path of its own: the SDK's newest default, v1, shares OpenAI's."""
    upstream.play(whole(b'{"models":[{"name":"models/gemini-1","displayName":"G"}]}'))
    with google_client(serve(**native.settings(upstream)).url, api_version="v1beta") as client:
        assert [model.name for model in client.models.list()] == ["models/gemini-1"]
    (sent,) = upstream.received
    assert sent.target.startswith("/v1beta/models") and sent.header("x-goog-api-key") == "AIza-caller"
