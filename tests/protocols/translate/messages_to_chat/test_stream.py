"""A chat stream becomes a stream of the Messages API that a strict client can read."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import UpstreamDisconnected
from proxy.protocols.messages import PROTOCOL
from proxy.protocols.translate.errors import stream_status
from proxy.protocols.translate.messages_to_chat.errors import translated_error
from proxy.protocols.translate.messages_to_chat.stream import MessagesStream
from proxy.protocols.translate.own_reasoning import detail
from proxy.wire import sse
from tests.support.translate import DONE, blocks, call, chunk, read, stream

USAGE = {"prompt_tokens": 10, "completion_tokens": 3}


def translated(data: bytes, **options: Any) -> dict[str, Any]:
    """The message of a whole chat stream."""
    made = MessagesStream("claude-x", **options)
    return read(made.feed(data) + made.end())


def said(*chunks: Any, **options: Any) -> dict[str, Any]:
    return translated(stream(*chunks) + DONE, **options)


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


# D4.3


def test_a_call_starts_only_with_an_id_and_a_name() -> None:
    made = MessagesStream("m")
    assert made.feed(stream(chunk(call(0, "c1")), chunk(call(0, None, None, '{"a"')))) == b""
    data = made.feed(stream(chunk(call(0, None, "f")), chunk(call(0, None, None, ":1}"))))
    message = read(data + made.feed(stream(chunk({}, "tool_calls")) + DONE))
    assert blocks(message) == [("tool_use", 'f {"a":1}')]
    assert (message["content"][0]["id"], message["stop_reason"]) == ("c1", "tool_use")


def test_a_call_without_a_name_is_no_block() -> None:  # E6
    message = said(chunk({"content": "Hi"}), chunk(call(0, "c1", None, "{}")), chunk({}, "tool_calls"))
    assert blocks(message) == [("text", "Hi")]
    assert message["stop_reason"] == "end_turn"


def test_a_call_without_an_id_gets_one_at_the_end() -> None:
    first, again = (said(chunk(call(0, None, "f", '{"a":1}')), chunk({}, "stop")) for _ in "12")
    assert blocks(first) == [("tool_use", 'f {"a":1}')]
    assert first["content"][0]["id"] == again["content"][0]["id"] != ""
    assert first["stop_reason"] == "tool_use"


def test_calls_that_come_one_after_the_other_are_streamed() -> None:
    made = MessagesStream("m")
    data = made.feed(stream(chunk(call(0, "a", "f", '{"x":1}')), chunk(call(1, "b", "g", '{"y"'))))
    assert blocks(read(data)) == [("tool_use", 'f {"x":1}'), ("tool_use", 'g {"y"')]


def test_interleaved_calls_wait_for_the_open_one() -> None:  # E3: indices without gaps
    message = said(
        chunk(call(0, "a", "f", '{"x"')),
        chunk(call(3, "b", "g", '{"y"')),
        chunk(call(7, "c", "h", "{}")),
        chunk(call(0, None, None, ":1}")),
        chunk(call(3, None, None, ":2}")),
        chunk({}, "tool_calls"),
    )
    assert blocks(message) == [("tool_use", 'f {"x":1}'), ("tool_use", 'g {"y":2}'), ("tool_use", "h {}")]
    assert all(block["closed"] for block in message["content"])


def test_parallel_calls_that_share_an_index_are_told_apart_by_their_ids() -> None:  # E5
    message = said(
        chunk(call(0, "a", "f", '{"x":')),
        chunk(call(0, "b", "g", '{"y":2}')),
        chunk(call(0, "a", "f", "1}")),
        chunk({}, "tool_calls"),
    )
    assert blocks(message) == [("tool_use", 'f {"x":1}'), ("tool_use", 'g {"y":2}')]


def test_calls_without_an_index_are_told_apart_by_their_ids_or_names() -> None:
    message = said(
        chunk(call(None, "a", "f", '{"x":')),
        chunk(call(None, None, None, "1}")),
        chunk(call(None, "b", "g", '{"y":')),
        chunk(call(None, "b", None, "2}")),
        chunk(call(None, None, "h", "[")),
        chunk(call(None, None, None, "]")),
        chunk({}, "tool_calls"),
    )
    assert blocks(message) == [("tool_use", 'f {"x":1}'), ("tool_use", 'g {"y":2}'), ("tool_use", "h []")]
    assert blocks(said(chunk(call(None, None, None, "1")), chunk(call(None, None, "f", "2")))) == []


def test_arguments_may_be_an_object_or_nothing() -> None:  # E2
    message = said(chunk(call(0, "a", "f", {"x": [1]})), chunk(call(1, "b", "g")), chunk({}, "tool_calls"))
    assert blocks(message) == [("tool_use", 'f {"x":[1]}'), ("tool_use", "g {}")]


def test_broken_arguments_are_passed_as_they_are() -> None:
    assert blocks(said(chunk(call(0, "a", "f", '{"x":')), chunk({}, "tool_calls"))) == [("tool_use", 'f {"x":')]


def test_cumulative_arguments_are_undone_only_where_the_provider_is_known_for_them() -> None:  # E10
    pieces = [chunk(call(0, "a", "f", text)) for text in ('{"x', '{"x":1', '{"x":1}', "!")]
    assert blocks(said(*pieces, chunk({}, "stop"), cumulative=True)) == [("tool_use", 'f {"x":1}!')]
    assert blocks(said(*pieces[:2], chunk({}, "stop"))) == [("tool_use", 'f {"x{"x":1')]


def test_the_older_call_of_a_function_is_a_call() -> None:
    message = said(
        chunk({"function_call": {"name": "f", "arguments": ""}}),
        chunk({"function_call": {"arguments": "{}"}}),
        chunk({}, "function_call"),
    )
    assert (blocks(message), message["stop_reason"]) == ([("tool_use", "f {}")], "tool_use")


def test_a_shortened_name_is_restored() -> None:
    message = said(chunk(call(0, "a", "f_1", "{}")), chunk({}, "stop"), names={"f_1": "original"})
    assert blocks(message) == [("tool_use", "original {}")]


# D4.4


def test_text_after_a_call_is_a_new_block() -> None:
    message = said(chunk({"content": "a"}), chunk(call(0, "c", "f", '{"x":1}')), chunk({"content": "b"}, "stop"))
    assert blocks(message) == [("text", "a"), ("tool_use", 'f {"x":1}'), ("text", "b")]
    assert message["stop_reason"] == "tool_use"  # E7


def test_text_between_the_arguments_of_a_call_does_not_break_it() -> None:
    message = said(
        chunk(call(0, "c", "f", "{}")),
        chunk({"content": "a"}),
        chunk({"content": "b"}),
        chunk({"reasoning": "r"}),
        chunk(call(1, "d", "g", "{}")),
        chunk({"content": "c"}, "stop"),
    )
    expected = [("tool_use", "f {}"), ("text", "ab"), ("thinking", "r"), ("tool_use", "g {}"), ("text", "c")]
    assert blocks(message) == expected


def test_arguments_after_the_end_of_a_call_are_ignored() -> None:
    message = said(
        chunk(call(0, "c", "f", '{"x":1}')), chunk({"content": "b"}), chunk(call(0, None, None, " ")), chunk({}, "stop")
    )
    assert blocks(message) == [("tool_use", 'f {"x":1}'), ("text", "b")]


# D4.5 and D4.6


@pytest.mark.parametrize(
    ("finish", "expected"),
    [
        ("stop", "end_turn"),
        ("eos", "end_turn"),
        ("tool_calls", "end_turn"),
        ("length", "max_tokens"),
        ("content_filter", "refusal"),
        ("model_context_window_exceeded", "model_context_window_exceeded"),
    ],
)
def test_each_finish_reason_has_its_stop_reason(finish: str, expected: str) -> None:
    message = said(chunk({"content": "x"}), chunk({}, finish))
    assert (message["stop_reason"], message["stop_sequence"], message["ended"]) == (expected, None, True)


def test_a_refusal_is_text_with_its_own_stop_reason() -> None:
    message = said(chunk({"refusal": "I can"}), chunk({"refusal": "not."}), chunk({}, "stop"))
    assert (blocks(message), message["stop_reason"]) == ([("text", "I cannot.")], "refusal")


def test_the_end_waits_for_the_usage() -> None:
    made = MessagesStream("m")
    data = made.feed(stream(chunk({"content": "x"}), chunk({}, "stop")))
    assert not read(data)["ended"]
    assert (made.ended, made.is_cut) == (False, False)
    end = made.feed(stream({"id": "1", "choices": [], "usage": USAGE}))
    assert made.ended  # E37: nothing follows, so the connection can be closed
    message = read(data + end)
    assert message["usage"]["input_tokens"] == 10 and message["usage"]["output_tokens"] == 3
    assert made.feed(DONE + stream(chunk({"content": "y"}))) == made.end() == b""  # E32: once


def test_deadlines_and_cuts_end_a_translated_stream_like_any_other() -> None:
    for delta, closed in (({"content": "x"}, True), ({"reasoning": "x"}, True), (call(0, "a", "f", "{"), False)):
        events = MessagesStream("m").feed(stream(chunk(delta)))
        state = PROTOCOL.state()
        state.feed(events)
        assert state.is_cut
        message = read(events + (state.truncated("deadline") or b""))
        assert (message["stop_reason"], message["ended"]) == ("max_tokens", True)
        assert message["content"][0]["closed"] == closed
        assert read(events + state.failed(UpstreamDisconnected()))["error"]["type"] == "api_error"


@pytest.mark.parametrize("usage", [{"usage": USAGE}, {"choices": [{"index": 0, "delta": {}, "usage": USAGE}]}])
def test_usage_may_come_with_the_finish_reason_and_the_stream_just_stop(usage: dict[str, Any]) -> None:
    made = MessagesStream("m")
    data = made.feed(stream(chunk({"content": "x"}), chunk({}, "stop"), chunk({}, **usage)))
    assert not made.ended
    message = read(data + made.end())
    assert message["ended"] and message["usage"]["output_tokens"] == 3


def test_cached_tokens_are_not_counted_twice() -> None:  # E8
    details = {"cached_tokens": 6, "cache_write_tokens": 1}
    usage: dict[str, Any] = {"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": details}
    usage["completion_tokens_details"] = {"reasoning_tokens": 2}
    message = said(chunk({"content": "x"}, "stop"), {"choices": [], "usage": usage})
    counts = {
        "input_tokens": 3,
        "cache_read_input_tokens": 6,
        "cache_creation_input_tokens": 1,
        "output_tokens": 3,
        "output_tokens_details": {"thinking_tokens": 2},
    }
    assert message["usage"] == message["usage"] | counts


def test_without_a_usage_the_estimate_stays() -> None:
    message = said(chunk({"content": "x"}, "stop"), input_tokens=7)
    assert message["usage"]["input_tokens"] == 7 and message["usage"]["output_tokens"] == 0


def test_a_stream_without_a_finish_reason_is_cut() -> None:  # E32
    made = MessagesStream("m")
    assert made.is_cut
    data = made.feed(stream(chunk({"content": "x"}))) + made.end()
    assert made.is_cut and not made.ended and not read(data)["ended"]
    assert made.feed(b"") == b""


def test_the_protocol_s_own_end_is_enough_for_providers_without_finish_reasons() -> None:
    assert said(chunk({"content": "x"}))["stop_reason"] == "end_turn"
    made = MessagesStream("m")
    assert made.feed(DONE) == b"" and made.is_cut


def test_a_call_that_the_limit_cut_stays_open() -> None:  # A3
    message = said(chunk(call(0, "a", "f", '{"x":1}')), chunk(call(1, "b", "g", '{"y')), chunk({}, "length"))
    assert [block["closed"] for block in message["content"]] == [True, False]
    assert message["stop_reason"] == "max_tokens" and message["ended"]
    message = said(chunk(call(0, "a", "f")), chunk(call(1, "b", "g", "{}")), chunk({}, "length"))
    assert [block["closed"] for block in message["content"]] == [False]


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
