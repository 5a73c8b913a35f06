"""A chat stream becomes a stream of the Messages API that a strict client can read."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.protocols.translate.errors import stream_status
from proxy.protocols.translate.messages_to_chat.errors import translated_error
from proxy.protocols.translate.messages_to_chat.stream import MessagesStream
from proxy.protocols.translate.own_reasoning import detail
from proxy.wire import sse
from tests.protocols.translate.messages_to_chat.said import said, translated
from tests.support.translate import DONE, blocks, call, chunk, read, stream

# D4.1


def test_a_message_begins_with_the_requested_model_and_an_estimate_of_the_input() -> None:
    made = MessagesStream("claude-x", input_tokens=42)
    assert made.feed(stream(chunk({"role": "assistant", "content": ""}))) == b""
    (event, delta_start, delta) = sse.objects(made.feed(stream(chunk({"content": "Hi"}))))
    message = event["message"]
    assert (message["model"], message["role"], message["content"]) == ("claude-x", "assistant", [])
    assert message["usage"]["input_tokens"] == 42  # E9: context meters read it
    assert message["id"].startswith("msg_") and len(message["id"]) > 20
    assert delta_start["type"] == "content_block_start" and delta["delta"] == {"type": "text_delta", "text": "Hi"}


def test_the_id_depends_on_the_upstream_s_id_alone() -> None:
    one, same, other = (
        said(chunk({"content": "x"}, id=identifier), request_id=request)["id"]
        for identifier, request in (("a", "1"), ("a", "2"), ("b", "1"))
    )
    assert one == same != other


# D4.2


def test_reasoning_is_closed_and_signed_before_the_text() -> None:  # E4
    message = said(chunk({"reasoning_content": "Hm"}), chunk({"content": "Hi"}), chunk({}, "stop"))
    assert blocks(message) == [("thinking", "Hm"), ("text", "Hi")]
    assert message["content"][0]["signature"].startswith("sluice-")


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning_content": "Hm"},
        {"reasoning": "Hm"},
        {"reasoning": "Hm", "reasoning_details": [{"type": "reasoning.text", "text": "Hm"}]},
        {"reasoning_details": [{"type": "reasoning.summary", "summary": "Hm"}, {"type": "reasoning.encrypted"}]},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}]},
        {"content": [{"type": "thinking", "thinking": "Hm"}, {"type": "reference", "reference_ids": [1]}, 5]},
    ],
)
def test_reasoning_of_every_provider_is_thinking(delta: dict[str, Any]) -> None:
    assert blocks(said(chunk(delta), chunk({}, "stop"))) == [("thinking", "Hm")]


def test_a_delta_with_reasoning_and_text_has_a_block_for_each() -> None:  # E1
    message = said(
        chunk({"reasoning": "a", "content": "b"}), chunk({"reasoning": "c"}), chunk({"content": ["d"]}, "stop")
    )
    assert blocks(message) == [("thinking", "a"), ("text", "b"), ("thinking", "c"), ("text", "d")]


def test_there_are_no_empty_blocks() -> None:
    empty: dict[str, Any] = {"content": "", "reasoning_content": "", "tool_calls": [], "refusal": None}
    message = said(chunk(empty), chunk(empty), chunk({}, "stop"))
    assert (message["content"], message["stop_reason"]) == ([], "end_turn")


# D4.7


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>\nHm\n</think>\n\nHi", [("thinking", "Hm\n"), ("text", "Hi")]),
        ("\n <think>a</thin</think>b</think>", [("thinking", "a</thin"), ("text", "b</think>")]),
        ("<think>never closed </th", [("thinking", "never closed </th")]),
        ("a <think>b</think>", [("text", "a <think>b</think>")]),
        ("<thi", [("text", "<thi")]),
        (" " * 30 + "<think>", [("text", " " * 30 + "<think>")]),
        ("<think></think>", []),
    ],
)
def test_thinking_at_the_very_start_is_split_off(text: str, expected: list[tuple[str, str]], size: int) -> None:
    pieces = [chunk({"content": text[at : at + size]}) for at in range(0, len(text), size)]
    assert blocks(said(*pieces, chunk({}, "stop"))) == expected


def test_tags_are_text_where_reasoning_comes_apart_or_a_call_came_first() -> None:
    assert blocks(said(chunk({"reasoning": "r"}), chunk({"content": "<think>"}, "stop"))) == [
        ("thinking", "r"),
        ("text", "<think>"),
    ]
    message = said(
        chunk({"content": "<thi"}), chunk(call(0, "a", "f", '{"x":1}')), chunk({"content": "<think>"}, "stop")
    )
    assert blocks(message) == [("text", "<thi"), ("tool_use", 'f {"x":1}'), ("text", "<think>")]


# Errors and what else may be in a stream


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        ({"message": "busy", "code": 529}, "overloaded_error", "busy"),
        ({"message": "slow down", "type": "rate_limit_error"}, "rate_limit_error", "slow down"),
        ({"message": "bad", "code": "x"}, "api_error", "bad"),
        ("broken", "api_error", "broken"),
        (
            {"message": "This model's maximum context length is 1000 tokens. You sent 1200 tokens."},
            "invalid_request_error",
            "prompt is too long: 1200 tokens > 1000 maximum.",
        ),
    ],
)
def test_an_error_in_the_stream_ends_it(error: Any, kind: str, text: str) -> None:
    made = MessagesStream("m")
    data = made.feed(stream(chunk({"content": "x"}), {"error": error}, chunk({"content": "y"}, "stop")) + DONE)
    message = read(data + made.end())
    assert made.error == error and not made.is_cut and not made.ended and not message["ended"]
    translated = translated_error(stream_status(made.error), made.error).body["error"]
    assert translated["type"] == kind and translated["message"].startswith(text)
    assert blocks(message) == [("text", "x")]


def test_a_finish_reason_may_be_an_error() -> None:
    made = MessagesStream("m")
    data = made.feed(stream(chunk({"content": "x"}), chunk({}, "insufficient_system_resource")) + DONE)
    assert "insufficient_system_resource" in made.error and not read(data + made.end())["ended"]


def test_comments_and_the_upstream_s_end_are_eaten() -> None:  # E33
    made = MessagesStream("m")
    assert made.feed(b": ping\n\n") == made.feed(b": OPENROUTER PROCESSING\n\n") == made.feed(b"data: x\n\n") == b""
    data = made.feed(b": k\n\n" + stream(chunk({"content": "x"}), 5, chunk({}, "stop")) + DONE)
    assert b"[DONE]" not in data and b": k" not in data
    assert read(data)["ended"]


def test_an_unfinished_last_event_is_read_if_it_is_whole() -> None:
    made = MessagesStream("m")
    data = made.feed(stream(chunk({"content": "x"}))) + made.feed(stream(chunk({}, "stop")).rstrip())
    assert read(data + made.end())["ended"]


def test_a_whole_answer_at_the_end_adds_nothing_to_what_was_said() -> None:
    whole = {"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}
    assert blocks(said({"choices": [whole]})) == [("text", "Hi")]
    assert blocks(said(chunk({"content": "Hi"}), {"choices": [whole]})) == [("text", "Hi")]
    assert blocks(said({"choices": [{"text": "Hi", "finish_reason": "stop"}]})) == [("text", "Hi")]


def test_deltas_of_unknown_shapes_say_nothing() -> None:
    deep: Any = "x"
    for _ in range(9):
        deep = [deep]
    message = said(chunk({"content": deep, "tool_calls": [5], "reasoning_details": 5}), chunk({}, "stop"))
    assert blocks(message) == []


def test_other_choices_are_not_mixed_in() -> None:
    other = {"choices": [5, {"index": 1, "delta": {"content": "no"}, "finish_reason": "stop"}]}
    assert blocks(said(other, chunk({"content": "yes"}), other, chunk({}, "stop"))) == [("text", "yes")]


def test_half_a_character_is_passed_as_an_escape() -> None:
    halves = [{"choices": [{"index": 0, "delta": {"content": half}}]} for half in ("\ud83d", "\ude00")]
    events = MessagesStream("m").feed(stream(*halves))
    assert b"\\ud83d" in events and b"\\ude00" in events


def test_bytes_that_are_no_text_cost_only_themselves() -> None:
    data = stream(chunk({"content": "a"}), chunk({"content": "LOST"}), chunk({}, "stop")) + DONE
    assert blocks(translated(data.replace(b"LOST", b"b\xffc"))) == [("text", "ab\ufffdc")]


def test_an_event_that_cannot_be_read_is_never_passed_over() -> None:
    data = stream(chunk({"content": "a"})) + b'data: {"choices": [{"del\n\n' + stream(chunk({}, "stop")) + DONE
    made = MessagesStream("m")
    assert not read(made.feed(data) + made.end())["ended"] and "not readable" in made.error["message"]


def test_calls_without_ids_may_share_an_index() -> None:  # E5
    both = [chunk(call(0, "", name, '{"x":1}')) for name in ("f", "g")]
    assert blocks(said(*both, chunk({}, "tool_calls"))) == [("tool_use", 'f {"x":1}'), ("tool_use", 'g {"x":1}')]
    pieces = [chunk(call(0, None, "f", '{"x"')), chunk(call(0, None, "f", ":1}"))]
    assert blocks(said(*pieces, chunk({}, "tool_calls"))) == [("tool_use", 'f {"x":1}')]


def test_encrypted_reasoning_waits_for_a_call() -> None:
    def sealed(text: str) -> Any:
        return chunk({"reasoning_details": [detail(text)]})

    calls = [chunk(call(index, f"c{index}", "f", "{}")) for index in range(2)]
    summary = chunk({"reasoning_content": "Hm"})
    found = said(
        sealed("a"), calls[0], summary, sealed("b"), summary, sealed("c"), calls[1], sealed("d"), chunk({}, "stop")
    )
    kinds = [(block["type"], block.get("signature", "")) for block in found["content"]]
    thinking = [("thinking", f"sluice-encrypted-{letter}") for letter in "abcd"]
    assert kinds == [thinking[0], ("tool_use", ""), thinking[1], thinking[2], ("tool_use", ""), thinking[3]]
    assert [block.get("thinking") for block in found["content"]] == ["", None, "Hm", "Hm", None, ""]
    found = said(summary, sealed("a"), chunk({"content": "Hi"}, "stop"))
    assert blocks(found) == [("thinking", "Hm"), ("text", "Hi")]
    assert found["content"][0]["signature"] == "sluice-encrypted-a"
