"""How a translated message ends, and what it counts."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import UpstreamDisconnected
from proxy.protocols.messages import PROTOCOL
from proxy.protocols.translate.messages_to_chat.stream import MessagesStream
from tests.protocols.translate.messages_to_chat.said import USAGE, said
from tests.support.translate import DONE, blocks, call, chunk, read, stream

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
