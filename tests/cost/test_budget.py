"""A call of a key with limits is reserved before it goes up, and booked or released after it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from proxy.cost import budget_refusals
from proxy.cost.claims import Use
from proxy.errors import UpstreamDisconnected, UpstreamTimeout, UpstreamUnreachable
from proxy.relay import relay
from proxy.store.base import NANO_PER_USD, Limits, Refusal
from tests.support import fake_clock
from tests.support.budgets import ANSWER, COST, IN, OUT, Endpoint, key, whole
from tests.support.core import JSON_HEAD, Listed, error_of, request
from tests.support.guards import chat, messages
from tests.support.metered import DONE, TEXT, USAGE


def stream(*pieces: Any) -> Listed:
    return Listed(*(pieces or (TEXT, USAGE, DONE)))


def test_a_whole_answer_is_booked_at_its_real_cost() -> None:
    endpoint = Endpoint()
    reply, _ = endpoint.run(whole(), chat(max_tokens=100), key(budget_usd=1))
    claim = endpoint.store.claims[0]
    assert 100 * OUT < claim.cost < 100 * OUT + 1_000 * IN
    (booked,) = endpoint.booked
    assert (booked.cost, booked.input, booked.output, booked.model) == (COST, 8, 2, "gpt-4o-mini")
    assert endpoint.reserved == 0
    assert reply.headers.get("x-sluice-budget-remaining-usd") == f"{1 - COST / 1e9:.7f}"
    assert endpoint.line["cost_usd"] == COST / NANO_PER_USD
    assert endpoint.store.done == ["reserve", "settle"]  # one round trip before, one after


def test_a_stream_is_booked_after_its_last_byte() -> None:
    endpoint = Endpoint()

    async def go() -> None:
        reply = await endpoint.relay(stream(), chat(stream=True), key(budget_usd=1))
        assert not isinstance(reply.body, bytes)
        left = float(reply.headers.get("x-sluice-budget-remaining-usd") or 0)
        assert left == pytest.approx(1 - endpoint.store.claims[0].cost / NANO_PER_USD)
        data = b"".join([piece async for piece in reply.body])
        assert data == TEXT + DONE and endpoint.store.done == ["reserve"]
        await reply.body.aclose()

    fake_clock.run(go())
    assert endpoint.booked[0].cost == COST and endpoint.reserved == 0


def test_a_call_without_a_limit_reserves_the_configured_length() -> None:
    for setting, tokens in (({}, 4_096), ({"BUDGET_RESERVE_OUTPUT_TOKENS": "100"}, 100)):
        endpoint = Endpoint(**setting)
        endpoint.run(whole(), chat(), key(budget_usd=1))
        assert tokens * OUT < endpoint.store.claims[0].cost < tokens * OUT + 1_000 * IN


def test_several_answers_are_reserved() -> None:
    endpoint = Endpoint()
    endpoint.run(whole(), chat(max_tokens=100, n=5), key(budget_usd=1))
    assert endpoint.store.claims[0].cost > 500 * OUT


def test_an_owner_s_limit_on_output_bounds_the_reservation() -> None:
    endpoint = Endpoint(MAX_OUTPUT_TOKENS="50")
    upstream = whole()
    endpoint.run(upstream, chat(max_tokens=4_000), key(budget_usd=1))
    assert endpoint.store.claims[0].cost < 50 * OUT + 1_000 * IN
    assert json.loads(upstream.sent[0].body)["max_tokens"] == 50


def test_an_empty_budget_is_the_provider_s_word_and_nothing_goes_up() -> None:
    endpoint = Endpoint()
    sent, upstream = key(budget_usd=0.0001), whole()
    reply, _ = endpoint.run(upstream, chat(), sent)
    error = error_of(reply)
    assert (reply.status, error["type"], error["code"]) == (429, "insufficient_quota", "insufficient_quota")
    assert "0.0001 US dollars in all" in error["message"] and not upstream.sent
    assert reply.headers.get("x-should-retry") == "false" and reply.headers.get("retry-after") is None
    assert endpoint.reserved == 0 and not endpoint.booked and endpoint.line["level"] == "info"


def test_a_budget_of_a_period_says_when_it_starts_again() -> None:
    endpoint = Endpoint()
    sent = key(budget_usd=0.00246, period="day")  # once, not twice
    answer = whole({**ANSWER, "usage": {"prompt_tokens": 8, "completion_tokens": 4_000}})
    assert endpoint.run(answer, chat(), sent)[0].status == 200
    reply, _ = endpoint.run(whole(), chat(), sent)
    error = error_of(reply)
    assert (reply.status, error["code"]) == (429, "insufficient_quota") and "per day" in error["message"]
    assert 0 < int(reply.headers.get("retry-after") or 0) <= 86_400 and "starts again in" in error["message"]


def test_what_running_calls_reserve_is_not_given_twice() -> None:
    endpoint = Endpoint()
    sent = key(budget_usd=0.004)

    async def go() -> None:
        first = await endpoint.relay(stream(), chat(stream=True), sent)
        refused, _ = await endpoint.call(stream(), chat(stream=True), sent)
        assert error_of(refused)["code"] == "rate_limit_exceeded" and refused.status == 429
        assert "still running" in error_of(refused)["message"] and refused.headers.get("retry-after") == "2"
        assert refused.headers.get("x-should-retry") is None
        assert not isinstance(first.body, bytes)
        await first.body.aclose()
        assert (await endpoint.call(stream(), chat(stream=True), sent))[0].status == 200

    fake_clock.run(go())


def test_a_prompt_near_the_end_of_a_budget_is_counted() -> None:
    endpoint = Endpoint()
    words = chat("word " * 10_000, max_tokens=16)  # 10,000 tokens in 50,000 bytes
    reply, _ = endpoint.run(whole(), words, key(budget_usd=0.0022))
    assert reply.status == 200 and [claim.cost > 2_200_000 for claim in endpoint.store.claims] == [True, False]
    assert endpoint.store.claims[0].id != endpoint.store.claims[1].id


@pytest.mark.parametrize(
    ("limits", "kind", "words"),
    [
        ({"rpm": 1}, "requests", "1 requests a minute"),
        ({"tpm": 9_000}, "tokens", "9000 tokens a minute"),
    ],
)
def test_rates_are_refused_with_the_time_to_wait(limits: Any, kind: str, words: str) -> None:
    endpoint = Endpoint()
    answer = {**ANSWER, "usage": {"prompt_tokens": 8_000, "completion_tokens": 2}}
    assert endpoint.run(whole(answer), chat(), key(**limits))[0].status == 200
    reply, _ = endpoint.run(whole(), chat(), key(**limits))
    error = error_of(reply)
    assert (reply.status, error["type"], error["code"]) == (429, kind, "rate_limit_exceeded")
    assert words in error["message"] and 50 < int(reply.headers.get("retry-after") or 0) <= 66
    assert reply.headers.get("x-should-retry") is None and "x-sluice-budget-remaining-usd" not in reply.headers


def test_a_call_that_no_minute_can_hold_is_not_tried_again() -> None:
    endpoint = Endpoint()
    reply, _ = endpoint.run(whole(), chat(max_tokens=5_000), key(tpm=5_000))
    error = error_of(reply)
    assert error["code"] == "insufficient_quota" and "5000 a minute" in error["message"]
    assert reply.headers.get("x-should-retry") == "false"


def test_calls_at_the_same_time_are_limited() -> None:
    endpoint = Endpoint()

    async def go() -> None:
        first = await endpoint.relay(stream(), chat(stream=True), key(parallel=1))
        refused, _ = await endpoint.call(stream(), chat(stream=True), key(parallel=1))
        assert "1 calls at the same time" in error_of(refused)["message"]
        other, _ = await endpoint.call(stream(), chat(stream=True), key("bob", "b2", parallel=1))
        assert other.status == 200
        assert not isinstance(first.body, bytes)
        await first.body.aclose()
        assert (await endpoint.call(stream(), chat(stream=True), key(parallel=1)))[0].status == 200

    fake_clock.run(go())


def test_a_revoked_key_is_refused_at_its_next_call() -> None:
    endpoint = Endpoint()
    assert endpoint.run(whole(), chat(), key())[0].status == 200
    endpoint.store.model.revoke("alice", 0)
    reply, _ = endpoint.run(upstream := whole(), chat(), key())
    assert (reply.status, error_of(reply)["code"]) == (401, "revoked_key") and not upstream.sent


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.1, "1 seconds"), (119, "119 seconds"), (600, "10 minutes"), (90_000, "25 hours"), (260_000, "3 days")],
)
def test_waits_are_told_in_units_that_people_use(seconds: float, words: str) -> None:
    limits = Limits(1_000_000_000, "month", None, None, None)
    error = budget_refusals.error(Refusal("budget", seconds), limits, Use(2_000_000_000, 0))
    assert error.message.startswith("Your key has a budget of 1 US dollars per month")
    assert f"which may cost up to 2. It starts again in {words}." in error.message


def test_an_answer_that_is_too_large_for_the_platform_is_booked_once() -> None:
    endpoint = Endpoint()

    async def go() -> None:
        asked = request(body=json.dumps(chat()).encode(), headers=(("authorization", f"Bearer {key(budget_usd=1)}"),))
        asked.plain_limit = 10
        reply = await relay(asked, endpoint.config, whole(), endpoint.host)
        assert error_of(reply)["code"] == "response_too_large"

    fake_clock.run(go())
    assert endpoint.store.done == ["reserve", "settle"] and endpoint.booked[0].cost == COST


@pytest.mark.parametrize("protocol", ["messages", "gemini"])
def test_refusals_are_in_the_caller_s_protocol(protocol: str) -> None:
    endpoint = Endpoint(ANTHROPIC_API_KEY="sk-ant-0123456789", GEMINI_API_KEY="g-0123456789")
    path, body = "/v1/messages", messages()
    if protocol == "gemini":
        path = "/v1beta/models/gemini-2.5-flash:generateContent"
        body = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
    for limits in ({"budget_usd": 0.000001}, {"rpm": 1}):
        sent = key("alice", f"{limits}"[2:5], **limits)
        if "rpm" in limits:
            endpoint.run(whole({}), body, sent, path)
        reply, data = endpoint.run(whole({}), body, sent, path)
        assert reply.status == 429
        error = json.loads(data)["error"]
        if protocol == "messages":
            assert json.loads(data)["type"] == "error" and error["type"] == "rate_limit_error"
        else:
            assert (error["code"], error["status"]) == (429, "RESOURCE_EXHAUSTED")
        assert ("retryDelay" in data.decode()) == (protocol == "gemini" and "rpm" in limits)


@pytest.mark.parametrize(
    "upstream",
    [
        lambda: Listed(b'{"error":{"message":"no"}}', status=400, headers=JSON_HEAD),
        lambda: Listed(b'{"error":{"message":"no"}}', status=500, headers=JSON_HEAD),
        lambda: Listed(error=UpstreamUnreachable()),
        lambda: Listed(error=UpstreamDisconnected()),
        lambda: Listed(UpstreamDisconnected()),  # before any text
        lambda: Listed(b'data: {"error":{"message":"overloaded"}}\n\n'),
    ],
)
def test_a_failure_costs_nothing(upstream: Any) -> None:
    endpoint = Endpoint()
    endpoint.run(upstream(), chat(stream=True), key(budget_usd=1))
    assert not endpoint.booked and endpoint.reserved == 0 and endpoint.store.done == ["reserve", "release"]


def test_a_stream_that_breaks_off_costs_what_came() -> None:
    endpoint = Endpoint()
    endpoint.run(Listed(TEXT, UpstreamDisconnected()), chat(stream=True), key(budget_usd=1))
    (booked,) = endpoint.booked
    assert 0 < booked.cost < 20 * OUT and endpoint.line["usage_source"] == "estimate"
    assert booked.cost == round(endpoint.line["cost_usd"] * NANO_PER_USD)


@pytest.mark.parametrize("error", [UpstreamTimeout("silent"), None])
def test_where_nobody_knows_the_reservation_is_booked(error: Any) -> None:
    """The upstream may charge for an answer that came too late, or whose caller has left."""
    endpoint = Endpoint()

    async def go() -> None:
        upstream = Listed(error=error) if error else Listed(TEXT, wait=1_000)
        task = asyncio.ensure_future(endpoint.call(upstream, chat(), key(budget_usd=1)))
        await asyncio.sleep(10)
        if error is None:
            task.cancel()
        await asyncio.wait([task])

    fake_clock.run(go())
    assert [one.cost for one in endpoint.booked] == [endpoint.store.claims[0].cost]
    assert endpoint.line["usage_source"] == "reserved"
    assert endpoint.line["cost_usd"] == endpoint.store.claims[0].cost / NANO_PER_USD


def test_embeddings_cost_their_input() -> None:
    endpoint = Endpoint()
    answer = {"model": "text-embedding-3-small", "data": [], "usage": {"prompt_tokens": 10, "total_tokens": 10}}
    body = {"model": "text-embedding-3-small", "input": "Hi"}
    reply, _ = endpoint.run(whole(answer), body, key(budget_usd=1), "/v1/embeddings")
    assert reply.status == 200
    assert [(one.cost, one.input, one.output) for one in endpoint.booked] == [(200, 10, 0)]
    assert endpoint.line["cost_usd"] == 200 / NANO_PER_USD


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/images/generations", {"model": "gpt-image-1", "prompt": "Hi"}),
        ("/v1/audio/speech", {"model": "tts-1", "input": "Hi"}),
        ("/v1/chat/completions", chat(model="unheard-of")),
        ("/v1/chat/completions", chat(candidates=5)),
        ("/v1/rerank", {"model": "rerank-1", "query": "a", "documents": ["b"]}),
    ],
)
def test_what_has_no_bound_is_refused_for_a_key_with_a_budget(path: str, body: Any) -> None:
    endpoint = Endpoint()
    reply, _ = endpoint.run(upstream := whole(), body, key(budget_usd=1), path)
    assert reply.status in (400, 403) and not upstream.sent and not endpoint.store.done


def test_without_a_budget_everything_is_counted_as_far_as_it_is_known() -> None:
    endpoint = Endpoint()
    endpoint.run(whole({"data": []}), {"model": "gpt-image-1", "prompt": "Hi"}, key(), "/v1/images/generations")
    endpoint.run(whole({**ANSWER, "model": "unheard-of"}), chat(model="unheard-of"), key())
    endpoint.run(whole(), chat(), key())
    assert [(one.cost, one.input, one.model) for one in endpoint.booked] == [
        (0, 0, "gpt-image-1"),
        (0, 8, "unheard-of"),
        (COST, 8, "gpt-4o-mini"),
    ]


def test_lists_cost_nothing() -> None:
    endpoint = Endpoint(ALLOW_PATHS="files")
    reply, _ = endpoint.run(whole({"data": []}), b"", key(budget_usd=1), "/v1/files", method="GET")
    assert reply.status == 200 and not endpoint.booked and endpoint.reserved == 0


def test_a_limit_without_a_store_refuses_the_call() -> None:
    endpoint = Endpoint(STORE="")
    endpoint.host.store = None
    for limits in ({"budget_usd": 1}, {"rpm": 1}, {"tpm": 9_000}, {"parallel": 1}):
        reply, _ = endpoint.run(upstream := whole(), chat(), key(**limits))
        assert (reply.status, error_of(reply)["code"]) == (500, "configuration_error") and not upstream.sent
        assert "should set STORE" in error_of(reply)["message"]
    assert endpoint.run(whole(), chat(), key())[0].status == 200


def test_the_owner_s_limits_hold_for_keys_without_their_own() -> None:
    endpoint = Endpoint(
        KEY_BUDGET_USD="0.000001", KEY_BUDGET_PER="day", KEY_RPM="1", PROXY_KEY="pk-0123456789abcdef0123"
    )
    assert "per day" in error_of(endpoint.run(whole(), chat(), key())[0])["message"]
    assert error_of(endpoint.run(whole(), chat(), "pk-0123456789abcdef0123")[0])["code"] == "insufficient_quota"
    sent = key("bob", "b1", budget_usd=1)
    assert endpoint.run(whole(), chat(), sent)[0].status == 200
    assert error_of(endpoint.run(whole(), chat(), sent)[0])["code"] == "rate_limit_exceeded"
    assert endpoint.run(whole(), chat(), key("eve", "e1", budget_usd=1, rpm=5))[0].status == 200


def test_who_pays_for_a_call_is_not_counted() -> None:
    endpoint = Endpoint(OPENAI_API_KEY="", SIGNING_SECRET="")
    assert endpoint.run(whole(), chat(), "sk-own")[0].status == 200
    assert not endpoint.store.done
