"""METERING with usage that says nothing, comes too early or in other encodings; and whose price is paid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.core import KEY, Listed, request, run
from tests.support.metered import DONE, HI, JSON, TEXT, USED, metered


def chunk(text: str, **more: Any) -> bytes:
    said = {"id": "c", "model": "gpt-4o-mini", "choices": [{"index": 0, "delta": {"content": text}}], **more}
    return b"data: " + json.dumps(said).encode() + b"\n\n"


ZEROS = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
FIRST = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        # Zeros beside text are no figures.
        ((TEXT, chunk("", usage=ZEROS), DONE), (8, 2, "estimate")),
        ((chunk("", usage=ZEROS), TEXT, DONE), (8, 2, "estimate")),
        ((TEXT, chunk("", usage={**ZEROS, "prompt_tokens": 9}), DONE), (9, 2, "estimate")),
        ((TEXT, chunk("", usage={**ZEROS, "completion_tokens": 5}), DONE), (8, 5, "estimate")),
        # Without text, zero may be true.
        ((chunk("", usage={**ZEROS, "prompt_tokens": 9}), DONE), (9, 0, "upstream")),
        # In the first chunk only: what came later was not in it.
        ((chunk("Hi", usage=FIRST), chunk(" there" * 20), DONE), (9, 21, "estimate")),
        ((chunk("Hi", usage={**FIRST, "completion_tokens": 21}), chunk(" there" * 20), DONE), (9, 21, "upstream")),
        # In each chunk, cumulative; in one that has text too; before the end of the stream.
        ((chunk("Hi", usage=FIRST), chunk(" Ho", usage={**FIRST, "completion_tokens": 3}), DONE), (9, 3, "upstream")),
        # Only a sum: what the prompt leaves of it.
        ((TEXT, chunk("", usage={"total_tokens": 28}), DONE), (8, 20, "estimate")),
    ],
)  # fmt: skip
def test_usage_that_says_nothing_or_comes_too_early(pieces: tuple[bytes, ...], expected: tuple[int, int, str]) -> None:
    _, _, line = metered(Listed(*pieces), HI[:-1] + b',"stream_options":{"include_usage":true}}')
    told = (line["gen_ai.usage.input_tokens"], line["gen_ai.usage.output_tokens"], line["usage_source"])
    assert told == expected
    assert line["cost_usd"] == pytest.approx((expected[0] * 0.15 + expected[1] * 0.6) / 1e6)


def test_a_long_answer_after_an_early_report_is_counted() -> None:
    pieces = [chunk("Hi", usage=FIRST), *[chunk(" there" * 10) for _ in range(100)], DONE]
    _, _, line = metered(Listed(*pieces), HI[:-1] + b',"stream_options":{"include_usage":true}}')
    assert (line["gen_ai.usage.output_tokens"], line["usage_source"]) == (1001, "estimate")


def test_a_request_that_can_be_read_in_two_ways_is_not_counted() -> None:
    body = b'{"model":"gpt-4o-mini","model":"o3","messages":[]}'
    answer = b'{"choices":[{"message":{"content":"Hello"}}]}'
    _, got, line = metered(Listed(answer, headers=JSON), body)
    assert got == answer and "usage_source" not in line


def test_without_an_input_there_is_no_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    from proxy.cost import estimate
    from proxy.errors import NotInstalled

    def cannot(*_: Any) -> None:
        raise NotInstalled

    monkeypatch.setattr(estimate, "count_prompt", cannot)
    _, _, line = metered(Listed(TEXT, chunk("", usage={"completion_tokens": 5}), DONE))
    assert (line["gen_ai.usage.output_tokens"], line["usage_source"]) == (5, "upstream")
    assert "cost_usd" not in line and "gen_ai.usage.input_tokens" not in line


@pytest.mark.parametrize(
    ("accepted", "asked_for"),
    [
        ("gzip, deflate, br, zstd", "gzip"),
        ("br", "identity"),
        ("gzip;q=0, br", "identity"),
        ("br;q=1.0, GZIP;q=0.8", "gzip"),
        ("x-gzip", "identity"),
        ("gzip;q=0.000", "identity"),
    ],
)
def test_an_answer_that_is_read_is_asked_for_in_an_encoding_that_can_be_opened(accepted: str, asked_for: str) -> None:
    def encoding(upstream: Listed, **settings: str) -> Any:
        given = request(
            "/v1/chat/completions", b'{"model":"m","messages":[]}', headers=(*KEY, ("accept-encoding", accepted))
        )
        run(upstream, given, settings=settings)
        return dict(upstream.sent[0].headers)["accept-encoding"]

    assert encoding(Listed(b"{}", headers=JSON), METERING="on") == asked_for
    assert encoding(Listed(b"{}", headers=JSON)) == accepted


def test_an_answer_that_nobody_asked_for_in_brotli_is_named_in_the_log() -> None:
    _, _, line = metered(Listed(b"\x8b", headers=(*JSON, ("content-encoding", "br"))), HI.replace(b"true", b"false"))
    assert line["unreadable_encoding"] == "br" and "usage_source" not in line


def test_a_large_answer_that_reports_its_usage_is_not_estimated() -> None:
    text = json.dumps({"model": "gpt-4o-mini", "choices": [{"message": {"content": "word " * 300_000}}], "usage": USED})
    body = text.encode()
    _, got, line = metered(Listed(body[:900_000], body[900_000:], headers=JSON), HI.replace(b'"stream":true,', b""))
    assert got == body and line["usage_source"] == "upstream"
    assert (line["gen_ai.usage.input_tokens"], line["gen_ai.usage.output_tokens"]) == (8, 2)


@pytest.mark.parametrize(
    ("served", "cost"),
    [
        ("default", 8 * 0.15 + 2 * 0.6),  # priority was asked for, and was not given
        ("priority", 8 * 0.25 + 2 * 1),
        ("scale", None),  # nobody here knows its price
    ],
)
def test_the_tier_that_served_the_call_is_paid(served: str, cost: float | None) -> None:
    answer = {"model": "gpt-4o-mini", "choices": [], "usage": USED, "service_tier": served}
    body = b'{"model":"gpt-4o-mini","messages":[],"service_tier":"priority"}'
    _, _, line = metered(Listed(json.dumps(answer).encode(), headers=JSON), body)
    assert line["service_tier"] == served
    assert line.get("cost_usd") == (None if cost is None else pytest.approx(cost / 1e6))


def test_caches_have_prices_of_their_own() -> None:
    written = {"ephemeral_5m_input_tokens": 1000, "ephemeral_1h_input_tokens": 2000}
    told = {"input_tokens": 10, "cache_creation_input_tokens": 3000, "cache_read_input_tokens": 500, "output_tokens": 2}
    answer = {"model": "claude-sonnet-4-5", "choices": [], "usage": {**told, "cache_creation": written}}
    body = b'{"model":"claude-sonnet-4-5","messages":[]}'
    base = {"OPENAI_BASE_URL": "https://api.anthropic.com/v1"}
    _, _, line = metered(Listed(json.dumps(answer).encode(), headers=JSON), body, **base)
    assert line["gen_ai.usage.input_tokens"] == 3510
    assert line["gen_ai.usage.cache_creation.input_tokens"] == 3000
    assert line["cost_usd"] == pytest.approx((10 * 3 + 500 * 0.3 + 1000 * 3.75 + 2000 * 6 + 2 * 15) / 1e6)


def test_what_the_provider_says_it_charged_comes_before_the_table(tmp_path: Path) -> None:
    answer = json.dumps({"model": "x-ai/grok-4.3", "choices": [], "usage": {**USED, "cost": 0.25}}).encode()
    body = b'{"model":"x-ai/grok-4.3","messages":[]}'
    base = {"OPENAI_BASE_URL": "https://openrouter.ai/api/v1"}
    _, _, line = metered(Listed(answer, headers=JSON), body, **base)
    assert line["cost_usd"] == 0.25 and "prices_date" not in line
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"date": "2026-01-02", "models": [{"match": ["x-ai/*"], "input": 1, "output": 1}]}))
    _, _, line = metered(Listed(answer, headers=JSON), body, **base, PRICES_FILE=str(own))
    assert (line["cost_usd"], line["prices_date"]) == (10 / 1e6, "2026-01-02")


def test_an_azure_deployment_costs_what_the_model_that_it_names_costs() -> None:
    table = {
        "name": "azure",
        "base_url": "https://x.openai.azure.com/openai/v1",
        "keys": ["sk-a"],
        "models": "",
        "aliases": {"gpt-4o": "prod"},
    }
    answer = json.dumps({"model": "gpt-4o", "choices": [], "usage": USED}).encode()
    body = b'{"model":"gpt-4o","messages":[]}'
    _, got, line = metered(Listed(answer, headers=JSON), body, UPSTREAMS=json.dumps([table]), PROXY_KEY="sk-caller")
    assert line["cost_usd"] == pytest.approx((8 * 2.5 + 2 * 10) / 1e6) and got == answer
