"""Recorded chat streams of many providers, translated: nothing is lost, and no cut looks like an end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proxy.protocols.accumulate import ChunkAccumulator
from proxy.protocols.members import as_list, error_in
from proxy.protocols.translate.messages_to_chat.answer import to_message
from proxy.protocols.translate.messages_to_chat.stream import MessagesStream
from proxy.protocols.translate.messages_to_chat.usage import messages_usage
from proxy.wire import bounded_json, sse
from tests.support.streams import recorded
from tests.support.translate import blocks, read

_MAX_CUTS = 40
_STOPS = {"length": "max_tokens", "content_filter": "refusal"}


def _is_chat(data: bytes) -> bool:
    return any(isinstance(choice, dict) and "delta" in choice for choice in _choices(data))


def _choices(data: bytes) -> list[Any]:
    return [choice for event in sse.objects(data) for choice in as_list(event.get("choices"))]


CHATS = [file for file in recorded() if _is_chat(file.read_bytes())]
each_stream = pytest.mark.parametrize("file", CHATS, ids=[file.name for file in CHATS])


def first_choice(data: bytes) -> dict[str, Any]:
    """The whole chat completion, with its first choice alone."""
    accumulator = ChunkAccumulator()
    for event in sse.objects(data):
        accumulator.add(event)
    answer = accumulator.whole(ended=True)
    return {**answer, "choices": [choice for choice in answer["choices"] if choice["index"] == 0]}


def text_of(value: Any, kind: str, inner: str = "text") -> str:
    """The text of one kind in a content."""
    if isinstance(value, str):
        return value if inner == kind else ""
    if isinstance(value, list):
        return "".join(text_of(part, kind, inner) for part in value)
    if not isinstance(value, dict):
        return ""
    inner = "thinking" if value.get("type") == "thinking" else inner
    return "".join(text_of(value[name], kind, inner) for name in ("text", "thinking") if name in value)


def expected(message: dict[str, Any]) -> tuple[str, str, list[str]]:
    """The reasoning, the text, and the calls of a chat message."""
    content = message.get("content")
    details = [detail.get("text") or "" for detail in as_list(message.get("reasoning_details"))]
    reasoning = message.get("reasoning_content") or message.get("reasoning") or "".join(details)
    calls = [
        f"{call['id']} {call['function']['name']} {call['function']['arguments'] or '{}'}"
        for call in as_list(message.get("tool_calls"))
    ]
    return reasoning + text_of(content, "thinking"), text_of(content, "text") + (message.get("refusal") or ""), calls


def found(message: dict[str, Any]) -> tuple[str, str, list[str]]:
    """The same of a message that was translated."""
    texts = {"thinking": "", "text": ""}
    for kind, text in blocks(message):
        if kind in texts:
            texts[kind] += text
    calls = [
        f"{block['id']} {block['name']} {block['json']}" for block in message["content"] if block["type"] == "tool_use"
    ]
    return texts["thinking"], texts["text"], calls


def translated(data: bytes, size: int | None = None) -> tuple[bytes, MessagesStream]:
    """The translated stream; `size` is how many bytes the network delivers at once."""
    made = MessagesStream("m", input_tokens=1)
    splitter = sse.Splitter()
    pieces = [data] if size is None else [data[at : at + size] for at in range(0, len(data), size)]
    events = b"".join(made.feed(piece) for chunk in pieces if (piece := splitter.feed(chunk)))
    return events + made.feed(splitter.rest()) + made.end(), made


def test_there_are_many_recorded_streams() -> None:
    assert len(CHATS) > 3


@each_stream
def test_a_translated_stream_says_the_same(file: Path) -> None:
    data = file.read_bytes()
    events, made = translated(data)
    message = read(events)
    answer = first_choice(data)
    if any(error_in(event, name) for name, event in _named(data)):
        assert made.error is not None and not message["ended"]
        return
    (choice,) = answer["choices"]
    assert found(message) == expected(choice["message"])
    assert made.ended and not made.is_cut
    reason = choice["finish_reason"]
    has_calls = bool(choice["message"].get("tool_calls"))
    default = "refusal" if choice["message"].get("refusal") else "tool_use" if has_calls else "end_turn"
    assert message["stop_reason"] == _STOPS.get(reason, default)
    if isinstance(answer.get("usage"), dict):
        assert message["usage"] == messages_usage(answer["usage"])


def _named(data: bytes) -> list[tuple[str, dict[str, Any]]]:
    values = [(name, bounded_json.parse(text)) for name, text in sse.events(data)]
    return [(name, value) for name, value in values if isinstance(value, dict)]


@each_stream
def test_pieces_make_no_difference(file: Path) -> None:
    data = file.read_bytes()
    whole, _ = translated(data)
    for size in (1, 97) if len(data) < 20_000 else (997,):
        assert translated(data, size)[0] == whole


@each_stream
def test_a_cut_is_never_an_end(file: Path) -> None:
    events = sse.split(file.read_bytes())
    step = max(1, len(events) // _MAX_CUTS)
    for count in range(0, len(events), step):
        data = b"".join(events[:count])
        translation, made = translated(data)
        message = read(translation)
        finishes = [
            choice.get("finish_reason")
            for choice in _choices(data)
            if isinstance(choice, dict) and not choice.get("index")
        ]
        is_finished = any(finishes) or b"[DONE]" in data
        assert message["ended"] == made.ended
        assert made.ended or made.error is not None or made.is_cut
        if not is_finished:
            assert not message["ended"]


@each_stream
def test_a_whole_answer_says_the_same_as_its_stream(file: Path) -> None:
    data = file.read_bytes()
    answer = first_choice(data)
    if not answer["choices"] or answer.get("error"):
        return
    message = to_message(answer, "m")
    events, made = translated(data)
    streamed = read(events)
    assert message is not None
    if made.error is not None:
        return
    assert message["stop_reason"] == streamed["stop_reason"]
    text, thinking = ("".join(block.get(kind, "") for block in message["content"]) for kind in ("text", "thinking"))
    assert (thinking, text) == found(streamed)[:2]
    calls = [f"{block['id']} {block['name']}" for block in message["content"] if block["type"] == "tool_use"]
    assert calls == [
        call.rpartition(" ")[0] if call.endswith("{}") else " ".join(call.split(" ")[:2]) for call in found(streamed)[2]
    ]
    assert {**message["usage"], "input_tokens": 0} == {**message["usage"], **streamed["usage"], "input_tokens": 0}


@each_stream
def test_anthropic_s_sdk_reads_what_was_said(file: Path) -> None:
    anthropic, http = pytest.importorskip("anthropic"), pytest.importorskip("httpx2")
    events, made = translated(file.read_bytes())
    if not made.ended:
        return

    def answer(request: Any) -> Any:
        return http.Response(200, headers={"content-type": "text/event-stream"}, content=events)

    with http.Client(transport=http.MockTransport(answer)) as connection:
        client = anthropic.Anthropic(api_key="k", base_url="http://test", http_client=connection)
        turn = {"role": "user", "content": "Hi"}
        with client.messages.stream(model="m", max_tokens=1, messages=[turn]) as stream:
            message = stream.get_final_message()
    strict = read(events)
    assert message.stop_reason == strict["stop_reason"]
    assert message.usage.output_tokens == strict["usage"]["output_tokens"]
    said = ["".join(getattr(block, kind, "") for block in message.content) for kind in ("thinking", "text")]
    assert tuple(said) == found(strict)[:2]
    inputs = [block.input for block in message.content if block.type == "tool_use"]
    assert inputs == [json.loads(block["json"]) for block in strict["content"] if block["type"] == "tool_use"]
