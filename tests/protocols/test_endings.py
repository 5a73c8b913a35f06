"""How streams end, depending on what they have sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import UpstreamDisconnected, UpstreamRefused
from proxy.protocols import registry
from proxy.protocols.base import StreamState
from proxy.protocols.chunks import DONE
from proxy.wire import sse


def state_of(protocol: str, choices: int = 1) -> StreamState:
    return registry.get(protocol).state(choices)


def chat(*choices: dict[str, Any], **more: Any) -> bytes:
    return sse.event({"id": "c1", "created": 7, "model": "m", "choices": list(choices), **more})


def choice(index: int, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"index": index, "delta": delta, "finish_reason": finish}


def read(data: bytes | None) -> list[dict[str, Any]]:
    assert data is not None
    return list(sse.objects(data))


def test_each_open_choice_is_closed_and_finished_ones_are_not() -> None:
    state = state_of("chat", 3)
    state.feed(sse.event({"id": "", "choices": []}))  # Azure's first
    state.feed(chat(choice(0, role="assistant", content="")))
    assert state.truncated("deadline") is None
    state.feed(chat(choice(0, content="a"), choice(1, content="b")))
    state.feed(chat(choice(1, "stop")))
    end = state.truncated("deadline")
    first, second = read(end)
    assert (first["id"], first["model"], first["created"], first["object"]) == ("c1", "m", 7, "chat.completion.chunk")
    assert first["choices"] == [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "length"}]
    assert second["choices"][0]["index"] == 2
    assert first["sluice"] == {"truncated": "deadline"}
    assert end is not None and end.endswith(DONE)


@pytest.mark.parametrize(
    "delta",
    [
        {"content": "x"},
        {"reasoning_content": "x"},
        {"refusal": "x"},
        {"tool_calls": [{"index": 0}]},
        {"audio": {"id": "a"}},
    ],
)
def test_anything_but_the_role_counts_as_said(delta: dict[str, Any]) -> None:
    state = state_of("chat")
    state.feed(chat(choice(0, role="assistant", **delta)))
    assert state.truncated("deadline") is not None


def test_a_whole_answer_only_lacks_its_done() -> None:
    state = state_of("chat")
    state.feed(chat(choice(0, content="x")) + chat(choice(0, "stop")))
    assert state.truncated("deadline") == DONE


def test_completions_are_closed_with_text() -> None:
    state = state_of("completions")
    state.feed(chat({"index": 0, "text": "x", "finish_reason": None}))
    (end,) = read(state.truncated("response_limit"))
    assert end["object"] == "text_completion"
    assert end["choices"] == [{"index": 0, "text": "", "logprobs": None, "finish_reason": "length"}]


def test_a_response_becomes_incomplete_with_the_next_number() -> None:
    state = state_of("responses")
    state.feed(sse.event({"type": "response.created", "sequence_number": 0, "response": {"id": "r", "status": "x"}}))
    assert state.truncated("deadline") is None
    state.feed(sse.event({"type": "response.output_text.delta", "sequence_number": 8, "delta": "a"}))
    state.feed(sse.event({"type": "response.output_text.delta", "sequence_number": 9, "delta": "a"}))
    *finished, (name, data) = sse.events(state.truncated("deadline") or b"")
    event = json.loads(data)
    number = 10 + len(finished)
    assert (name, event["type"], event["sequence_number"]) == ("response.incomplete", "response.incomplete", number)
    assert (event["response"]["id"], event["response"]["status"]) == ("r", "incomplete")
    assert event["response"]["incomplete_details"] == {"reason": "max_output_tokens"}


def test_comments_do_not_set_the_number_back() -> None:
    state = state_of("responses")
    state.feed(sse.event({"type": "response.output_text.delta", "sequence_number": 41, "delta": "a"}))
    state.feed(b": ping\n\n")
    assert read(state.failed(UpstreamDisconnected()))[0]["sequence_number"] == 42


def test_other_streams_cannot_be_closed_truthfully() -> None:
    state = state_of("other")
    state.feed(chat(choice(0, content="x")))
    assert state.truncated("deadline") is None
    assert state.failed(UpstreamDisconnected()).startswith(b"event: error\n")


@pytest.mark.parametrize("first", [b"data: [1]\n\n", sse.event({"choices": 5, "id": "x"}), sse.event({"choices": [3]})])
def test_strange_streams_break_nothing(first: bytes) -> None:
    state = state_of("chat")
    state.feed(first)
    assert state.truncated("deadline") is None
    assert b"error" in state.failed(UpstreamDisconnected())


def test_a_failure_has_no_done() -> None:
    for protocol in ("chat", "completions", "responses", "other"):
        last = state_of(protocol).failed(UpstreamRefused(429, [], b"", {"message": "m", "code": "c"}, 2.0))
        assert b"[DONE]" not in last
        (event,) = read(last)
        assert event["error"]["retry_after"] == 2.0 and event["error"]["status"] == 429


def test_of_a_protocol_that_nobody_knows_nothing_is_counted_pinged_or_ended() -> None:
    other = registry.OTHER
    assert (
        other.messages(chat({"index": 0, "delta": {"content": "x"}})) == [] and other.as_chat({"messages": []}) is None
    )
    assert other.ping(has_ids=False) is None and not other.ends(DONE) and not other.stores(True)


_EVENTS = st.lists(
    st.sampled_from(
        [
            chat(choice(0, role="assistant")),
            chat(choice(0, content="a \n\n b")),
            chat(choice(1, reasoning_content='"finish_reason": "stop"')),
            chat(choice(0, "stop")),
            chat(choice(1, "length", content="c"), choice(2, "stop")),
            sse.event({"choices": [choice(2, content="without an id")]}),
            sse.event({"id": "", "choices": []}),
            b": comment\n\n",
            b"data: [DONE] \n\n",
            b"event: x\ndata: [DONE]\ndata: more\n\n",
            DONE,
        ]
    ),
    min_size=1,
    max_size=12,
)


@given(_EVENTS, st.sampled_from([b"\n", b"\r\n", b"\r"]), st.data())
def test_a_stream_ends_the_same_however_its_events_arrive(
    events: list[bytes], line_end: bytes, data: st.DataObject
) -> None:
    """What has arrived together is one piece, and of that only some events are read."""
    events = [event.replace(b"\n", line_end) for event in events]
    one_by_one, grouped = state_of("chat", 3), state_of("chat", 3)
    for event in events:
        one_by_one.feed(event)
    while events:
        size = data.draw(st.integers(1, len(events)))
        grouped.feed(b"".join(events[:size]))
        events = events[size:]
    assert (grouped.ended, grouped.has_text) == (one_by_one.ended, one_by_one.has_text)
    assert grouped.truncated("deadline") == one_by_one.truncated("deadline")
