"""Anthropic's Messages API: how its streams end, are merged, put together and read, over all recorded streams."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proxy.cost import figures
from proxy.errors import ContextTooLong, DeadlineReached, KeyInvalid, UpstreamDisconnected, UpstreamRefused
from proxy.protocols.merge import Coalescer
from proxy.protocols.messages import PROTOCOL
from proxy.wire import sse
from tests.support.paths import SHARED

MAX_CUTS = 50  # in one stream
RECORDED = sorted((SHARED / "data" / "native" / "messages").glob("*.sse"))


def event(kind: str, **members: Any) -> bytes:
    return sse.event({"type": kind, **members}, kind)


def start(**members: Any) -> bytes:
    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
    }
    return event("message_start", message={**message, "usage": {"input_tokens": 5, "output_tokens": 1}, **members})


def block(index: int, kind: str = "text", **members: Any) -> bytes:
    return event("content_block_start", index=index, content_block={"type": kind, **members})


def delta(index: int, kind: str, **members: Any) -> bytes:
    return event("content_block_delta", index=index, delta={"type": kind, **members})


def text(index: int, words: str) -> bytes:
    return delta(index, "text_delta", text=words)


def stop(index: int) -> bytes:
    return event("content_block_stop", index=index)


END = event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 9})
STOP = event("message_stop")


def objects(data: bytes | None) -> list[dict[str, Any]]:
    assert data is not None
    return list(sse.objects(data))


def whole(data: bytes) -> dict[str, Any]:
    accumulator = PROTOCOL.accumulator()
    for value in sse.objects(data):
        accumulator.add(value)
    return accumulator.whole()


def state_after(*pieces: bytes) -> Any:
    state = PROTOCOL.state()
    state.request_id = "sl_1"
    for piece in pieces:
        state.feed(piece)
    return state


def test_an_open_text_is_closed_and_the_message_ends() -> None:
    state = state_after(start(), block(0), text(0, "Hi"))
    closed, end, last = objects(state.truncated("deadline"))
    assert closed == {"type": "content_block_stop", "index": 0}
    assert end["delta"] == {"stop_reason": "max_tokens", "stop_sequence": None}
    assert end["usage"] == {"input_tokens": 5, "output_tokens": 1} and end["sluice"] == {"truncated": "deadline"}
    assert last == {"type": "message_stop"}


def test_an_open_call_of_a_tool_is_not_closed() -> None:
    state = state_after(start(), block(0, "tool_use", id="t", name="f", input={}))
    assert [value["type"] for value in objects(state.truncated("deadline"))] == ["message_delta", "message_stop"]


def test_nothing_said_is_no_truncated_answer() -> None:
    assert state_after(start(), block(0), b": ping\n\n").truncated("deadline") is None


def test_a_message_that_only_lacks_its_stop_gets_that() -> None:
    state = state_after(start(), block(0), text(0, "Hi"), stop(0), END)
    assert objects(state.truncated("deadline")) == [{"type": "message_stop"}] and not state.is_cut


@pytest.mark.parametrize(
    ("pieces", "is_cut"),
    [
        ((), False),
        ((PROTOCOL.ping(has_ids=False) or b"",), False),
        ((start(),), True),
        ((start(), block(0), text(0, "message_stop")), True),
        ((start(), END, STOP), False),
        ((start(), event("error", error={"type": "overloaded_error", "message": "x"})), False),
    ],
)
def test_a_stream_without_its_end_is_cut(pieces: tuple[bytes, ...], is_cut: bool) -> None:
    assert state_after(*pieces).is_cut is is_cut


def test_failures_are_error_events_with_a_type_of_the_api() -> None:
    cases = [
        (UpstreamDisconnected(), "api_error"),
        (DeadlineReached(), "timeout_error"),
        (KeyInvalid("x"), "authentication_error"),
        (UpstreamRefused(529, [], b"", {"type": "overloaded_error", "message": "busy"}), "overloaded_error"),
        (UpstreamRefused(429, [], b"", {"type": "requests", "message": "slow"}, 2.0), "rate_limit_error"),
        (UpstreamRefused(418, [], b"", {}), "invalid_request_error"),
    ]
    for error, kind in cases:
        data = state_after(start()).failed(error)
        (value,) = objects(data)
        assert data.startswith(b"event: error\n") and value["type"] == "error" and value["request_id"] == "sl_1"
        assert (value["error"]["type"], value["error"]["message"]) == (kind, error.explained)
        assert json.loads(PROTOCOL.error_body(error, "sl_1") or b"{}").get("type") in ("error", None)


def test_an_upstream_s_body_passes_and_one_that_came_otherwise_gets_the_api_s_form() -> None:
    assert PROTOCOL.error_body(UpstreamRefused(400, [], b'{"x":1}'), "sl_1") == b'{"x":1}'
    made = json.loads(PROTOCOL.error_body(UpstreamRefused(503, [], None, {"message": "m"}), "sl_1"))
    assert made["error"]["type"] == "api_error" and made["type"] == "error"


def test_a_prompt_that_is_too_long_is_refused_in_words_that_claude_code_knows() -> None:
    error = ContextTooLong(200_000, 250_000, 0, "estimate")
    message = json.loads(PROTOCOL.error_body(error, "sl_1"))["error"]["message"]
    assert message.startswith("prompt is too long: 250000 tokens > 200000 maximum")


def test_a_withheld_stream_ends_with_the_message_as_a_refusal() -> None:
    added = objects(state_after(start(), block(0), text(0, "Fine. ")).filtered("No.", b""))
    assert [value["type"] for value in added] == [
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert added[2]["delta"]["text"] == "No." and added[1]["index"] == 1
    assert added[4]["delta"]["stop_reason"] == "refusal"


def test_a_stream_that_is_withheld_at_once_keeps_only_ids() -> None:
    held = start(content=[{"type": "text", "text": "bad"}], secret="bad")
    data = state_after().filtered("No.", held)
    assert b"bad" not in data
    first = objects(data)[0]["message"]
    assert (first["id"], first["model"], first["usage"]["input_tokens"]) == ("msg_1", "m", 5)
    assert objects(state_after().filtered("No.", b""))[0]["message"]["id"] == "msg_sl_1"
    assert objects(state_after().filtered("No.", event("message_start", message=3)))[0]["message"]["id"] == "msg_sl_1"


def test_a_withheld_call_of_a_tool_is_neither_closed_nor_followed_by_text() -> None:
    state = state_after(start(), block(0, "tool_use", id="t", name="f"), delta(0, "input_json_delta", partial_json="{"))
    assert [value["type"] for value in objects(state.filtered("No.", b""))] == ["message_delta", "message_stop"]


def test_a_whole_answer_is_withheld_as_a_whole() -> None:
    answer = {"id": "msg_1", "type": "message", "content": [{"type": "text", "text": "bad"}], "stop_reason": "end_turn"}
    withheld = PROTOCOL.withheld({**answer, "usage": {"input_tokens": 1}}, [None], "No.")
    assert withheld["content"] == [{"type": "text", "text": "No."}] and withheld["stop_reason"] == "refusal"
    assert (withheld["id"], withheld["usage"]) == ("msg_1", {"input_tokens": 1})


def places(data: bytes) -> list[tuple[Any, str]]:
    read = PROTOCOL.event_texts(data)
    return [*read.new, *read.repeated]


def test_every_text_of_an_event_is_read() -> None:
    assert places(text(0, "a")) == [(("0", "text"), "a")]
    assert places(delta(1, "thinking_delta", thinking="b")) == [(("1", "thinking"), "b")]
    assert places(delta(2, "input_json_delta", partial_json='{"a')) == [(("2", "arguments"), '{"a')]
    assert places(delta(2, "signature_delta", signature="c2ln")) == []
    cited = delta(0, "citations_delta", citation={"cited_text": "c", "type": "char_location"})
    assert [words for _, words in places(cited)] == ["c"]
    assert [words for _, words in places(block(0, "tool_use", id="t", name="f", input={"q": "d"}))] == ["f", "d"]
    assert [words for _, words in places(block(0, "redacted_thinking", data="b64"))] == []
    assert [words for _, words in places(event("new_event", note="e"))] == ["e"]
    assert [words for _, words in places(event("content_block_delta", index=0, delta="f"))] == ["f"]
    assert places(event("error", error={"message": "m"})) == []
    assert PROTOCOL.event_texts(stop(3)).ended == {"3"} and PROTOCOL.event_texts(STOP).ended is None


def test_deltas_of_one_block_are_merged_and_others_are_not() -> None:
    pairs = [
        (text(0, "a"), text(0, "b"), "ab"),
        (delta(0, "thinking_delta", thinking="a"), delta(0, "thinking_delta", thinking="b"), "ab"),
        (delta(0, "input_json_delta", partial_json="a"), delta(0, "input_json_delta", partial_json="b"), "ab"),
        (text(0, "a"), text(1, "b"), None),
        (text(0, "a"), delta(0, "thinking_delta", thinking="b"), None),
        (delta(0, "signature_delta", signature="a"), delta(0, "signature_delta", signature="b"), None),
        (text(0, "a" * 8_000), text(0, "b" * 8_000), None),
        (delta(0, "text_delta", text=3), text(0, "b"), None),
        (STOP, STOP, None),
    ]
    for held, following, merged in pairs:
        value = PROTOCOL.merged(objects(held)[0], objects(following)[0])
        assert (None if value is None else [*value["delta"].values()][1]) == merged


def test_a_message_is_put_together_from_its_events() -> None:
    stream = (
        start()
        + block(0, "thinking", thinking="")
        + delta(0, "thinking_delta", thinking="So")
        + delta(0, "signature_delta", signature="sig")
        + stop(0)
        + block(1, "text", text="")
        + text(1, "Hi")
        + delta(1, "citations_delta", citation={"cited_text": "c"})
        + stop(1)
        + block(2, "tool_use", id="t", name="f", input={})
        + delta(2, "input_json_delta", partial_json='{"a":')
        + delta(2, "input_json_delta", partial_json=" 1}")
        + stop(2)
        + event("content_block_delta", index=3, delta={"type": "new_delta", "member": 1})
        + event("message_delta", delta={"stop_reason": "tool_use"}, usage={"output_tokens": 9, "x": None}, extra=1)
        + STOP
    )
    message = whole(stream)
    assert message["content"] == [
        {"type": "thinking", "thinking": "So", "signature": "sig"},
        {"type": "text", "text": "Hi", "citations": [{"cited_text": "c"}]},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
        {"type": "text", "text": "", "member": 1},
    ]
    assert (message["stop_reason"], message["extra"]) == ("tool_use", 1)
    assert message["usage"] == {"input_tokens": 5, "output_tokens": 9}


def test_a_message_that_was_cut_says_so_and_has_no_unfinished_call() -> None:
    call = block(1, "tool_use", id="t", name="f") + delta(1, "input_json_delta", partial_json='{"a')
    message = whole(start() + block(0) + text(0, "Hi") + stop(0) + call)
    assert (message["stop_reason"], len(message["content"])) == ("max_tokens", 1)
    accumulator = PROTOCOL.accumulator()
    assert not accumulator.has_begun
    for value in sse.objects(start() + call + event("message_delta", delta=1, usage=2)):
        accumulator.add(value)
    assert (accumulator.has_begun, accumulator.is_finished) == (True, False)
    broken = whole(start(usage=None) + call + END)
    assert broken["content"][0]["input"] == '{"a' and broken["usage"] == {"output_tokens": 9}


def test_an_empty_call_and_strange_blocks_break_nothing() -> None:
    empty = block(0, "tool_use", id="t", name="f", input={"a": 1}) + delta(0, "input_json_delta", partial_json="")
    assert whole(start() + empty + stop(0) + END)["content"][0]["input"] == {"a": 1}
    from proxy.protocols.answer_messages import answer_messages

    assert answer_messages({"content": [3, {"type": "text", "text": "a"}]})[0]["content"][0]["text"] == "a"
    both = PROTOCOL.event_texts(STOP + stop(0))
    assert both.ended is None


def test_a_stream_counts_as_its_message() -> None:
    stream = start() + block(0) + text(0, "Hi") + stop(0) + block(1, "tool_use", name="f", input={"a": 1}) + END
    (message,) = PROTOCOL.messages(stream)
    assert message["content"] == [{"type": "text", "text": "Hi"}]
    assert message["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a":1}'}
    assert PROTOCOL.messages(start()) == []


needs_recordings = pytest.mark.skipif(not RECORDED, reason="the recorded streams are not beside the checkout")


@needs_recordings
@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_stream_is_complete_and_means_the_same_when_merged(path: Path) -> None:
    data = path.read_bytes()
    events = sse.split(data)
    state = state_after(*events)
    assert not state.is_cut
    coalescer = Coalescer(PROTOCOL.merged)
    merged = b"".join([*coalescer.feed(data), *coalescer.rest()])
    assert whole(merged) == whole(data)
    used = figures.of(PROTOCOL.usage(data))
    message = whole(data)
    if message.get("usage"):
        assert used.output == message["usage"]["output_tokens"]


@needs_recordings
@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_stream_that_is_cut_anywhere_gets_a_true_end(path: Path) -> None:
    events = sse.split(path.read_bytes())
    if sum(b"message_start" in event for event in events) > 1:
        pytest.skip("two messages in one stream, which the API does not have")
    for count in range(1, len(events), max(1, len(events) // MAX_CUTS)):
        state = state_after(*events[:count])
        if state.ended or state.has_error:
            continue
        failed = objects(state.failed(UpstreamDisconnected()))
        assert [value["type"] for value in failed] == ["error"]
        end = state.truncated("deadline")
        if end is None:
            continue
        *_, last = objects(end)
        assert last == {"type": "message_stop"}
        check_grammar(b"".join(events[:count]) + end)


def check_grammar(data: bytes) -> None:
    """Blocks begin one after the other from 0; only calls of tools may stay open at the end."""
    opened: int | None = None
    kind, following = "", 0
    for value in sse.objects(data):
        if value["type"] == "content_block_start":
            assert opened is None and value["index"] == following
            opened, kind, following = value["index"], value["content_block"]["type"], following + 1
        elif value["type"] in ("content_block_delta", "content_block_stop"):
            assert value["index"] == opened
            opened = None if value["type"] == "content_block_stop" else opened
    assert opened is None or kind not in ("text", "thinking")
