"""What is reserved for a call: never less than it can cost if its length is limited, and nothing for what is free."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.store.base import MAX_AMOUNT, NANO_PER_USD
from tests.support.budgets import ANSWER, Endpoint, key, whole
from tests.support.core import error_of
from tests.support.guards import chat

PDF = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}}


def claimed(body: Any, path: str = "/v1/chat/completions", limits: Any = None, **settings: str) -> tuple[int, int]:
    """The cost and the tokens that are reserved."""
    endpoint = Endpoint(**settings)
    reply, data = endpoint.run(whole(), body, key(**(limits or {"budget_usd": 1000})), path)
    assert reply.status == 200, data
    return endpoint.store.claims[0].cost, endpoint.store.claims[0].tokens


def test_free_calls_reserve_nothing() -> None:
    assert claimed({"input": "Hi"}, "/v1/moderations") == (0, 0)
    assert claimed({"input": "Hi"}, "/v1/moderations", {"tpm": 1}) == (0, 0)


def test_a_limit_on_tokens_needs_no_price() -> None:
    cost, tokens = claimed(chat(model="unheard-of", max_tokens=100), limits={"tpm": 10_000})
    assert cost == 0 and 100 < tokens < 1_000
    assert claimed({"model": "unheard-of", "input": "Hi"}, "/v1/embeddings", {"tpm": 10_000})[1] < 1_000
    assert claimed(chat(model="unheard-of", n=3), limits={"tpm": 100_000})[1] > 3 * 4_096
    assert (
        claimed(chat(model="m", max_tokens=100, enable_thinking=True, thinking_budget=500), limits={"tpm": 9_000})[1]
        > 600
    )


def test_tokens_of_a_file_are_those_of_the_context_window() -> None:
    body = chat([PDF], max_tokens=20)
    assert claimed(body, limits={"tpm": 1_000_000})[1] == 128_000 + 20
    endpoint = Endpoint()
    reply, _ = endpoint.run(whole(), {**body, "model": "unheard-of"}, key(tpm=1_000_000))
    assert error_of(reply)["code"] == "cost_limit_exceeded" and "Send text" in error_of(reply)["message"]


def test_tokens_from_outside_the_request_have_no_bound() -> None:
    body = chat(tools=[{"type": "web_search"}])
    for limits in ({"tpm": 1_000_000}, {"budget_usd": 1}):
        reply, _ = Endpoint().run(whole(), body, key(**limits))
        assert error_of(reply)["code"] == "cost_limit_exceeded"


def test_tokens_near_a_limit_are_counted() -> None:
    endpoint = Endpoint()
    reply, _ = endpoint.run(whole(), chat("word " * 10_000, max_tokens=16), key(tpm=12_000))
    assert reply.status == 200 and [claim.tokens > 12_000 for claim in endpoint.store.claims] == [True, False]


def test_where_nothing_can_count_the_bytes_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.tokens.installed", lambda: False)
    endpoint = Endpoint()
    reply, _ = endpoint.run(whole(), chat("word " * 10_000, max_tokens=16), key(tpm=12_000))
    assert reply.status == 429 and len(endpoint.store.claims) == 1


def test_a_count_that_is_no_closer_is_not_tried() -> None:
    endpoint = Endpoint()
    assert endpoint.run(whole(), chat([PDF], max_tokens=20), key(tpm=1_000))[0].status == 429
    assert len(endpoint.store.claims) == 1


def test_a_short_model_is_reserved_with_its_own_limit() -> None:
    cost, _ = claimed(chat(model="gpt-4o-mini"), BUDGET_RESERVE_OUTPUT_TOKENS="1000000")
    assert 16_384 * 600 < cost < 16_384 * 600 + 1_000 * 150
    assert claimed(chat(max_tokens=100_000_000, model="m"), limits={"tpm": 1_000_000_000})[1] < MAX_AMOUNT


def test_the_demo_costs_nothing() -> None:
    endpoint = Endpoint(DEMO="1", KEY_BUDGET_USD="1", OPENAI_API_KEY="", SIGNING_SECRET="")
    reply, _ = endpoint.run(whole(), chat(model="demo"), "any")
    assert reply.status == 200 and endpoint.store.claims[0].cost == 0 and endpoint.booked[0].cost == 0


def test_a_reservation_outlives_its_call() -> None:
    endpoint = Endpoint(TIMEOUT_SECONDS="100")
    endpoint.run(whole(), chat(), key())
    endpoint.run(whole(), chat(), key(), deadline=30)
    assert [round(claim.seconds) for claim in endpoint.store.claims] == [400, 88]


@settings(max_examples=200, deadline=None)
@given(
    model=st.sampled_from(["gpt-4o-mini", "gpt-4o", "gpt-4.1", "o4-mini", "gpt-5"]),
    text=st.text(max_size=300),
    limit=st.integers(16, 20_000),
    answers=st.integers(1, 5),
    data=st.data(),
)
def test_a_call_never_costs_more_than_was_reserved(model: str, text: str, limit: int, answers: int, data: Any) -> None:
    """As long as the upstream does what it was asked for: a token has a byte at least, an answer its limit at most."""
    body = chat(text, model=model, max_completion_tokens=limit, n=answers)
    size = len(json.dumps(body).encode())
    prompt = data.draw(st.integers(0, size))
    used = {"prompt_tokens": prompt, "completion_tokens": data.draw(st.integers(1, limit * answers))}
    details = {"cached_tokens": data.draw(st.integers(0, prompt))}
    endpoint = Endpoint()
    usage = {**used, "prompt_tokens_details": details}
    answer = {**ANSWER, "model": model, "usage": usage}
    reply, _ = endpoint.run(whole(answer), body, key(budget_usd=1000))
    assert reply.status == 200
    (booked,), claim = endpoint.booked, endpoint.store.claims[0]
    assert booked.cost <= claim.cost
    assert booked.input + booked.output <= claim.tokens
    assert booked.cost == round(endpoint.line["cost_usd"] * NANO_PER_USD)
