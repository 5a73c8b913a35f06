"""Gemini's protocol: paths, merging, and whole answers made of chunks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.protocols.answer_messages import answer_messages
from proxy.protocols.gemini import PROTOCOL
from proxy.protocols.members import call_of
from proxy.protocols.merge import Coalescer
from proxy.wire import sse

SIGNED = {"text": "", "thoughtSignature": "AA=="}
CALL = {"functionCall": {"name": "f", "args": {"a": [1]}}}


def chunk(*parts: Any, finish: str | None = None, index: int = 0, **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": index}
    return {"candidates": [candidate if finish is None else {**candidate, "finishReason": finish}], **more}


def text(value: str, **more: Any) -> dict[str, Any]:
    return {"text": value, **more}


def whole(*chunks: Any, ended: bool = False) -> dict[str, Any]:
    accumulator = PROTOCOL.accumulator()
    for value in chunks:
        accumulator.add(json.loads(json.dumps(value)))
    return accumulator.whole(ended)


def parts(answer: dict[str, Any], position: int = 0) -> Any:
    return answer["candidates"][position]["content"]["parts"]


def test_what_other_modules_ask_of_it() -> None:
    assert (PROTOCOL.name, PROTOCOL.known, PROTOCOL.has_usage_option) == ("gemini", True, False)
    assert (PROTOCOL.model_members, PROTOCOL.model_holders) == (("modelVersion",), ())
    assert not PROTOCOL.allows_comments and not PROTOCOL.stream_members
    assert PROTOCOL.ping(has_ids=False) == PROTOCOL.ping(has_ids=True) == b"\n"


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/models/m:generateContent", "", ("/models/m:streamGenerateContent", "alt=sse")),
        ("/models/m:generateContent", "key=k&alt=json&a=", ("/models/m:streamGenerateContent", "key=k&a=&alt=sse")),
        ("/models/m:generateContent", "%24alt=json&$alt=x&", ("/models/m:streamGenerateContent", "alt=sse")),
        ("/models/m:countTokens", "alt=json", ("/models/m:countTokens", "alt=json")),
        ("/models/m:generateContent/x", "", ("/models/m:generateContent/x", "")),
    ],
)
def test_the_path_that_asks_for_a_stream(path: str, query: str, expected: tuple[str, str]) -> None:
    assert PROTOCOL.stream_path(path, query) == expected


def test_plain_texts_are_merged_and_the_latest_usage_counts() -> None:
    first = chunk(text("a"), usageMetadata={"totalTokenCount": 1}, responseId="r", createTime="t")
    second = chunk(text("b"), text("c", thought=True), usageMetadata={"totalTokenCount": 2}, createTime="t")
    third = chunk(text("d", thought=True), text("e"), finish="STOP", createTime="t")
    merged = PROTOCOL.merged(first, second)
    assert merged == {
        **second,
        "candidates": chunk(text("ab"), text("c", thought=True))["candidates"],
        "responseId": "r",
    }
    last = PROTOCOL.merged(merged, third)
    assert last is not None and last["usageMetadata"] == {"totalTokenCount": 2}
    assert last["candidates"] == chunk(text("ab"), text("cd", thought=True), text("e"), finish="STOP")["candidates"]
    assert PROTOCOL.merged(last, third) is None


def test_google_omits_an_index_of_zero() -> None:
    second = chunk(text("b"))
    second["candidates"][0].pop("index")
    assert PROTOCOL.merged(chunk(text("a")), second) == chunk(text("ab"))
    assert PROTOCOL.merged(chunk(text("a"), index=1), second) is None


@pytest.mark.parametrize(
    "other",
    [
        chunk(SIGNED),
        chunk(CALL),
        chunk({"inlineData": {"data": "AA"}}),
        chunk({"text": 5}),
        chunk("text"),
        chunk(text("b"), index=1),
        chunk(text("b"), createTime="t"),
        chunk(text("x" * 8_192)),
        {"candidates": []},
        {"candidates": 5},
        {"candidates": [5]},
        {"candidates": [*chunk(text("b"))["candidates"], *chunk(text("c"), index=1)["candidates"]]},
        {"candidates": [{"content": 5}]},
        {"candidates": [{"content": {"parts": 5, "role": "model"}}]},
        {"candidates": [{"content": {"parts": [], "role": "user"}}]},
        {"candidates": [{**chunk(text("b"))["candidates"][0], "safetyRatings": []}]},
        {},
    ],
)
def test_nothing_else_is_merged(other: dict[str, Any]) -> None:
    plain = chunk(text("a"))
    assert PROTOCOL.merged(plain, other) is None and PROTOCOL.merged(other, plain) is None


def test_a_buffered_stream_shrinks() -> None:
    data = b"".join(sse.event(chunk(text(word), responseId="r")) for word in ["word "] * 3_000)
    coalescer = Coalescer(PROTOCOL.merged)
    events = [*coalescer.feed(data), *coalescer.rest()]
    assert len(events) == 2 and whole(*sse.objects(b"".join(events))) == whole(*sse.objects(data))


def test_a_whole_answer_has_one_part_for_each_run_of_text() -> None:
    chunks = (
        chunk(text("think", thought=True), usageMetadata={"totalTokenCount": 1}, modelVersion="m"),
        chunk(text("ing", thought=True), text("Hel"), usageMetadata={"totalTokenCount": 2}),
        chunk(text("lo"), modelVersion=None),
        chunk(SIGNED),
        chunk(text(" there"), text("")),
        chunk(CALL, CALL),
        chunk(text(""), finish="STOP", usageMetadata={"totalTokenCount": 9}, responseId="r"),
    )
    expected = [text("thinking", thought=True), text("Hello"), SIGNED, text(" there"), CALL, CALL]
    assert whole(*chunks) == {
        "candidates": [{"content": {"parts": expected, "role": "model"}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"totalTokenCount": 9},
        "modelVersion": "m",
        "responseId": "r",
    }


def test_candidates_are_ordered_and_get_the_finish_reason_that_they_lack() -> None:
    chunks = (chunk(text("b"), index=1), chunk(text("a")), chunk(text("A"), finish="SAFETY"))
    for ended, reason in ((False, "MAX_TOKENS"), (True, "STOP")):
        answer = whole(*chunks, ended=ended)
        assert [one["finishReason"] for one in answer["candidates"]] == ["SAFETY", reason]
        assert parts(answer) == [text("aA")] and parts(answer, 1) == [text("b")]


def test_an_answer_can_go_on_after_it_was_read() -> None:
    accumulator = PROTOCOL.accumulator()
    for word in ("a", "b"):
        accumulator.add(chunk(text(word)))
        accumulator.whole()
    assert [part["text"] for part in parts(accumulator.whole())] == ["a", "b"]


def test_members_of_a_candidate_keep_their_last_value_and_citations_add_up() -> None:
    def cited(*sources: str, **more: Any) -> dict[str, Any]:
        members = {"citationMetadata": {"citations": [{"uri": uri} for uri in sources]}, **more}
        return {"candidates": [members]}

    answer = whole(
        cited("a", safetyRatings=[1], groundingMetadata={"x": 1}),
        cited("a", "b", safetyRatings=None),
        {"candidates": [{"citationMetadata": None, "groundingMetadata": {"y": 2}}]},
        cited("c", finishReason="STOP"),
    )
    assert answer["candidates"] == [
        {
            "citationMetadata": {"citations": [{"uri": "a"}, {"uri": "b"}, {"uri": "c"}]},
            "safetyRatings": [1],
            "groundingMetadata": {"y": 2},
            "finishReason": "STOP",
            "index": 0,
        }
    ]


def test_when_an_answer_has_begun_and_when_it_is_complete() -> None:
    accumulator = PROTOCOL.accumulator()
    for event, expected in (
        ({"usageMetadata": {}, "error": {"code": 5}}, (False, False, False)),
        (chunk(text("")), (True, False, False)),
        (chunk(text("a")), (True, True, False)),
        (chunk(finish="STOP"), (True, True, True)),
    ):
        accumulator.add(event)
        assert (accumulator.has_begun, accumulator.has_text, accumulator.is_finished) == expected


def test_a_blocked_prompt_is_a_whole_answer_without_candidates() -> None:
    accumulator = PROTOCOL.accumulator()
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "responseId": "r"}
    accumulator.add(blocked)
    assert accumulator.has_begun and accumulator.is_finished and accumulator.whole() == blocked


def test_messages_hold_texts_thoughts_and_calls() -> None:
    fragment = {"partialArgs": [{"jsonPath": "$.a", "stringValue": "x"}, {"numberValue": 2}, {"boolValue": True}, 5]}
    data = b"".join(
        map(
            sse.event,
            (
                chunk(text("Hmm", thought=True), text("Hi ")),
                chunk(text("you"), {"executableCode": {"code": "1+1"}}),
                chunk(CALL, {"functionCall": {"name": "g"}}),
                chunk({"functionCall": fragment}),
                chunk(text("Second"), index=1),
            ),
        )
    )
    expected = [
        {
            "content": "Hi you1+1",
            "reasoning_content": "Hmm",
            "tool_calls": [call_of("f", '{"a":[1]}'), call_of("g", "x2")],
        },
        {"content": "Second"},
    ]
    assert PROTOCOL.messages(data) == expected
    assert answer_messages(whole(*sse.objects(data))) == expected
    assert PROTOCOL.messages(b"") == answer_messages({"candidates": [5, {}, chunk()["candidates"][0]]}) == []


def test_a_call_without_a_name_and_arguments_nested_too_deeply_are_counted_as_far_as_possible() -> None:
    deep: Any = {}
    for _ in range(100_000):
        deep = [deep]
    calls = [{"functionCall": {"args": deep}}]
    (message,) = answer_messages({"candidates": [{"content": {"parts": calls}}]})
    assert message == {"tool_calls": [call_of(None, "")]}
