"""Buffered entry points: every answer fits, and a truncated one is marked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from proxy import startup
from proxy.errors import UpstreamDisconnected
from proxy.host import Capabilities
from proxy.messages import Headers, Reply
from proxy.relay import relay
from proxy.streaming.envelope import Envelope, json_size
from proxy.wire import sse
from tests.support import fake_clock
from tests.support.core import Listed, error_of, host, request

LIMIT = 300_000
DONE = b"data: [DONE]\n\n"


def buffered(upstream: Listed, envelope: Envelope, path: str = "/v1/chat/completions") -> Reply:
    capabilities = Capabilities(streams=False, rewrites_stream=True, body_limit=None)
    fake_host = host([])
    fake_host.capabilities = capabilities
    incoming = request(path)
    incoming.envelope = envelope
    return fake_clock.run(relay(incoming, startup.load({}), upstream, fake_host))


def delta(text: str, **fields: Any) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None, **fields}
    return sse.event({"id": "c", "created": 1, "model": "m", "choices": [choice]})


def content(data: bytes) -> str:
    return "".join(
        choice["delta"].get("content") or "" for chunk in sse.objects(data) for choice in chunk.get("choices", [])
    )


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@given(st.lists(st.tuples(TEXT, st.integers(1, 4_000)), min_size=5, max_size=40), st.booleans(), st.booleans())
def test_what_comes_out_fits_and_is_the_beginning_of_what_came(
    parts: list[tuple[str, int]], escapes: bool, cut: bool
) -> None:
    deltas = [delta(text * times) for text, times in parts]
    ends: list[Any] = [UpstreamDisconnected()] if cut else [delta("", finish_reason="stop"), DONE]
    reply = buffered(Listed(*deltas, *ends), Envelope(LIMIT, "a test", escapes, base64=True))
    body = reply.body
    assert isinstance(body, bytes)
    if reply.status != 200:  # not even its first word fits
        assert json_size(deltas[0].decode(), escapes) > LIMIT - 10_000
        return
    assert json_size(body.decode(), escapes) <= LIMIT
    event(str(reply.headers.get("x-sluice-truncated")))
    whole, mark = "".join(text * times for text, times in parts), reply.headers.get("x-sluice-truncated")
    assert mark == "response_limit" if content(body) != whole else mark in ((None,), ("upstream",))[cut]
    assert whole.startswith(content(body))
    assert body.endswith(DONE) == (mark != "upstream")
    if mark == "response_limit":
        assert list(sse.objects(body))[-1]["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/audio/speech"])
def test_one_event_that_cannot_be_carried_is_a_502(path: str) -> None:
    reply = buffered(Listed(delta("x" * 400_000), DONE), Envelope(LIMIT, "a test", True, base64=True), path)
    assert (reply.status, error_of(reply)["code"]) == (502, "response_too_large")
    assert "0.3 MB that a test can return" in error_of(reply)["message"]


def test_bytes_that_are_no_text_count_as_base64() -> None:
    envelope = Envelope(LIMIT, "a test", True, base64=True, texts=("application/json",))
    json_, audio = Headers([("content-type", "application/json")]), Headers([("content-type", "audio/mpeg")])
    assert envelope.size(b"\xff" * 90_000, json_) == 120_000 == envelope.size(b"a" * 90_000, audio)
    assert envelope.size(b"a" * 90_000, json_) == 90_000
    assert Envelope(LIMIT, "a test", True, base64=True).size(b"a" * 90_000, audio) == 90_000
    assert envelope.size(b"\xff" * 100, audio) == 100, "not worth measuring"


@pytest.mark.parametrize(("escapes", "size"), [(True, 6), (False, 3)])
def test_chinese_and_line_separators_count_as_the_runtime_writes_them(escapes: bool, size: int) -> None:
    assert json_size("好", escapes) == size + 2
    assert json_size("\u2028", escapes) == 8
    assert json_size({"a": "x"}, escapes) == len(json.dumps({"a": "x"}))
