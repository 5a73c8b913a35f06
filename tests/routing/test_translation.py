"""Calls of the Messages API at an upstream that only serves chat completions, through the whole core."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.errors import UpstreamDisconnected, UpstreamTimeout
from proxy.wire import sse
from tests.support.core import JSON_HEAD, Listed, error_of, request, run

PATH = "/v1/messages"
GROQ = {"OPENAI_BASE_URL": "https://api.groq.com/openai/v1"}
ANTHROPIC = (("x-api-key", "sk-caller"), ("anthropic-version", "2023-06-01"), ("anthropic-beta", "x"), ("x-app", "cli"))
ASKED = {"model": "llama", "max_tokens": 50, "top_k": 3, "messages": [{"role": "user", "content": "Hi"}]}


def chunk(finish: str | None = None, **delta: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return sse.event({"id": "c1", "model": "llama-real", "choices": [choice]})


USAGE = sse.event({"id": "c1", "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}})
DONE = b"data: [DONE]\n\n"
STREAM = (chunk(role="assistant", content=""), chunk(content="Hel"), chunk(content="lo"), chunk("stop"), USAGE, DONE)
COMPLETION = {
    "id": "c1",
    "model": "llama-real",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 2},
}


def asked(
    upstream: Listed,
    deadline: float | None = None,
    lines: list[str] | None = None,
    settings: dict[str, str] | None = None,
    **members: Any,
) -> tuple[Any, list[bytes]]:
    body = json.dumps({**ASKED, **members}).encode()
    call = request(PATH, body, deadline, ANTHROPIC)
    call.query = "beta=true"
    return run(upstream, call, lines, settings=settings or GROQ)


def test_a_stream_is_translated_both_ways() -> None:
    lines: list[str] = []
    upstream = Listed(*STREAM)
    reply, pieces = asked(upstream, lines=lines, stream=True)
    (sent,) = upstream.sent
    assert (sent.path, sent.query, sent.target.key_header) == ("chat/completions", "", "authorization")
    assert {name for name, _ in sent.headers} == {"accept-encoding", "content-type"}
    assert json.loads(sent.body)["stream_options"] == {"include_usage": True}
    kinds = [value["type"] for value in sse.objects(b"".join(pieces))]
    assert kinds[0] == "message_start" and kinds[-1] == "message_stop" and kinds.count("content_block_delta") == 2
    assert reply.headers.get("x-sluice-dropped") == "top_k"
    line = json.loads(lines[-1])
    assert (line["gen_ai.request.model"], line["gen_ai.response.model"]) == ("llama", "llama-real")
    assert (line["gen_ai.usage.input_tokens"], line["gen_ai.usage.output_tokens"]) == (9, 2)
    assert (line["ending"], line["dropped"]) == ("complete", "top_k")


@pytest.mark.parametrize("extra", [(), (("content-length", str(len(json.dumps(COMPLETION)))),)])
def test_a_whole_answer_is_translated(extra: tuple[tuple[str, str], ...]) -> None:
    reply, (body,) = asked(Listed(json.dumps(COMPLETION).encode(), headers=(*JSON_HEAD, *extra)))
    message = json.loads(body)
    assert message["content"] == [{"type": "text", "text": "Hello", "citations": None}] and message["model"] == "llama"
    assert message["usage"]["input_tokens"] == 9 and reply.headers.get("content-length") == str(len(body))


def test_an_answer_is_assembled_and_translated_where_time_is_short() -> None:
    upstream = Listed(*STREAM)
    reply, (body,) = asked(upstream, deadline=30)
    assert json.loads(upstream.sent[0].body)["stream"] is True
    assert json.loads(body)["content"] == [{"type": "text", "text": "Hello", "citations": None}]
    assert reply.headers.get("content-type") == "application/json"


def test_what_is_no_completion_is_an_error_of_anthropic_s() -> None:
    for body in (b"[]", b'{"object":"list"}', b"<html>"):
        reply, _ = asked(Listed(body, headers=JSON_HEAD))
        assert reply.status == 502 and error_of(reply)["code"] == "upstream_not_readable"
        assert error_of(reply)["type"] == "api_error"


@pytest.mark.parametrize(
    ("status", "error", "wanted", "kind", "words"),
    [
        (429, {"message": "slow down", "type": "requests"}, 429, "rate_limit_error", "slow down"),
        (400, {"message": "no", "code": "context_length_exceeded"}, 400, "invalid_request_error", "prompt is too long"),
        (503, {"message": "busy"}, 503, "api_error", "busy"),
    ],
)
def test_a_refusal_has_anthropic_s_form(status: int, error: dict[str, str], wanted: int, kind: str, words: str) -> None:
    upstream = Listed(json.dumps({"error": error}).encode(), status=status, headers=(*JSON_HEAD, ("retry-after", "7")))
    reply, _ = asked(upstream, stream=True)
    assert reply.status == wanted and reply.headers.get("retry-after") == "7"
    assert error_of(reply)["type"] == kind and words in error_of(reply)["message"]


def test_an_upstream_that_cannot_be_reached_is_an_error_too() -> None:
    reply, _ = asked(Listed(error=UpstreamDisconnected()))
    assert reply.status == 502 and error_of(reply)["type"] == "api_error"


@pytest.mark.parametrize("pieces", [STREAM[:2], (), (chunk(content="Hel"), UpstreamDisconnected())])
def test_a_cut_stream_is_never_a_clean_end(pieces: tuple[Any, ...]) -> None:
    _, sent = asked(Listed(*pieces), stream=True)
    *_, last = sse.objects(b"".join(sent))
    assert last["type"] == "error" and b"message_stop" not in b"".join(sent)


def test_a_deadline_ends_a_translated_answer_truthfully() -> None:
    _, pieces = asked(Listed(chunk(content="Hel"), 99.0), deadline=10, stream=True)
    *_, end, last = sse.objects(b"".join(pieces))
    assert (end["delta"]["stop_reason"], last["type"]) == ("max_tokens", "message_stop")


def test_what_has_no_equal_is_refused_before_anything_goes_up() -> None:
    upstream = Listed(*STREAM)
    reply, _ = asked(upstream, stop_sequences=["a", "b", "c", "d", "e"])
    assert reply.status == 400 and not upstream.sent and error_of(reply)["type"] == "invalid_request_error"


@pytest.mark.parametrize("model", [None, "", 5])
def test_a_call_without_a_model_is_refused(model: Any) -> None:
    reply, _ = asked(upstream := Listed(*STREAM), model=model)
    assert reply.status == 400 and not upstream.sent and "model" in error_of(reply)["message"]


def test_a_finish_reason_is_enough_for_an_end() -> None:
    _, pieces = asked(Listed(*STREAM[:4]), stream=True)
    *_, end, last = sse.objects(b"".join(pieces))
    assert (end["delta"]["stop_reason"], last["type"]) == ("end_turn", "message_stop")


@pytest.mark.parametrize(
    "late", [UpstreamDisconnected(), UpstreamTimeout("silent"), 99.0], ids=["cut", "error", "silent"]
)
@pytest.mark.parametrize("pieces", [STREAM[:4], STREAM[:5], STREAM], ids=["no usage", "no end", "all"])
def test_a_complete_answer_ends_properly_whatever_the_upstream_does_then(
    pieces: tuple[bytes, ...], late: float | Exception
) -> None:
    lines: list[str] = []
    _, sent = asked(Listed(*pieces, late), deadline=60, lines=lines, stream=True)
    *_, end, last = sse.objects(b"".join(sent))
    assert (end["delta"]["stop_reason"], last["type"]) == ("end_turn", "message_stop")
    line = json.loads(lines[-1])
    assert line["ending"] == "complete" and line["duration_ms"] <= 2_300


def test_usage_that_comes_a_little_later_counts() -> None:
    _, sent = asked(Listed(*STREAM[:4], 1.5, USAGE, 0.1, DONE), stream=True)
    *_, end, last = sse.objects(b"".join(sent))
    assert end["usage"]["output_tokens"] == 2 and last["type"] == "message_stop"


def test_an_error_after_the_finish_reason_is_one() -> None:
    error = b'data: {"error": {"message": "busy", "code": 529}}\n\n'
    _, sent = asked(Listed(*STREAM[:4], error, DONE), stream=True)
    *_, last = sse.objects(b"".join(sent))
    assert (last["type"], last["error"]["type"]) == ("error", "overloaded_error")


def test_json_that_is_labelled_as_events_is_translated_too() -> None:
    body = json.dumps(COMPLETION).encode()
    for deadline in (None, 30):
        _, sent = asked(
            Listed(body), deadline=deadline, settings={**GROQ, "ASSEMBLE": "off" if deadline is None else "auto"}
        )
        assert json.loads(b"".join(sent))["content"][0]["text"] == "Hello"
    long = json.dumps({"error": {"message": "This model's maximum context length is 100 tokens", "code": 400}}).encode()
    _, sent = asked(Listed(long), stream=True)
    (event,) = sse.objects(b"".join(sent))
    assert event["error"]["message"].startswith("prompt is too long")


def test_half_of_a_surrogate_pair_stays_one() -> None:
    upstream = Listed(*STREAM)
    asked(upstream, messages=[{"role": "user", "content": "a\ud83d"}], stream=True)
    assert b'"a\\ud83d"' in upstream.sent[0].body


def test_nothing_is_named_where_nothing_was_left_out() -> None:
    reply, _ = asked(Listed(*STREAM), stream=True, top_k=None)
    assert reply.headers.get("x-sluice-dropped") is None


def test_the_model_of_an_answer_may_be_missing() -> None:
    lines: list[str] = []
    asked(Listed(chunk(content="x").replace(b'"model"', b'"m"'), chunk("stop"), DONE), lines=lines, stream=True)
    assert json.loads(lines[-1])["gen_ai.response.model"] in ("llama-real", "llama")


def test_translation_can_be_switched_off_for_all_or_for_one() -> None:
    one = {"name": "x", "base_url": "https://api.groq.com/openai/v1", "translate": False}
    for settings in ({**GROQ, "TRANSLATE": "off"}, {"UPSTREAMS": json.dumps([one])}):
        upstream = Listed(*STREAM)
        reply, _ = asked(upstream, settings=settings)
        assert (reply.status, error_of(reply)["code"], upstream.sent) == (404, "api_not_served", [])
    assert "TRANSLATE=auto" in error_of(asked(Listed(), settings={**GROQ, "TRANSLATE": "off"})[0])["message"]


@pytest.mark.parametrize("translate", ["auto", "off"])
def test_translation_is_not_offered_where_it_would_not_help(translate: str) -> None:
    call = request(f"{PATH}/batches", json.dumps(ASKED).encode(), None, ANTHROPIC)
    reply, _ = run(Listed(), call, settings={**GROQ, "TRANSLATE": translate})
    assert error_of(reply)["code"] == "api_not_served" and "TRANSLATE" not in error_of(reply)["message"]


def table(*upstreams: dict[str, Any]) -> dict[str, str]:
    return {"UPSTREAMS": json.dumps(list(upstreams)), "ALLOW_ANONYMOUS": "1"}


CHAT = {"name": "chat", "base_url": "https://api.groq.com/openai/v1", "keys": "k1"}
NATIVE = {"name": "native", "messages": "https://api.deepseek.com/anthropic", "keys": "k2"}


def test_a_native_way_is_always_taken_and_a_named_model_is_translated() -> None:
    upstream = Listed(b"{}", headers=JSON_HEAD)
    asked(upstream, settings=table(CHAT, NATIVE))
    assert [(sent.target.name, sent.path) for sent in upstream.sent] == [("native", "messages")]
    upstream = Listed(*STREAM)
    named = {**CHAT, "models": ["llama"], "aliases": {"fast": "llama-3"}}
    asked(upstream, settings=table(named, NATIVE), stream=True)
    assert [(sent.target.name, sent.path) for sent in upstream.sent] == [("chat", "chat/completions")]
    _, pieces = asked(upstream := Listed(*STREAM), settings=table(named, NATIVE), stream=True, model="fast")
    assert json.loads(upstream.sent[0].body)["model"] == "llama-3"
    assert next(sse.objects(b"".join(pieces)))["message"]["model"] == "fast"


PDF = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}}


def test_a_target_without_an_equal_is_passed_over() -> None:
    """OpenAI takes files, Mistral does not."""
    openai = {"name": "openai", "base_url": "https://api.openai.com/v1", "keys": "k1", "priority": 1}
    mistral = {"name": "mistral", "base_url": "https://api.mistral.ai/v1", "keys": "k2", "priority": 0}
    file = [{"role": "user", "content": [PDF]}]
    answer = json.dumps(COMPLETION).encode()
    reply, _ = asked(upstream := Listed(answer, headers=JSON_HEAD), settings=table(openai, mistral), messages=file)
    assert reply.status == 200 and [sent.target.name for sent in upstream.sent] == ["openai"]
    # A failure before is what the caller should hear of.
    busy = Listed(b'{"error": {"message": "slow down"}}', status=429, headers=JSON_HEAD)
    reply, _ = asked(busy, settings=table({**openai, "priority": 0}, {**mistral, "priority": 1}), messages=file)
    assert (reply.status, error_of(reply)["type"]) == (429, "rate_limit_error")
    reply, _ = asked(upstream := Listed(), settings=table(mistral), messages=file)
    assert reply.status == 400 and not upstream.sent


@pytest.mark.parametrize("keys", [{}, {"keys": "k"}], ids=["the caller's key", "the server's keys"])
def test_a_native_way_comes_first_whatever_the_priority(keys: dict[str, str]) -> None:
    named = {"models": ["llama"], "priority": 0, **keys}
    chat = {"name": "chat", "base_url": "https://api.groq.com/openai/v1", **named}
    native = {"name": "native", "messages": "https://api.deepseek.com/anthropic", **named, "priority": 5}
    asked(upstream := Listed(b"{}", headers=JSON_HEAD), settings=table(chat, native))
    assert [(sent.target.name, sent.path) for sent in upstream.sent] == [("native", "messages")]


def test_a_key_goes_to_the_upstream_that_its_prefix_names() -> None:
    chat = {"name": "chat", "base_url": "https://api.groq.com/openai/v1", "key_prefixes": ["sk-caller"]}
    native = {"name": "native", "messages": "https://api.deepseek.com/anthropic"}
    upstream = Listed(json.dumps(COMPLETION).encode(), headers=JSON_HEAD)
    asked(upstream, settings={"UPSTREAMS": json.dumps([native, chat])})
    assert [(sent.target.name, sent.path) for sent in upstream.sent] == [("chat", "chat/completions")]
    # This call was not read strictly, since most callers' keys go to the native one.
    bad = request(PATH, b'{"model": "m", "messages": [}', None, ANTHROPIC)
    reply, _ = run(upstream := Listed(), bad, settings={"UPSTREAMS": json.dumps([native, chat])})
    assert reply.status == 400 and not upstream.sent and "JSON object" in error_of(reply)["message"]


def test_usage_is_read_as_the_upstream_reports_it() -> None:
    # xAI counts reasoning beside the completion's tokens, and says what it charged.
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 2,
        "completion_tokens_details": {"reasoning_tokens": 5},
        "cost_in_usd_ticks": 20_000_000_000,
    }
    lines: list[str] = []
    pieces = (*STREAM[:4], sse.event({"id": "c1", "choices": [], "usage": usage}), DONE)
    xai = {"OPENAI_BASE_URL": "https://api.x.ai/v1", "METERING": "header"}
    asked(Listed(*pieces), lines=lines, settings=xai, stream=True)
    asked(Listed(json.dumps({**COMPLETION, "usage": usage}).encode(), headers=JSON_HEAD), lines=lines, settings=xai)
    for line in map(json.loads, lines):
        assert line["gen_ai.usage.output_tokens"] == 7 and line["cost_usd"] == 2.0
    # Without a report, the estimate at the start of the message counts for nothing.
    lines.clear()
    asked(Listed(*STREAM[:4], DONE), lines=lines, stream=True)
    assert json.loads(lines[-1]).get("gen_ai.usage.input_tokens") is None


def test_an_error_instead_of_an_answer_is_anthropic_s() -> None:
    body = json.dumps({"error": {"message": "slow down", "code": 429}}).encode()
    reply, _ = asked(Listed(body, headers=JSON_HEAD))
    assert reply.status == 429 and error_of(reply)["type"] == "rate_limit_error"
    _, pieces = asked(Listed(chunk(content="x"), b'data: {"error": {"message": "busy", "code": 529}}\n\n'), stream=True)
    *_, last = sse.objects(b"".join(pieces))
    assert (last["type"], last["error"]["type"]) == ("error", "overloaded_error")


def test_thinking_that_was_translated_does_not_reach_the_api_itself() -> None:
    own = {"type": "thinking", "thinking": "Hm", "signature": "sluice-abc"}
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [own, {"type": "text", "text": "a"}]},
    ]
    for settings in ({"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, table(NATIVE)):
        upstream = Listed(b"{}", headers=JSON_HEAD)
        asked(upstream, settings=settings, messages=messages)
        sent = json.loads(upstream.sent[0].body)["messages"]
        assert sent == [messages[0], {"role": "assistant", "content": [{"type": "text", "text": "a"}]}]
    upstream = Listed(b"{}", headers=JSON_HEAD)
    asked(upstream, settings=table(NATIVE), messages='"sluice-')
    assert json.loads(upstream.sent[0].body)["messages"] == '"sluice-'


def test_limits_and_moderation_hold_on_the_caller_s_side() -> None:
    upstream = Listed(*STREAM)
    asked(upstream, settings={**GROQ, "MAX_OUTPUT_TOKENS": "20"}, stream=True)
    assert json.loads(upstream.sent[0].body)["max_tokens"] == 20
    words = {**GROQ, "MODERATION": "words", "MODERATION_WORDS": "hello", "MODERATION_MESSAGE": "No."}
    _, pieces = asked(Listed(*STREAM), settings=words, stream=True)
    *_, end, last = sse.objects(b"".join(pieces))
    assert (end["delta"]["stop_reason"], last["type"]) == ("refusal", "message_stop")


def test_counting_has_no_equal_and_models_are_listed() -> None:
    reply, _ = run(
        Listed(), request(f"{PATH}/count_tokens", json.dumps(ASKED).encode(), None, ANTHROPIC), settings=GROQ
    )
    assert reply.status == 404 and error_of(reply)["type"] == "not_found_error"
    models = b'{"object":"list","data":[{"id":"llama","object":"model"}]}'
    _, (body,) = run(
        Listed(models, headers=JSON_HEAD),
        request("/v1/models", b"", None, ANTHROPIC, "GET"),
        settings=GROQ,
    )
    assert json.loads(body)["data"][0]["display_name"] == "llama"
