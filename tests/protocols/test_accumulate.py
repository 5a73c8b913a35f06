"""An assembled completion equals what the openai SDK accumulates, except where the SDK loses content."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.protocols.accumulate import ChunkAccumulator
from proxy.wire import sse
from tests.support.accumulate import accumulated, without_nulls
from tests.support.streams import recorded

CHATS = [file for file in recorded() if "chat" in file.name or "vercel" in file.name]
# Members of which the SDK keeps only the first or the last value, or concatenates values that are not text.
BETTER = ("x_groq", "usage", "native_finish_reason", "latency_checkpoint", "error", "service_tier", "sla_metrics")
BETTER_IN_CHOICE = ("text", "seed", "stop_reason", "native_finish_reason", "token_ids", "content_filter_results")


def completed(*chunks: dict[str, Any]) -> dict[str, Any]:
    accumulator = ChunkAccumulator()
    for chunk in chunks:
        accumulator.add(chunk)
    return accumulator.whole()


def comparable(answer: dict[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = without_nulls(answer)
    for name in (*BETTER, "p", "obfuscation"):
        plain.pop(name, None)
    for choice in plain["choices"]:
        for name in BETTER_IN_CHOICE:
            choice.pop(name, None)
        message = choice["message"]
        message.setdefault("role", "assistant")
        if isinstance(message.get("content"), list):  # the SDK keeps only the last kind of value
            message["content"] = "".join(part.get("text", "") for part in message["content"])
        message.pop("token_id", None)
        for call in message.get("tool_calls", []):
            call.pop("index", None)
        for detail in message.get("reasoning_details", []):
            detail.pop("format", None)
        # A stream that broke off has no reason; ours says that it is a part.
        choice.setdefault("finish_reason", "length")
    return plain


@pytest.mark.parametrize("file", CHATS, ids=[file.name for file in CHATS])
def test_recorded_streams_become_what_the_sdk_makes_of_them(file: Any) -> None:
    data = file.read_bytes()
    expected = accumulated(data)
    if expected is None or not expected.get("choices"):
        pytest.skip("the SDK cannot accumulate this one")
    assert comparable(completed(*sse.objects(data))) == comparable(expected)


def test_most_recorded_streams_are_compared() -> None:
    assert len([file for file in CHATS if accumulated(file.read_bytes())]) > len(CHATS) * 2 / 3


def chunk(delta: Any, index: int = 0, finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **more}


def test_an_answer_has_the_shape_of_an_answer() -> None:
    answer = completed(
        chunk({"role": "assistant", "content": ""}, obfuscation="x"),
        chunk({"content": "你"}),
        chunk({"content": "好"}),
        chunk({}, finish="stop"),
        {"id": "c", "choices": [], "usage": {"total_tokens": 3}},
    )
    assert answer == {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "usage": {"total_tokens": 3},
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "你好", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
    }
    assert list(answer) == ["id", "object", "created", "model", "choices", "usage"]


def test_parallel_tool_calls_stand_in_their_order_without_index() -> None:
    def call(index: int, arguments: str, **more: Any) -> dict[str, Any]:
        return chunk(
            {"tool_calls": [{"index": index, "function": {"arguments": arguments, **more.pop("f", {})}, **more}]}
        )

    answer = completed(
        call(1, "{", id="b", type="function", f={"name": "g"}),
        call(0, "", id="a", type="function", f={"name": "f"}),
        call(0, "{}", id="a", f={"name": "f"}),
        call(1, "}"),
        chunk({}, finish="tool_calls"),
    )
    assert answer["choices"][0]["message"] == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "tool_calls": [
            {"function": {"arguments": "{}", "name": "f"}, "id": "a", "type": "function"},
            {"function": {"arguments": "{}", "name": "g"}, "id": "b", "type": "function"},
        ],
    }


def test_choices_refusals_logprobs_and_audio_are_kept_apart() -> None:
    def scored(token: str) -> dict[str, Any]:
        return {"content": [{"token": token}], "refusal": None}

    first, second = chunk({"content": "a"}, 0), chunk({"refusal": "no"}, 1)
    first["choices"][0]["logprobs"], second["choices"][0]["logprobs"] = scored("a"), None
    third = chunk({"content": "b", "audio": {"data": "AA", "expires_at": 5}}, 0, "stop")
    third["choices"][0]["logprobs"] = {"content": [{"token": "b"}], "refusal": [{"token": "x"}]}
    fourth = chunk({"audio": {"data": "BB"}, "refusal": "pe"}, 1, "content_filter")
    answer = completed(first, second, third, fourth)
    first, second = answer["choices"]
    assert first["logprobs"] == {"content": [{"token": "a"}, {"token": "b"}], "refusal": [{"token": "x"}]}
    audio = {"data": "AA", "expires_at": 5}
    assert first["message"] == {"role": "assistant", "content": "ab", "refusal": None, "audio": audio}
    assert second["message"]["refusal"] == "nope" and second["finish_reason"] == "content_filter"


def test_unknown_fields_are_never_lost() -> None:
    first = chunk({"thoughts": "a", "n": 1, "flags": ["x"], "meta": {"k": "a"}}, provider="P", figures={"a": 1})
    first["choices"][0]["extra"] = {"e": 1}
    second = chunk({"thoughts": "b", "n": 2, "flags": ["y"], "meta": {"k": "b", "l": None}}, figures={"b": 2})
    answer = completed(first, second, chunk({"thoughts": None, "n": "text"}))
    message = answer["choices"][0]["message"]
    assert (message["thoughts"], message["n"], message["flags"]) == ("ab", "text", ["x", "y"])
    assert message["meta"] == {"k": "ab", "l": None}
    assert (answer["provider"], answer["figures"], answer["choices"][0]["extra"]) == ("P", {"a": 1, "b": 2}, {"e": 1})


def test_what_is_no_chunk_is_passed_over() -> None:
    accumulator = ChunkAccumulator()
    for other in ({"id": "x"}, {"choices": 1}, {"object": "", "choices": [{"index": 0, "delta": {"content": "x"}}]}):
        accumulator.add(other)
    assert (accumulator.has_begun, accumulator.has_text, accumulator.is_finished) == (False, False, False)
    accumulator.add({"choices": ["x", {"delta": None}]})
    assert (accumulator.has_begun, accumulator.has_text) == (True, False)
    accumulator.add(chunk({"tool_calls": ["odd"]}, 1))
    assert accumulator.whole()["choices"][0]["message"]["tool_calls"] == ["odd"]


def test_an_answer_that_broke_off_says_so() -> None:
    assert completed(chunk({"content": "a"}))["choices"][0]["finish_reason"] == "length"


def test_logprobs_that_are_no_lists_keep_what_came_first() -> None:
    completion = ChunkAccumulator()
    for logprobs in ({"content": [1], "refusal": None, "x": 1}, {"content": [2], "refusal": [3], "x": 2}, None):
        completion.add({"choices": [{"index": 0, "delta": {"content": "a"}, "logprobs": logprobs}]})
    (choice,) = completion.whole()["choices"]
    assert choice["logprobs"] == {"content": [1, 2], "refusal": [3], "x": 1}
    assert choice["message"]["content"] == "aaa"


def test_a_long_answer_is_put_together_in_time_that_grows_with_its_length_alone() -> None:
    completion = ChunkAccumulator()
    for number in range(40_000):
        calls = [{"index": number % 5_000, "function": {"arguments": "z" * 20}}]
        completion.add({"choices": [{"index": 0, "delta": {"content": "x" * 50, "tool_calls": calls}}]})
    message = completion.whole()["choices"][0]["message"]
    assert len(message["content"]) == 2_000_000 and len(message["tool_calls"]) == 5_000
