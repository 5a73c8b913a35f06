"""JSON that is allowed and that nobody expects: half characters, endless numbers, depths. No 500 may come of it."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from proxy.cost import figures
from proxy.errors import UpstreamDisconnected, UpstreamRefused
from proxy.protocols import registry
from proxy.protocols.usage import Usage, reported
from tests.support.core import Listed, error_of, request, run

CHAT, TALLY = "/v1/chat/completions", "/v1/chat/completions/input_tokens"
JSON = (("content-type", "application/json"),)
DIGITS = "9" * 4_000
COUNTED = {"MAX_COST_USD": "1", "MAX_OUTPUT_TOKENS": "100", "METERING": "header,comment", "CONTEXT_GUARD": "reject"}


def asked(body: bytes, path: str = CHAT, **settings: str) -> tuple[int, bytes, list[str]]:
    """Status, body and log of one call to an upstream that answers with `{}`."""
    lines: list[str] = []
    reply, pieces = run(Listed(b"{}", headers=JSON), request(path, body), lines, settings=settings)
    return reply.status, b"".join(pieces), lines


def test_half_a_character_in_a_name_that_is_refused_can_be_told() -> None:
    upstream = Listed(b"{}", headers=JSON)
    reply, _ = run(upstream, request(body=b'{"\\ud800":1,"\\ud800":2,"moderation":1}'))
    assert (reply.status, error_of(reply)["code"], upstream.sent) == (400, "duplicate_key", [])


@pytest.mark.parametrize("model", [b'"\\ud800"', b"NaN", b"[" * 2_000 + b"]" * 2_000, DIGITS.encode(), b"{}"])
def test_a_model_that_is_none_can_be_counted_for(model: bytes) -> None:
    status, told, _ = asked(b'{"model":' + model + b',"messages":[]}', TALLY)
    assert status in (200, 400)
    assert b"NaN" not in told and json.loads(told)


@pytest.mark.parametrize("name", ["n", "best_of", "max_tokens", "max_completion_tokens", "max_output_tokens"])
@pytest.mark.parametrize("value", [DIGITS, "1e999", "-0.0", "NaN", "[]", "true", "-" + DIGITS])
@pytest.mark.parametrize("path", [CHAT, TALLY, "/v1/responses", "/v1/completions"])
def test_a_number_that_cannot_be_meant_is_refused_or_replaced(path: str, name: str, value: str) -> None:
    body = f'{{"model":"gpt-4o-mini","{name}":{value},"messages":[],"input":"x","prompt":"x"}}'
    status, told, _ = asked(body.encode(), path, **COUNTED)
    assert status in (200, 400) and json.loads(told, parse_constant=Decimal) is not None


@pytest.mark.parametrize("inner", [b"[", b'{"a":'])
@pytest.mark.parametrize("name", [b"model", b"stream_options", b"messages", b"x"])
def test_no_depth_is_a_mistake_of_ours(name: bytes, inner: bytes) -> None:
    """Around the interpreter's own limit most of all: one reader may get further down than the next."""
    close = b"]" if inner == b"[" else b"}"
    for depth in (*range(880, 1_000, 3), 2_000, 4_000, 100_000):
        nested = inner * depth + (b"1" if inner != b"[" else b"") + close * depth
        for settings in ({}, COUNTED):
            status, _, lines = asked(
                b'{"model":"gpt-4o-mini","stream":false,"' + name + b'":' + nested + b"}", **settings
            )
            assert status in (200, 400), (depth, lines)


def test_an_upstream_s_half_character_reaches_the_last_words() -> None:
    state = registry.get("chat").state()
    refused = UpstreamRefused(400, [], b"", {"message": "half \ud83d"})
    assert state.failed(refused).startswith(b'data: {"error":{"message":"half ?"')


def test_an_upstream_s_endless_number_is_no_place_in_a_sequence() -> None:
    state = registry.get("responses").state()
    state.feed(b'data: {"type":"response.created","sequence_number":%b}\n\n' % (b"9" * 4_300))
    assert b'"sequence_number":0' in state.failed(UpstreamDisconnected())


@pytest.mark.parametrize("count", [b"9" * 4_000, b"-1", b"1" + b"0" * 40, b"true", b"1e5", b'"9"'])
def test_an_upstream_s_impossible_usage_is_not_reckoned_with(count: bytes) -> None:
    told = b'{"model":"gpt-4o-mini","usage":{"prompt_tokens":5,"completion_tokens":%b}}' % count
    assert figures.of(reported(told)) == Usage(input=5)
    lines: list[str] = []
    body = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"x"}]}'
    reply, _ = run(Listed(told, headers=JSON), request(body=body), lines, settings=COUNTED)
    assert reply.status == 200
    assert [json.loads(line)["ending"] for line in lines] == ["complete"]


@pytest.mark.parametrize("settings", [{"METERING": "header,comment"}, {"ASSEMBLE": "always", "METERING": "header"}])
@pytest.mark.parametrize("where", ['"a":%s', '"content":"x","audio":%s', '"tool_calls":[{"index":0,"f":%s}]'])
@pytest.mark.parametrize("stream", [b"true", b"false"])
def test_no_depth_of_an_upstream_s_is_a_mistake_of_ours(where: str, stream: bytes, settings: dict[str, str]) -> None:
    """Said twice: what is put together then is gone through level by level."""
    for depth in (45, 60, 900, 3_000, 9_000):
        delta = '{"content":"y",' + where % ('{"a":' * depth + "1" + "}" * depth) + "}"
        said = ('data: {"id":"c","choices":[{"index":0,"delta":' + delta + "}]}\n\n").encode()
        lines: list[str] = []
        body = b'{"model":"gpt-4o-mini","messages":[],"stream":' + stream + b"}"
        reply, _ = run(Listed(said, said, b"data: [DONE]\n\n"), request(body=body), lines, settings=settings)
        # What this Python's reader gives up on cannot be put together, and is told as a failure of the upstream's.
        if reply.status == 502:
            assert depth >= 900 and stream == b"false" and error_of(reply)["code"] == "upstream_disconnected"
            continue
        assert reply.status == 200
        assert [json.loads(line)["ending"] for line in lines] == ["complete"]
