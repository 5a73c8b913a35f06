"""METERING: the tokens and cost of a call, reported by the upstream or counted. Without it, bytes pass unchanged."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from proxy import startup
from proxy.cost import metering, settlement
from proxy.messages import Headers
from proxy.upstream import Target
from proxy.wire import sse
from tests.support import fake_clock
from tests.support.core import KEY, Body, Listed, request
from tests.support.metered import DONE, HI, JSON, TEXT, TEXT_NULL, USAGE, USED, metered
from tests.support.slices import scanned


def sent_json(upstream: Listed, call: int = 0) -> Any:
    return json.loads(upstream.sent[call].body)


def test_a_stream_s_usage_is_asked_for_and_taken_out_again() -> None:
    upstream = Listed(TEXT_NULL + TEXT_NULL, USAGE + DONE)
    _, body, line = metered(upstream)
    assert sent_json(upstream)["stream_options"] == {"include_usage": True}
    assert upstream.sent[0].body.startswith(HI[:-1])
    assert body == TEXT + TEXT + DONE
    assert (line["gen_ai.usage.input_tokens"], line["gen_ai.usage.output_tokens"]) == (8, 2)
    assert (line["usage_source"], line["cost_usd"]) == ("upstream", (8 * 0.15 + 2 * 0.6) / 1e6)
    assert len(line["prices_date"]) == 10 and "audio_output_tokens" not in line


def test_who_asks_for_usage_gets_it_byte_for_byte() -> None:
    body = HI[:-1] + b',"stream_options":{"include_usage":true}}'
    upstream = Listed(TEXT_NULL, USAGE, DONE)
    _, answered, line = metered(upstream, body)
    assert upstream.sent[0].body == body
    assert answered == TEXT_NULL + USAGE + DONE
    assert line["usage_source"] == "upstream"


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"include_usage": False}, {"include_usage": True}),
        ({"include_obfuscation": False}, {"include_obfuscation": False, "include_usage": True}),
        (None, {"include_usage": True}),
        ("strange", "strange"),
    ],
)
def test_other_stream_options_stay(options: Any, sent: Any) -> None:
    upstream = Listed(TEXT, USAGE, DONE)
    metered(upstream, HI[:-1] + b',"stream_options":' + json.dumps(options).encode() + b"}")
    assert sent_json(upstream)["stream_options"] == sent


def test_off_means_that_bytes_pass_untouched() -> None:
    upstream = Listed(TEXT_NULL, USAGE, DONE)
    _, body, line = metered(upstream, mode="off")
    assert upstream.sent[0].body == HI and body == TEXT_NULL + USAGE + DONE
    assert "cost_usd" not in line and "usage_source" not in line


def test_an_upstream_that_tells_nothing_is_counted_and_said_to_be_an_estimate() -> None:
    _, body, line = metered(Listed(TEXT, DONE))
    assert body == TEXT + DONE
    assert (line["gen_ai.usage.input_tokens"], line["gen_ai.usage.output_tokens"]) == (8, 2)
    assert (line["usage_source"], line["cost_usd"]) == ("estimate", (8 * 0.15 + 2 * 0.6) / 1e6)


def test_a_stream_that_was_cut_is_counted_as_far_as_it_came() -> None:
    from proxy.errors import UpstreamDisconnected

    _, _, line = metered(Listed(TEXT, TEXT, UpstreamDisconnected()))
    assert (line["gen_ai.usage.output_tokens"], line["usage_source"]) == (4, "estimate")
    assert line["ending"] == "upstream_disconnected"


def test_hidden_reasoning_makes_it_a_lower_bound() -> None:
    _, _, line = metered(Listed(TEXT.replace(b"gpt-4o-mini-2024-07-18", b"o3-mini"), DONE))
    assert line["usage_source"] == "at_least"


def test_an_upstream_that_refuses_the_field_is_asked_as_the_caller_asked() -> None:
    refusal = b'{"error":{"message":"Unknown field: stream_options","param":null}}'

    class Refuses(Listed):
        async def send(self, outgoing: Any) -> Any:
            answer = await super().send(outgoing)
            if b"stream_options" in outgoing.body:
                answer.status, answer.headers, answer.body = 422, Headers(answer.headers), Body(refusal)
                answer.headers.set("content-type", "application/json")
            return answer

    upstream = Refuses(TEXT, DONE)
    reply, body, line = metered(upstream)
    assert (reply.status, body, len(upstream.sent)) == (200, TEXT + DONE, 2)
    assert upstream.sent[1].body == HI and line["usage_source"] == "estimate"


def test_any_other_refusal_stands() -> None:
    refusal = b'{"error":{"message":"no such model","param":"model"}}'
    upstream = Listed(refusal, status=400, headers=JSON)
    reply, body, line = metered(upstream)
    assert (reply.status, body, len(upstream.sent)) == (400, refusal, 1)
    assert "usage_source" not in line and "cost_usd" not in line


def test_a_model_that_once_refused_is_not_asked_again() -> None:
    from proxy.call import Call
    from tests.support.core import host

    fake_host = host()
    fake_host.learn(fake_host.no_usage, "default", "gpt-4o-mini")
    call = Call(request(body=HI), startup.load({"METERING": "on"}), fake_host, Listed())
    from proxy.wire.paths import normalise_path

    call.take_route(normalise_path("/v1/chat/completions"))
    call.body.document = scanned(HI)
    call.body.fields = {"stream": True, "model": "gpt-4o-mini"}
    call.plan.targets = [Target("default", "https://x/v1", "sk")]
    fake_clock.run(metering.apply(call))
    assert call.body.outgoing == HI
    call.plan.targets = [Target("other", "https://x/v1", "sk")]
    fake_clock.run(metering.apply(call))
    assert b"include_usage" in call.body.outgoing
    call.body.document, call.body.received = None, b"no JSON"
    fake_clock.run(metering.apply(call))
    assert call.body.outgoing == b"no JSON"


def test_whole_answers_tell_the_cost_in_a_header() -> None:
    body = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hi"}],"service_tier":"priority"}'
    answer = b'{"model":"gpt-4o-mini","choices":[],"usage":' + json.dumps(USED).encode() + b"}"
    head = (*JSON, ("content-length", str(len(answer))))
    reply, answered, line = metered(Listed(answer, headers=head), body, "header")
    assert answered == answer
    assert reply.headers.get("x-sluice-cost-usd") == f"{(8 * 0.25 + 2 * 1) / 1e6:f}"
    assert reply.headers.get("x-sluice-usage") == "input=8; output=2; source=upstream"
    assert line["cost_usd"] == (8 * 0.25 + 2) / 1e6
    reply, _, _ = metered(Listed(answer, headers=head), body)
    assert reply.headers.get("x-sluice-cost-usd") is None


def test_a_model_without_a_price_has_no_cost_never_none_at_all() -> None:
    answer = b'{"model":"mine","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}'
    head = (*JSON, ("content-length", str(len(answer))))
    reply, _, line = metered(Listed(answer, headers=head), b'{"model":"mine","messages":[]}', "header")
    assert "cost_usd" not in line and line["usage_source"] == "upstream"
    assert reply.headers.get("x-sluice-cost-usd") is None
    assert "input=1" in str(reply.headers.get("x-sluice-usage"))


def test_the_last_comment_of_a_stream_tells_it_too() -> None:
    _, body, _ = metered(Listed(TEXT, DONE), mode="comment")
    assert body.startswith(TEXT + DONE + b": sluice {") and body.endswith(b"}\n\n")
    figures = json.loads(body[len(TEXT + DONE) + len(b": sluice ") :])
    assert figures == {"input_tokens": 8, "output_tokens": 2, "source": "estimate", "cost_usd": (8 * 0.15 + 1.2) / 1e6}


def test_whole_answers_without_usage_are_counted_too() -> None:
    packed = gzip.compress(b'{"model":"gpt-4o-mini","choices":[{"message":{"content":"Hello there"}},5]}')
    head = (*JSON, ("content-encoding", "gzip"))
    _, answered, line = metered(Listed(packed, headers=head), HI.replace(b'"stream":true,', b""))
    assert answered == packed
    assert (line["gen_ai.usage.output_tokens"], line["usage_source"]) == (2, "estimate")


@pytest.mark.parametrize(
    ("path", "body", "answer", "expected"),
    [
        (
            "/v1/completions",
            b'{"model":"gpt-4o-mini","prompt":"Hi","stream":true}',
            b'data: {"choices":[{"index":0,"text":"Hello"}]}\n\ndata: {"choices":[{"index":0,"text":" there"},5]}\n\n',
            (1, 2),
        ),
        (
            "/v1/responses",
            b'{"model":"gpt-4o-mini","input":"Hi","stream":true}',
            (
                b'event: a\ndata: {"type":"response.output_text.delta","delta":"Hello"}\n\n'
                b'data: {"type":"response.output_text.delta","delta":" there"}\n\ndata: {"type":"x"}\n\n'
            ),
            (8, 3),
        ),
    ],
)
def test_other_protocols_are_counted_by_their_deltas(
    path: str, body: bytes, answer: bytes, expected: tuple[int, int]
) -> None:
    _, _, line = metered(Listed(answer), body, path=path)
    assert (line["gen_ai.usage.input_tokens"], line["gen_ai.usage.output_tokens"]) == expected
    assert line["usage_source"] == "estimate"


def test_older_whole_answers_are_counted_by_their_texts() -> None:
    body = b'{"model":"gpt-4o-mini","prompt":"Hi"}'
    _, _, line = metered(Listed(b'{"choices":[{"text":"Hello there"}]}', headers=JSON), body, path="/v1/completions")
    assert line["gen_ai.usage.output_tokens"] == 2


@pytest.mark.parametrize("answer", [b"", b"no JSON", b"[]", b'{"choices":[]}'])
def test_an_answer_that_says_nothing_is_not_counted(answer: bytes) -> None:
    _, _, line = metered(Listed(answer, headers=JSON), b'{"model":"gpt-4o-mini","messages":[]}')
    assert "usage_source" not in line


def test_other_paths_are_left_alone() -> None:
    _, _, line = metered(Listed(b'{"usage":{"prompt_tokens":1}}', headers=JSON), path="/v1/embeddings")
    assert line["gen_ai.usage.input_tokens"] == 1 and "usage_source" not in line


def test_where_nothing_can_count_nothing_is_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from proxy.cost import estimate
    from proxy.errors import NotInstalled

    def cannot(*_: Any) -> None:
        raise NotInstalled

    monkeypatch.setattr(estimate, "count_prompt", cannot)
    _, body, line = metered(Listed(TEXT, DONE))
    assert body == TEXT + DONE and "usage_source" not in line
    _, body, _ = metered(Listed(TEXT, DONE), mode="comment")
    assert b'"source": null' in body


def test_a_very_long_stream_is_counted_as_a_lower_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settlement, "_MAX_KEPT_BYTES", 100)
    _, _, line = metered(Listed(TEXT, TEXT, TEXT, DONE))
    assert (line["gen_ai.usage.output_tokens"], line["usage_source"]) == (2, "at_least")


def test_only_the_chunk_that_was_asked_for_is_taken_out() -> None:
    for kept in (
        b'data: {"choices":[{"delta":{"content":"\\"usage\\":null"}}]}\n\n',
        b'data: {"choices":[{"delta":{}}],"usage":{"prompt_tokens":1}}\n\n',
        b'data: {"choices":[],"usage":5}\n\n',
        b'data: {"error":{"message":"x"},"usage":{"prompt_tokens":1}}\n\n',
        b'data: {"x":"\\"usage\\""}\n\ndata: {"choices":[],"usage" broken\n\n',
        b": a comment\n\n",
    ):
        assert metering.without_usage(kept) == kept
        assert metering.without_usage(kept + USAGE + kept) == kept + kept


@pytest.mark.parametrize("choices", [b'"choices":[],', b'"choices": null, ', b""])
def test_the_chunk_that_was_asked_for_is_taken_out_whatever_its_choices_are(choices: bytes) -> None:
    added = b'data: {"id":"c",' + choices + b'"usage":' + json.dumps(USED).encode() + b"}\n\n"
    _, body, line = metered(Listed(TEXT.replace(b"}\n\n", b', "usage": null}\n\n'), added, DONE))
    assert body == TEXT + DONE
    assert (line["gen_ai.usage.input_tokens"], line["gen_ai.usage.output_tokens"]) == (8, 2)
    _, body, line = metered(Listed(TEXT, added, DONE), ASSEMBLE="always")
    assert (line["gen_ai.usage.output_tokens"], line["usage_source"]) == (2, "upstream")


def test_a_stream_that_is_left_early_is_counted() -> None:
    from proxy.relay import relay
    from tests.support.core import host

    lines: list[str] = []

    async def go() -> None:
        reply = await relay(
            request(body=HI, headers=KEY), startup.load({"METERING": "1"}), Listed(TEXT, 5.0), host(lines)
        )
        assert not isinstance(reply.body, bytes)
        await anext(reply.body)
        await reply.body.aclose()

    fake_clock.run(go())
    line = json.loads(lines[-1])
    assert (line["ending"], line["gen_ai.usage.output_tokens"]) == ("client_disconnected", 2)


def test_what_cannot_be_counted_is_not_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from proxy.tokens import completion

    def deep(*_: Any) -> None:
        raise RecursionError

    monkeypatch.setattr(completion, "count", deep)
    _, body, line = metered(Listed(TEXT, DONE))
    assert body == TEXT + DONE and "usage_source" not in line


@pytest.mark.parametrize("end", [b"data: [DONE]", b"data: [DONE]\n", b"data: [DONE]\n\n", b"data: [DONE]\r\n\r\n"])
def test_the_comment_stands_after_the_last_event_even_if_that_was_not_ended(end: bytes) -> None:
    _, body, _ = metered(Listed(TEXT, USAGE, end), mode="comment")
    events, comment = body.rsplit(b": sluice ", 1)
    assert events.startswith(TEXT + end) and [data for _, data in sse.events(events)][-1].strip() == b"[DONE]"
    assert events.endswith((b"\n\n", b"\r\n\r\n")) and json.loads(comment)["output_tokens"]
