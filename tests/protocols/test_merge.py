"""Merging deltas: what a client accumulates stays the same, and nothing unknown is touched."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.protocols import registry
from proxy.protocols.merge import Coalescer, encoded
from proxy.wire import sse
from proxy.wire.sse import split
from tests.support.accumulate import accumulated, response_texts
from tests.support.streams import recorded

FILES = recorded()


def coalesced(protocol: str, *pieces: bytes) -> bytes:
    coalescer = Coalescer(registry.get(protocol).merged)
    return b"".join([event for piece in pieces for event in coalescer.feed(piece)] + coalescer.rest())


def chat(delta: Any, name: str = "", choice: dict[str, Any] | None = None, **more: Any) -> bytes:
    item = {"index": 0, "delta": delta, "finish_reason": None, **(choice or {})}
    return sse.event({"id": "c", "created": 1, "model": "m", "choices": [item], **more}, name or None)


def deltas(data: bytes) -> list[Any]:
    return [event["choices"][0]["delta"] for event in sse.objects(data)]


@pytest.mark.parametrize("file", [file for file in FILES if "chat" in file.name or "vercel" in file.name])
def test_the_sdk_accumulates_the_same_of_recorded_chat_streams(file: Any) -> None:
    data = file.read_bytes()
    before = accumulated(data)
    after = coalesced("chat", data)
    assert accumulated(after) == before
    assert len(list(sse.objects(after))) <= len(list(sse.objects(data)))
    assert (b"[DONE]" in after) == (b"[DONE]" in data)


def test_most_recorded_chat_streams_can_be_accumulated_and_shrink() -> None:
    chats = [file.read_bytes() for file in FILES if "-chat-" in file.name]
    assert len([data for data in chats if accumulated(data)]) > 100 or len(chats) < 10
    long = [data for data in chats if len(data) > 20_000]
    shrunk = [data for data in long if len(coalesced("chat", data)) < len(data) / 2]
    assert len(shrunk) >= len(long) / 2


@pytest.mark.parametrize("file", [file for file in FILES if "responses" in file.name])
def test_recorded_responses_keep_every_delta_and_every_other_event(file: Any) -> None:
    data = file.read_bytes()
    after = coalesced("responses", data)
    assert response_texts(after) == response_texts(data)
    others = [event for event in sse.objects(data) if not str(event.get("type")).endswith(".delta")]
    assert [event for event in sse.objects(after) if not str(event.get("type")).endswith(".delta")] == others
    numbers = [event["sequence_number"] for event in sse.objects(after) if "sequence_number" in event]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize("file", [file for file in FILES if "-completions-" in file.name])
def test_recorded_completions_keep_their_text(file: Any) -> None:
    def text(data: bytes) -> str:
        parts = [chunk["choices"][0].get("text") or "" for chunk in sse.objects(data) if chunk.get("choices")]
        return "".join(parts)

    data = file.read_bytes()
    assert text(coalesced("completions", data)) == text(data)


TEXTS = st.text(max_size=6)
DELTAS = st.one_of(
    st.fixed_dictionaries({}, optional={"content": st.one_of(st.none(), TEXTS), "role": st.just("assistant")}),
    st.fixed_dictionaries({"reasoning_content": TEXTS}, optional={"content": st.none()}),
    st.fixed_dictionaries({"refusal": TEXTS}),
    st.fixed_dictionaries(
        {
            "tool_calls": st.tuples(
                st.fixed_dictionaries(
                    {"index": st.integers(0, 0), "function": st.fixed_dictionaries({"arguments": TEXTS})}
                )
            ).map(list)
        }
    ),
)


@given(st.lists(st.tuples(DELTAS, st.integers(0, 1), st.booleans()), max_size=30), st.integers(1, 60))
def test_any_stream_accumulates_to_the_same(parts: list[tuple[Any, int, bool]], size: int) -> None:
    start = [chat({"role": "assistant", "content": ""}, choice={"index": index}) for index in (0, 1)]
    names = [
        chat({"tool_calls": [{"index": 0, "id": "t", "type": "function", "function": {"name": "f", "arguments": ""}}]})
    ]
    logprobs: Any = {"content": [{"token": "a", "logprob": -1.0, "bytes": None, "top_logprobs": []}], "refusal": None}
    rest = [
        chat(delta, choice={"index": index, **({"logprobs": logprobs} if scored else {})})
        for delta, index, scored in parts
        if not (index and "tool_calls" in delta)
    ]
    data = b"".join([*start, *names, *rest, b"data: [DONE]\n\n"])
    splitter = sse.Splitter()
    pieces = [splitter.feed(data[i : i + size]) for i in range(0, len(data), size)]
    assert accumulated(coalesced("chat", *pieces)) == accumulated(data)


def test_words_of_one_kind_become_one_event() -> None:
    data = chat({"role": "assistant", "content": ""}) + b"".join(chat({"content": f"w{i} "}) for i in range(100))
    data += chat({}, choice={"finish_reason": "stop"}) + b"data: [DONE]\n\n"
    after = coalesced("chat", data)
    assert deltas(after) == [{"role": "assistant", "content": "".join(f"w{i} " for i in range(100))}, {}]
    assert after.endswith(b"data: [DONE]\n\n")


def test_reasoning_and_content_keep_their_order() -> None:
    kinds = ({"reasoning_content": "a"}, {"reasoning_content": "b"}, {"content": "c"}, {"reasoning_content": "d"})
    assert deltas(coalesced("chat", *map(chat, kinds))) == [
        {"reasoning_content": "ab"},
        {"content": "c"},
        {"reasoning_content": "d"},
    ]


def test_tool_calls_are_merged_each_for_itself() -> None:
    def call(index: int, arguments: str, **more: Any) -> bytes:
        return chat({"tool_calls": [{"index": index, "function": {"arguments": arguments}, **more}]})

    after = deltas(
        coalesced("chat", call(0, "", id="a"), call(0, '{"x"'), call(0, ":1}"), call(1, "", id="b"), call(1, "{}"))
    )
    assert [(delta["tool_calls"][0]["id"], delta["tool_calls"][0]["function"]["arguments"]) for delta in after] == [
        ("a", '{"x":1}'),
        ("b", "{}"),
    ]


NEVER_MERGED = [
    (chat({"content": "a"}), chat({"content": "b", "new_field": [1]})),
    (chat({"content": "a"}), chat({"content": "b"}, id="other")),
    (chat({"content": "a"}), chat({"content": "b"}, choice={"index": 1})),
    (chat({"content": "a"}), chat({"content": "b"}, choice={"extra": 1})),
    (chat({"content": "a"}), chat({"content": "b"}, extra={"x": 1})),
    (chat({"content": "a"}, usage={"prompt_tokens": 1}), chat({"content": "b"})),
    (chat({"content": "a"}), chat({"content": ["b"]})),
    (chat({"content": "a"}), chat("b")),
    (chat({"content": "a", "role": "assistant"}), chat({"content": "b", "role": "tool"})),
    (chat({"content": "a"}), b"id: 7\n" + chat({"content": "b"})),
    (chat({"content": "a"}), b"retry: 7\n" + chat({"content": "b"})),
    (chat({"content": "a"}), chat({"content": "b"}, "named")),
    (chat({"content": "a"}), b"data: nothing\n\n"),
    (chat({"content": "a"}), b"data: [1]\n\n"),
    (chat({"content": "a"}), b"data: {}\n\n"),
    (chat({"content": "a"}, choice={"logprobs": {"content": []}}), chat({}, choice={"logprobs": {"tokens": []}})),
    (chat({"content": "a"}, choice={"logprobs": {"content": 1}}), chat({}, choice={"logprobs": {"content": 2}})),
    (chat({"tool_calls": [{"index": 0, "function": None}]}), chat({"tool_calls": [{"index": 0, "function": {}}]})),
    (chat({"tool_calls": [1]}), chat({"tool_calls": [2]})),
    (chat({"tool_calls": [{"index": 0}, {"index": 1}]}), chat({"tool_calls": [{"index": 0}]})),
    (
        chat({"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}),
        chat({"tool_calls": [{"index": 0, "id": "new", "function": {"arguments": "{"}}]}),
    ),
]


@pytest.mark.parametrize("pair", NEVER_MERGED)
def test_what_is_not_the_same_passes_byte_for_byte(pair: tuple[bytes, bytes]) -> None:
    assert coalesced("chat", *pair) == b"".join(pair)


def test_usage_in_every_chunk_keeps_the_last() -> None:
    after = coalesced("chat", *(chat({"content": "a"}, usage={"completion_tokens": i}) for i in (1, 2, 3)))
    assert [event["usage"] for event in sse.objects(after)] == [{"completion_tokens": 3}]


def test_completions_are_merged_with_their_logprobs() -> None:
    def text(value: Any, tokens: list[str], index: int = 0) -> bytes:
        return sse.event({"id": "c", "choices": [{"index": index, "text": value, "logprobs": {"tokens": tokens}}]})

    after = coalesced("completions", text("a", ["a"]), text("b", ["b"]), text("c", ["c"], 1), text(None, []))
    assert [
        (event["choices"][0]["text"], event["choices"][0]["logprobs"]["tokens"]) for event in sse.objects(after)
    ] == [
        ("ab", ["a", "b"]),
        ("c", ["c"]),
        (None, []),
    ]
    two = sse.event({"choices": [{"index": 0, "text": "a"}, {"index": 1, "text": "b"}]})
    assert coalesced("completions", two, two) == two + two
    other = (text("a", []), sse.event({"id": "d", "choices": [{"index": 0, "text": "b"}]}))
    assert coalesced("completions", *other) == b"".join(other)


def test_responses_deltas_with_other_shapes_stay() -> None:
    def delta(**more: Any) -> bytes:
        return sse.event({"type": "response.output_text.delta", "delta": "a", **more}, "response.output_text.delta")

    same = [delta(sequence_number=i, logprobs=[i]) for i in (1, 2)]
    (event,) = sse.objects(coalesced("responses", *same))
    assert (event["delta"], event["sequence_number"], event["logprobs"]) == ("aa", 2, [1, 2])
    for pair in (
        (delta(), delta(item_id="x")),
        (delta(item_id="x"), delta(item_id="y")),
        (delta(delta={}), delta(delta={})),
        (delta(logprobs=[]), delta(logprobs={})),
    ):
        assert coalesced("responses", *pair) == b"".join(pair)


def test_comments_and_empty_lines_between_events_are_left_out() -> None:
    first, second = chat({"content": "a"}), chat({"content": "b"})
    assert deltas(coalesced("chat", first + b": ping\n\n\n\n" + second)) == [{"content": "ab"}]


def test_streams_of_another_protocol_pass_byte_for_byte() -> None:
    data = b"event: x\r\ndata: {}\r\n\r\n" * 3
    assert coalesced("other", data) == data


def test_a_character_in_two_halves_is_put_together() -> None:
    halves = [b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"\\ud83d"}}]}\n\n',
              b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"\\ude00"}}]}\n\n']  # fmt: skip
    assert deltas(coalesced("chat", *halves)) == [{"content": "😀"}]
    assert b"event: x\n" in encoded({"a": "\ud83d"}, "x")


def test_a_merged_event_does_not_grow_without_end() -> None:
    data = b"".join(chat({"content": "x" * 1000}) for _ in range(2000))
    after = coalesced("chat", data)
    assert 200 < len(split(after)) < 300 and sum(len(delta["content"]) for delta in deltas(after)) == 2_000_000


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_events_are_split_at_empty_lines_whatever_ends_a_line(end: str) -> None:
    events = [f"event: a{end}data: {json.dumps(i)}{end}{end}".encode() for i in range(3)]
    assert split(b"".join(events)) == events
    assert split(b"".join(events) + b"data: x") == [*events, b"data: x"]


def test_events_of_a_protocol_that_says_nothing_of_merging_stay_as_they_are() -> None:
    events = sse.event({"text": "a"}) + sse.event({"text": "b"})
    assert coalesced("other", events) == events
