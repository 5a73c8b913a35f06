"""Calls in a chat stream become blocks, one after the other."""

from __future__ import annotations

from proxy.protocols.translate.messages_to_chat.stream import MessagesStream
from tests.protocols.translate.messages_to_chat.said import said
from tests.support.translate import DONE, blocks, call, chunk, read, stream

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
