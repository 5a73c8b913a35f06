"""Recorded and generated Gemini streams: nothing is lost, complete ones are never cut, and junk breaks nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cost import dialects, figures
from proxy.errors import UpstreamDisconnected
from proxy.protocols.gemini import PROTOCOL
from proxy.protocols.merge import Coalescer
from proxy.wire import sse
from tests.support.paths import SHARED

RECORDED = sorted((SHARED / "data" / "native" / "gemini").glob("*.sse"))
GOOGLE = dialects.of("https://generativelanguage.googleapis.com/v1beta")


def own(*parts: dict[str, Any]) -> bytes:
    """A stream like Google's, with CRLF, a cumulative usage in each chunk, and a finish reason in the last."""
    data = b""
    for number, part in enumerate(parts, 1):
        candidate: dict[str, Any] = {"content": {"parts": [part], "role": "model"}, "index": 0}
        if number == len(parts):
            candidate["finishReason"] = "STOP"
        usage = {"promptTokenCount": 9, "toolUsePromptTokenCount": 2, "cachedContentTokenCount": 4}
        counts = {"candidatesTokenCount": number, "thoughtsTokenCount": 7, "totalTokenCount": 18 + number}
        chunk = {"candidates": [candidate], "usageMetadata": {**usage, **counts}, "responseId": "r"}
        data += f"data: {json.dumps(chunk)}\r\n\r\n".encode()
    return data


STREAMS = {
    "own-text": own({"text": "Hel"}, {"text": "lo"}, {"text": "", "thoughtSignature": "AA=="}),
    "own-thoughts": own({"text": "Hm", "thought": True}, {"text": "m", "thought": True}, {"text": "Hi"}),
    "own-call": own({"functionCall": {"name": "f", "args": {"a": "b"}}, "thoughtSignature": "AA=="}, {"text": ""}),
    "own-partial-call": own(
        {"functionCall": {"name": "f", "willContinue": True}},
        {"functionCall": {"partialArgs": [{"jsonPath": "$.a", "stringValue": "b"}]}},
    ),
    **{file.name: file.read_bytes() for file in RECORDED},
}
EACH = pytest.mark.parametrize("data", STREAMS.values(), ids=STREAMS.keys())


def whole(data: bytes) -> dict[str, Any]:
    accumulator = PROTOCOL.accumulator()
    for chunk in sse.objects(data):
        accumulator.add(chunk)
    assert accumulator.is_finished and accumulator.has_text
    return accumulator.whole()


def merged(data: bytes) -> bytes:
    coalescer = Coalescer(PROTOCOL.merged)
    return b"".join([*coalescer.feed(data), *coalescer.rest()])


@EACH
def test_a_complete_stream_has_ended_and_any_part_of_it_is_cut(data: bytes) -> None:
    state = PROTOCOL.state()
    events = sse.split(data)
    for event in events[:-1]:
        state.feed(event)
        assert state.is_cut and not state.ended
        if state.has_text:
            (end,) = sse.objects(state.truncated("deadline") or b"")
            assert end["candidates"][0]["finishReason"] == "MAX_TOKENS" and end["responseId"]
    state.feed(events[-1])
    assert state.ended and not state.is_cut and not state.has_error


@EACH
def test_merging_changes_nothing_of_the_whole_answer(data: bytes) -> None:
    after = merged(data)
    assert whole(after) == whole(data) and len(after) <= len(data)
    signed = [line for line in data.splitlines() if b'"thoughtSignature"' in line or b'"functionCall"' in line]
    assert [line for line in after.splitlines() if b'"thoughtSignature"' in line or b'"functionCall"' in line] == signed


@EACH
def test_all_parts_are_in_the_whole_answer_once_and_in_order(data: bytes) -> None:
    parts = [part for chunk in sse.objects(data) for part in chunk["candidates"][0]["content"].get("parts", [])]
    answer = whole(data)
    kept = answer["candidates"][0]["content"]["parts"]
    for thought in (False, True):
        texts = [
            "".join(p.get("text", "") for p in some if bool(p.get("thought")) is thought) for some in (parts, kept)
        ]
        assert texts[0] == texts[1]
    others = [part for part in parts if not part.keys() <= {"text", "thought"}]
    assert [part for part in kept if not part.keys() <= {"text", "thought"}] == others
    last = list(sse.objects(data))[-1]
    assert (answer["usageMetadata"], answer["responseId"]) == (last["usageMetadata"], last["responseId"])


@EACH
def test_a_filter_sees_all_texts_and_the_place_of_each_text_is_stable(data: bytes) -> None:
    seen: dict[Any, str] = {}
    for event in sse.split(data):
        found = PROTOCOL.event_texts(event)
        assert not found.unreadable
        for place, text in found.new:
            seen[place] = seen.get(place, "") + text
    parts = whole(data)["candidates"][0]["content"]["parts"]
    text = "".join(part["text"] for part in parts if "text" in part and not part.get("thought"))
    assert seen.get((0, "text"), "") == text


@EACH
def test_the_last_usage_gives_all_figures(data: bytes) -> None:
    last = list(sse.objects(data))[-1]["usageMetadata"]
    usage = figures.of(PROTOCOL.usage(data), GOOGLE)
    assert usage.input == last["promptTokenCount"] + last.get("toolUsePromptTokenCount", 0)
    assert usage.output == last["candidatesTokenCount"] + last.get("thoughtsTokenCount", 0)
    assert usage.cached == last.get("cachedContentTokenCount") and usage.reasoning == last.get("thoughtsTokenCount")


@EACH
def test_every_stream_has_a_message_to_count(data: bytes) -> None:
    (message,) = PROTOCOL.messages(data)
    assert any(message.values())


PARTS = st.builds(
    lambda text, more: {"text": text, **more},
    st.text("ab你", max_size=3),
    st.sampled_from([{}, {}, {"thought": True}, {"thoughtSignature": "AA"}]),
) | st.just({"functionCall": {"name": "f"}})
CHUNKS = st.builds(
    lambda parts, index, more: {"candidates": [{"content": {"parts": parts, "role": "model"}, **index}], **more},
    st.lists(PARTS, max_size=3),
    st.sampled_from([{}, {"index": 0}, {"index": 1}, {"finishReason": "STOP"}, {"safetyRatings": [1]}]),
    st.sampled_from([{}, {"usageMetadata": {"totalTokenCount": 3}}, {"responseId": "r"}, {"createTime": "t"}]),
)


@given(st.lists(CHUNKS, max_size=8))
def test_merging_changes_nothing_of_any_stream(chunks: list[dict[str, Any]]) -> None:
    data = b"".join(map(sse.event, chunks))
    answers = []
    for stream in (data, merged(data)):
        accumulator = PROTOCOL.accumulator()
        for chunk in sse.objects(stream):
            accumulator.add(chunk)
        answers.append(accumulator.whole())
    assert answers[0] == answers[1]


NAMES = st.sampled_from(
    "candidates content parts text thought thoughtSignature functionCall name args partialArgs jsonPath stringValue "
    "executableCode code finishReason index usageMetadata promptFeedback blockReason citationMetadata citations "
    "modelVersion responseId role error inlineData data".split()
)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | st.text(max_size=3) | st.just("STOP"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)
USUAL = st.builds(lambda parts: {"candidates": [{"content": {"parts": parts}}]}, st.lists(JUNK, max_size=3) | JUNK)
EVENTS = st.one_of(
    st.dictionaries(NAMES, JUNK, max_size=5).map(lambda value: b"data: " + json.dumps(value).encode() + b"\n\n"),
    USUAL.map(lambda value: b"data: " + json.dumps(value).encode() + b"\n\n"),
    JUNK.map(lambda value: json.dumps(value).encode() + b"\n\n"),
    st.binary(max_size=8).map(lambda data: b"data: " + data + b"\n\n"),
)


@given(st.lists(EVENTS, max_size=6), st.integers(1, 3))
def test_junk_breaks_nothing(events: list[bytes], choices: int) -> None:
    state, data = PROTOCOL.state(choices), b"".join(events)
    for event in events:
        state.feed(event)
        PROTOCOL.event_texts(event)
    assert isinstance(state.is_cut, bool) and isinstance(PROTOCOL.messages(data), list)
    assert b"SAFETY" in state.filtered("Withheld", data) and b'"error"' in state.failed(UpstreamDisconnected())
    assert state.truncated("deadline") is None or state.has_text
    accumulator = PROTOCOL.accumulator()
    for chunk in sse.objects(data):
        accumulator.add(chunk)
        PROTOCOL.withheld(chunk, [None], "Withheld")
    accumulator.whole()
    merged(data)
