"""Streams in every provider's habits: whatever was said is in the answer once, in its order, assembled or merged."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.protocols import registry
from proxy.protocols.accumulate import ChunkAccumulator
from proxy.protocols.answer_messages import answer_messages
from proxy.protocols.merge import Coalescer
from proxy.wire import sse
from tests.support.streams import recorded

WORDS = st.text('abc 你\n"\\', min_size=1, max_size=6)
MEMBERS = ("content", "reasoning_content", "reasoning", "refusal", "thoughts")


def whole(*chunks: dict[str, Any], ended: bool = True) -> dict[str, Any]:
    made = ChunkAccumulator()
    for chunk in chunks:
        made.add(json.loads(json.dumps(chunk)))
    return made.whole(ended)


def message(*deltas: Any) -> dict[str, Any]:
    (choice,) = whole(*[{"id": "c", "choices": [{"index": 0, "delta": delta}]} for delta in deltas])["choices"]
    found: dict[str, Any] = choice["message"]
    return found


def text_of(value: Any) -> str:
    """All text in a value of any kind, in order."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "".join(text_of(member) for name, member in value.items() if name not in ("type", "index", "id"))
    return "".join(map(text_of, value)) if isinstance(value, list) else ""


def parts(text: str) -> st.SearchStrategy[Any]:
    """The ways in which providers write one piece of text."""
    part = {"type": "text", "text": text}
    return st.sampled_from([text, [part], part, [text], [{"type": "thinking", "thinking": [part]}]])


@given(st.lists(st.tuples(st.sampled_from(MEMBERS), WORDS.flatmap(parts)), min_size=1, max_size=12), st.data())
def test_no_kind_of_value_takes_another_one_s_place(said: list[tuple[str, Any]], data: st.DataObject) -> None:
    deltas: list[dict[str, Any]] = []
    for name, value in said:
        deltas.append({name: value})
        if data.draw(st.booleans()):
            deltas.append(data.draw(st.sampled_from([{name: None}, {name: ""}, {name: []}, {}, {"role": None}])))
    found = message(*deltas)
    for name in MEMBERS:
        assert text_of(found.get(name)) == "".join(text_of(value) for member, value in said if member == name)
    assert found["role"] == "assistant"


def test_references_stand_between_the_words_that_they_belong_to() -> None:
    reference = {"type": "reference", "reference_ids": [1]}
    deltas = ["Paris is the capital ", [reference], "of ", "France", [reference], "."]
    assert message(*[{"content": delta} for delta in deltas])["content"] == [
        {"type": "text", "text": "Paris is the capital "},
        reference,
        {"type": "text", "text": "of France"},
        reference,
        {"type": "text", "text": "."},
    ]


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from(["reasoning.text", "reasoning.summary"]), WORDS),
        min_size=1,
        max_size=9,
    )
)
def test_details_of_several_types_at_one_index_stay_apart(said: list[tuple[int, str, str]]) -> None:
    found = message(*[{"details": [{"index": i, "type": kind, "text": text}]} for i, kind, text in said])
    expected: dict[tuple[int, str], str] = {}
    for index, kind, text in said:
        expected[index, kind] = expected.get((index, kind), "") + text
    assert {(one["index"], one["type"]): one["text"] for one in found.get("details", [])} == expected


@pytest.mark.parametrize("with_index", [0, None])
def test_parallel_calls_of_a_provider_that_does_not_count_stay_apart(with_index: int | None) -> None:
    def call(identifier: str, arguments: str) -> dict[str, Any]:
        place = {} if with_index is None else {"index": with_index}
        return {"tool_calls": [{**place, "id": identifier, "function": {"name": "f", "arguments": arguments}}]}

    found = message(call("a", '{"x":1}'), call("b", '{"x":2}'))
    assert [one["function"]["arguments"] for one in found["tool_calls"]] == ['{"x":1}', '{"x":2}']


@pytest.mark.parametrize("identifier", ["a", "", None, "made up anew"])
def test_the_pieces_of_one_call_belong_together_whatever_id_they_bear(identifier: str | None) -> None:
    first = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
    more = [{"index": 0, "id": identifier, "function": {"arguments": piece}} for piece in ('{"x":', "1}")]
    (call,) = message(*[{"tool_calls": [delta]} for delta in (first, *more)])["tool_calls"]
    assert call["function"] == {"name": "f", "arguments": '{"x":1}'} and "index" not in call


def test_usage_is_found_in_a_choice_and_in_a_chunk_without_choices() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    text = {"id": "c", "choices": [{"index": 0, "delta": {"content": "x"}}]}
    for last in (
        {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": usage}]},
        {"id": "c", "choices": [], "usage": usage},
        {"id": "c", "choices": None, "usage": usage},
        {"id": "c", "usage": usage},
    ):
        answer = whole(text, last)
        assert answer["usage"] == usage and "usage" not in answer["choices"][0]
        assert whole(text, {"id": "c", "choices": [], "usage": usage}, last)["usage"] == usage


def test_an_answer_that_is_said_again_as_a_whole_is_not_doubled() -> None:
    def chunk(**choice: Any) -> dict[str, Any]:
        return {"id": "c", "choices": [{"index": 0, **choice}]}

    again = chunk(finish_reason="stop", message={"role": "assistant", "content": "Hello", "refusal": None})
    for chunks in (
        [chunk(delta={"content": "Hel"}), chunk(delta={"content": "lo"}), again],
        [chunk(delta={"content": "Hel"}), again],
        [again],
        [chunk(text="Hel"), chunk(text="lo")],
        [chunk(delta={"content": "Hello"}), chunk(delta={"content": ""}, message={"content": "Hello"})],
    ):
        (choice,) = whole(*chunks)["choices"]
        assert choice["message"]["content"] == "Hello"


@pytest.mark.parametrize(
    ("delta", "ended", "reason"),
    [
        ({"content": "x"}, True, "stop"),
        ({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}]}, True, "tool_calls"),
        ({"content": "x"}, False, "length"),
    ],
)
def test_an_end_without_a_reason_gets_the_one_that_it_means(delta: dict[str, Any], ended: bool, reason: str) -> None:
    (choice,) = whole({"id": "c", "choices": [{"index": 0, "delta": delta}]}, ended=ended)["choices"]
    assert choice["finish_reason"] == reason


def of_events(data: bytes) -> dict[str, Any]:
    return whole(*sse.objects(data))


CHUNKS = st.builds(
    lambda member, value, index, more: {"id": "c", "choices": [{"index": index, "delta": {member: value}}], **more},
    st.sampled_from((*MEMBERS, "audio", "role", "extra")),
    WORDS.flatmap(parts) | st.none() | st.integers(0, 3),
    st.integers(0, 1),
    st.sampled_from([{}, {"created": 1}, {"usage": {"total_tokens": 3}}, {"obfuscation": "x"}, {"provider": "P"}]),
)


def merged(data: bytes) -> bytes:
    coalescer = Coalescer(registry.get("chat").merged)
    return b"".join([*coalescer.feed(data), *coalescer.rest()])


@given(st.lists(CHUNKS, max_size=12))
def test_merging_changes_nothing_of_what_a_client_accumulates(chunks: list[dict[str, Any]]) -> None:
    data = b"".join(map(sse.event, chunks))
    assert of_events(merged(data)) == of_events(data)


@pytest.mark.parametrize("file", [file for file in recorded() if "chat" in file.name], ids=lambda file: file.name)
def test_every_recorded_stream_says_the_same_merged_and_all_its_text_is_in_the_answer(file: Any) -> None:
    data = file.read_bytes()
    answer = of_events(data)
    assert of_events(merged(data)) == answer
    said: dict[tuple[int, str], str] = {}
    for chunk in sse.objects(data):
        for choice in chunk.get("choices") or []:
            for name in MEMBERS if chunk.get("object") != "" and isinstance(choice.get("delta"), dict) else ():
                key = choice.get("index", 0), name
                said[key] = said.get(key, "") + text_of(choice["delta"].get(name))
    messages = {choice["index"]: choice["message"] for choice in answer["choices"]}
    assert {key: text_of(messages[key[0]].get(key[1])) for key in said} == said


def test_what_a_response_says_beside_what_is_no_item_is_found() -> None:
    item = {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}
    call = {"type": "function_call", "name": "f", "arguments": "{}"}
    (said,) = answer_messages({"output": [5, item, call]})
    assert said["content"] == item["content"] and said["tool_calls"][0]["function"]["name"] == "f"
    assert answer_messages({"output": ["x"]}) == answer_messages([]) == []


def test_details_without_an_index_are_kept_before_those_with_one() -> None:
    found = message({"details": [{"text": "a"}, "b"]}, {"details": [{"index": 0, "text": "c"}]})
    assert found["details"] == [{"text": "a"}, "b", {"index": 0, "text": "c"}]


def test_a_later_empty_value_takes_nothing_away() -> None:
    def chunk(**choice: Any) -> dict[str, Any]:
        return {"id": "c", "choices": [{"index": 0, **choice}]}

    whole_message = {"content": "Hello", "tags": ["x"], "notes": ["y"]}
    (choice,) = whole(
        chunk(delta={"content": "Hel", "tags": ["x"]}, native_finish_reason="STOP"),
        chunk(delta={"content": "lo"}, message=whole_message, native_finish_reason=None),
    )["choices"]
    assert choice["native_finish_reason"] == "STOP"
    assert (choice["message"]["content"], choice["message"]["tags"]) == ("Hello", ["x"])
    assert choice["message"]["notes"] == ["y"]


@pytest.mark.parametrize("more", [{"function": {"arguments": 5}}, {"function": {"arguments": "{}", "strict": True}}])
def test_pieces_of_a_call_that_are_no_text_stay_events_of_their_own(more: dict[str, Any]) -> None:
    def chunk(call: dict[str, Any]) -> bytes:
        return sse.event({"id": "c", "choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, **call}]}}]})

    first = chunk({"id": "a", "type": "function", "function": {"name": "f", "arguments": ""}})
    assert merged(first + chunk(more)) == first + chunk(more)
