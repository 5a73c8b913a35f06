"""CONTEXT_GUARD, MAX_OUTPUT_TOKENS and MAX_COST_USD: requests are refused or shortened before they cost anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proxy.cost import context_limit
from proxy.messages import Reply
from tests.support.core import Listed, error_of, request, run

JSON = (("content-type", "application/json"), ("content-length", "2"))
REJECT, TRUNCATE = {"CONTEXT_GUARD": "reject"}, {"CONTEXT_GUARD": "truncate"}


def send(
    body: dict[str, Any] | bytes, settings: dict[str, str], path: str = "/v1/chat/completions"
) -> tuple[Reply, Listed]:
    upstream = Listed(b"{}", headers=JSON)
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply, _ = run(upstream, request(path, data), settings=settings)
    return reply, upstream


def sent(upstream: Listed) -> Any:
    return json.loads(upstream.sent[0].body)


def message(text: str, role: str = "user", **fields: Any) -> dict[str, Any]:
    return {"role": role, "content": text, **fields}


LONG = "word " * 5000  # a little over 5,000 tokens


def chat(*messages: dict[str, Any], model: str = "gpt-4", **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": list(messages), **fields}


def test_a_prompt_that_cannot_fit_is_refused_with_both_numbers() -> None:
    reply, upstream = send(chat(message(LONG), message(LONG)), REJECT)
    error = error_of(reply)
    assert (reply.status, error["code"], error["param"]) == (400, "context_length_exceeded", "messages")
    assert "maximum context length is 8192 tokens" in error["message"] and "100" in error["message"]
    assert reply.headers.get("x-should-retry") == "false" and not upstream.sent


def test_what_the_answer_may_take_counts_too() -> None:
    fits, upstream = send(chat(message(LONG), max_tokens=1000), REJECT)
    assert fits.status == 200 and upstream.sent
    reply, _ = send(chat(message(LONG), max_tokens=5000), REJECT)
    assert "and 5000 for the answer" in error_of(reply)["message"]


def test_bytes_decide_first_and_no_vocabulary_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    from proxy.tokens import vocabulary

    monkeypatch.setattr(vocabulary, "load", None)  # calling it would fail
    for body in (chat(message("short")), chat(message(LONG), model="gpt-4.1"), chat(message(LONG), model="unknown")):
        reply, upstream = send(body, REJECT)
        assert reply.status == 200 and json.loads(upstream.sent[0].body) == body


def test_another_vendor_s_tokens_are_doubted() -> None:
    within = "word " * 140_000
    there = {**REJECT, "OPENAI_BASE_URL": "https://api.deepseek.com/v1"}
    reply, _ = send(chat(message(within), model="deepseek-reasoner"), there)
    assert reply.status == 200
    reply, _ = send(chat(message(within + within), model="deepseek-reasoner"), there)
    assert "have about 280" in error_of(reply)["message"]


def test_what_can_only_be_counted_from_below_is_refused_when_that_is_too_much() -> None:
    image = [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
    reply, _ = send(chat(message(LONG), message(LONG), {"role": "user", "content": image}), REJECT)
    assert "have up to 11" in error_of(reply)["message"]  # an image has so many tokens at the most
    reply, _ = send(chat(message(LONG), {"role": "user", "content": image}), REJECT)
    assert reply.status == 200


def test_the_responses_api_is_guarded_and_shortens_by_itself() -> None:
    long = {"model": "gpt-4", "input": LONG * 3}
    reply, _ = send(long, TRUNCATE, "/v1/responses")
    assert reply.status == 400
    reply, upstream = send({**long, "truncation": "auto"}, TRUNCATE, "/v1/responses")
    assert reply.status == 200 and sent(upstream)["truncation"] == "auto"
    reply, _ = send({"model": "gpt-4", "prompt": LONG + LONG}, REJECT, "/v1/completions")
    assert reply.status == 400
    reply, _ = send({"model": "gpt-4", "prompt": [LONG, LONG, "x"]}, REJECT, "/v1/completions")
    assert reply.status == 200  # each prompt is read alone


def test_the_oldest_turns_are_left_out_and_nothing_else_changes() -> None:
    call = {"function": {"name": "f", "arguments": "{}"}}
    messages = [
        message("Be brief.", "system"),
        message(LONG),
        message("", "assistant", tool_calls=[call]),
        message("result", "tool"),
        message("It is done.", "assistant"),
        message("A second question 你好"),
        message("An answer", "assistant"),
        message("The last question"),
        message("", "assistant", tool_calls=[call]),
        message(LONG, "tool"),
    ]
    data = b'{"model": "gpt-4",  "temperature": 2.50, "messages" : ' + json.dumps(messages, indent=1).encode() + b"  }"
    reply, upstream = send(data, TRUNCATE)
    assert reply.status == 200 and reply.headers.get("x-sluice-dropped-messages") == "4"
    assert sent(upstream)["messages"] == [messages[0], *messages[5:]]
    assert upstream.sent[0].body.startswith(b'{"model": "gpt-4",  "temperature": 2.50, "messages" : [')
    assert upstream.sent[0].body.endswith(b"]  }")


def test_a_caller_may_ask_for_it_in_the_words_of_the_responses_api() -> None:
    body = chat(message(LONG), message("ok", "assistant"), message(LONG), truncation="auto")
    reply, upstream = send(body, {})
    assert sent(upstream) == chat(message(LONG)) and reply.headers.get("x-sluice-dropped-messages") == "2"
    reply, upstream = send(chat(message("x"), truncation="disabled"), REJECT)
    assert sent(upstream) == chat(message("x"))
    reply, upstream = send(chat(message("x"), truncation="other"), {})
    assert sent(upstream)["truncation"] == "other"


@pytest.mark.parametrize(
    "body",
    [
        chat(message(LONG + LONG)),
        chat(message(LONG + LONG, "system"), message("hello"), message("x", "assistant"), message("bye")),
        chat(message("first"), message(LONG + LONG)),
        {"model": "gpt-4", "messages": [5, message(LONG + LONG)]},
        {"model": "gpt-4", "messages": LONG + LONG, "x": [LONG + LONG]},
    ],
)
def test_what_cannot_be_shortened_enough_is_refused_or_left_to_the_upstream(body: dict[str, Any]) -> None:
    reply, upstream = send(body, TRUNCATE)
    if isinstance(body["messages"], str):
        assert reply.status == 400
    else:
        assert error_of(reply)["code"] == "context_length_exceeded" and not upstream.sent


def test_a_history_that_costs_too_much_to_count_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from proxy import tokens
    from proxy.tokens.vocabulary import Budget

    body = iter([Budget(10**9, 60, lambda: 0), Budget(10, 60, lambda: 0)])
    monkeypatch.setattr(tokens, "budget", lambda now: next(body))
    reply, upstream = send(chat(message(LONG), message(LONG), message("q")), TRUNCATE)
    assert error_of(reply)["code"] == "context_length_exceeded" and not upstream.sent


def test_a_history_begins_with_a_whole_turn() -> None:
    history = [message("left over", "assistant"), message("q1"), message("a1", "assistant"), message("q2")]
    assert context_limit._turns(history) == [[0], [1, 2]]
    assert context_limit._turns([]) == [] and context_limit._turns([message("x", "assistant")]) == []


def test_a_body_that_cannot_be_read_is_refused_where_a_limit_applies() -> None:
    for settings in (REJECT, {"MAX_OUTPUT_TOKENS": "100"}):
        for body in (b"no JSON", b"[]", b"[" * 100_000, '{"model":"gpt-4o"}'.encode("utf-16")):
            reply, upstream = send(body, settings)
            assert error_of(reply)["code"] == "unreadable_body" and not upstream.sent


@pytest.mark.parametrize(
    ("body", "expected", "header"),
    [
        ({"model": "gpt-4o"}, {"max_completion_tokens": 100}, "100"),
        ({"model": "deepseek-chat"}, {"max_tokens": 100}, "100"),
        ({"model": "gpt-4o", "max_tokens": 50}, {"max_tokens": 50}, None),
        ({"model": "gpt-4o", "max_tokens": 500}, {"max_tokens": 100}, "100"),
        (
            {"model": "gpt-4o", "max_tokens": 500, "max_completion_tokens": 50},
            {"max_tokens": 100, "max_completion_tokens": 50},
            "100",
        ),
        ({"model": "gpt-4o", "max_tokens": None}, {"max_tokens": None, "max_completion_tokens": 100}, "100"),
        ({"model": "gpt-4o", "max_tokens": "9999"}, {"max_tokens": 100}, "100"),
        ({"model": "gpt-4o", "max_tokens": -1}, {"max_tokens": 100}, "100"),
        ({"model": "gpt-4o", "max_tokens": 1e9}, {"max_tokens": 100}, "100"),
        ({"model": "gpt-4o", "max_tokens": True}, {"max_tokens": 100}, "100"),
        ({"model": "gpt-4o", "n": 3}, {"n": 3, "max_completion_tokens": 33}, "33"),
        ({"model": 5}, {"max_tokens": 100}, "100"),
    ],
)
def test_the_answer_s_limit_is_lowered_and_that_is_said(
    body: dict[str, Any], expected: dict[str, Any], header: str | None
) -> None:
    reply, upstream = send(body, {"MAX_OUTPUT_TOKENS": "100"})
    assert sent(upstream) == {**body, **expected}
    assert reply.headers.get("x-sluice-max-output-tokens") == header


def test_each_protocol_has_its_own_field() -> None:
    limit = {"MAX_OUTPUT_TOKENS": "100"}
    _, upstream = send({"model": "gpt-4o", "input": "x"}, limit, "/v1/responses")
    assert sent(upstream)["max_output_tokens"] == 100
    _, upstream = send({"model": "m", "prompt": "x", "best_of": 2}, limit, "/v1/completions")
    assert sent(upstream)["max_tokens"] == 50
    _, upstream = send({"model": "m", "input": "x"}, limit, "/v1/embeddings")
    assert sent(upstream) == {"model": "m", "input": "x"}


def test_a_model_that_ends_before_needs_no_limit() -> None:
    reply, upstream = send({"model": "gpt-4"}, {"MAX_OUTPUT_TOKENS": "100000"})
    assert sent(upstream) == {"model": "gpt-4"} and reply.headers.get("x-sluice-max-output-tokens") is None


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b'{"model":"gpt-4o","max_tokens":1,"max_tokens":9}', "max_tokens"),
        (b'{"model":"gpt-4o","n":"3"}', "n"),
        (b'{"model":"gpt-4o","n":0}', "n"),
        (b'{"model":"gpt-4o","n":101}', "n"),
    ],
)
def test_what_would_slip_past_the_limit_is_refused(body: bytes, param: str) -> None:
    reply, upstream = send(body, {"MAX_OUTPUT_TOKENS": "100"})
    assert (reply.status, error_of(reply)["param"], upstream.sent) == (400, param, [])


def test_a_request_within_the_ceiling_is_untouched() -> None:
    body = chat(message("Hi"), model="gpt-4o", max_tokens=100)
    reply, upstream = send(body, {"MAX_COST_USD": "0.01"})
    assert sent(upstream) == body and reply.headers.get("x-sluice-max-output-tokens") is None


def test_an_answer_that_could_cost_too_much_is_shortened() -> None:
    # gpt-4o: 2.5 dollars per million input tokens, 10 per million output tokens; the prompt has 8 tokens.
    reply, upstream = send(chat(message("Hi"), model="gpt-4o"), {"MAX_COST_USD": "0.01"})
    expected = int((0.01 - 8 * 2.5e-6) / 10e-6)
    assert sent(upstream)["max_completion_tokens"] == expected == 998
    assert reply.headers.get("x-sluice-max-output-tokens") == "998"
    _, upstream = send(chat(message("Hi"), model="gpt-4o", max_tokens=5000, n=2), {"MAX_COST_USD": "0.01"})
    assert sent(upstream)["max_tokens"] == 499
    both = {"MAX_COST_USD": "0.01", "MAX_OUTPUT_TOKENS": "50"}
    _, upstream = send(chat(message("Hi"), model="gpt-4o"), both)
    assert sent(upstream)["max_completion_tokens"] == 50


def test_counting_may_show_that_it_fits_after_all() -> None:
    body = chat(message(LONG), model="gpt-4o", max_tokens=100)
    reply, upstream = send(body, {"MAX_COST_USD": "0.02"})
    assert sent(upstream) == body and reply.headers.get("x-sluice-max-output-tokens") is None


def test_a_prompt_that_costs_too_much_by_itself_is_refused() -> None:
    reply, upstream = send(chat(message(LONG), model="gpt-4o"), {"MAX_COST_USD": "0.01"})
    error = error_of(reply)
    assert (reply.status, error["code"]) == (400, "cost_limit_exceeded") and not upstream.sent
    assert "up to 5008 tokens may cost 0.01252 " in error["message"] and "allows 0.01 " in error["message"]
    assert reply.headers.get("x-should-retry") == "false"


def test_a_price_that_nobody_knows_is_not_taken_for_low(tmp_path: Path) -> None:
    reply, _ = send(chat(message("Hi"), model="mine"), {"MAX_COST_USD": "1"})
    assert (error_of(reply)["code"], error_of(reply)["param"]) == ("cost_limit_exceeded", "model")
    assert "PRICES_FILE" in error_of(reply)["message"]
    own = tmp_path / "own.json"
    own.write_text('{"models": [{"match": ["mine"], "input": 1, "output": 0}]}')
    body = chat(message("Hi"), model="mine", service_tier="flex")
    reply, upstream = send(body, {"MAX_COST_USD": "1", "PRICES_FILE": str(own)})
    assert reply.status == 200 and "max_tokens" in sent(upstream)
    reply, _ = send(chat(message("Hi"), model=None), {"MAX_COST_USD": "1"})  # type: ignore[arg-type]
    assert error_of(reply)["param"] == "model"


def test_the_demo_costs_nothing() -> None:
    reply, upstream = send(chat(message("Hi"), model="demo"), {"MAX_COST_USD": "1", "DEMO": "1"})
    assert reply.status == 200 and "max_tokens" not in sent(upstream)
