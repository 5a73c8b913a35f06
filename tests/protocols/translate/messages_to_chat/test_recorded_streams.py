"""Recorded chat streams of many providers as Messages: nothing is lost, and no cut looks like an end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proxy.protocols.translate.messages_to_chat.answer import to_message
from proxy.protocols.translate.messages_to_chat.stream import MessagesStream
from proxy.protocols.translate.messages_to_chat.usage import messages_usage
from tests.support.chat_streams import CHATS, Said, first_choice, has_error, in_pieces, is_finished, said, starts
from tests.support.translate import blocks, read

pytestmark = pytest.mark.any_python("the same bytes through the same code; the other tests of it run on every Python")

_STOPS = {"length": "max_tokens", "content_filter": "refusal"}

each_stream = pytest.mark.parametrize("file", CHATS, ids=[file.name for file in CHATS])


def found(message: dict[str, Any]) -> tuple[str, str, list[str]]:
    """What a message that was translated says: reasoning, text and calls."""
    texts = {"thinking": "", "text": ""}
    for kind, text in blocks(message):
        if kind in texts:
            texts[kind] += text
    calls = [
        f"{block['id']} {block['name']} {block['json']}" for block in message["content"] if block["type"] == "tool_use"
    ]
    return texts["thinking"], texts["text"], calls


def expected(original: Said) -> tuple[str, str, list[str]]:
    """The same of a chat message."""
    return original.reasoning, original.text + original.refusal, original.calls


def translated(data: bytes, size: int | None = None) -> tuple[bytes, MessagesStream]:
    """The translated stream; `size` is how many bytes the network delivers at once."""
    made = MessagesStream("m", input_tokens=1)
    return b"".join(map(made.feed, in_pieces(data, size))) + made.end(), made


def test_there_are_many_recorded_streams() -> None:
    assert len(CHATS) > 3


@each_stream
def test_a_translated_stream_says_the_same(file: Path) -> None:
    data = file.read_bytes()
    events, made = translated(data)
    message = read(events)
    answer = first_choice(data)
    if has_error(data):
        assert made.error is not None and not message["ended"]
        return
    (choice,) = answer["choices"]
    assert found(message) == expected(said(choice["message"]))
    assert made.ended and not made.is_cut
    reason = choice["finish_reason"]
    has_calls = bool(choice["message"].get("tool_calls"))
    default = "refusal" if choice["message"].get("refusal") else "tool_use" if has_calls else "end_turn"
    assert message["stop_reason"] == _STOPS.get(reason, default)
    if isinstance(answer.get("usage"), dict):
        assert message["usage"] == message["usage"] | messages_usage(answer["usage"])


@each_stream
def test_pieces_make_no_difference(file: Path) -> None:
    data = file.read_bytes()
    whole, _ = translated(data)
    for size in (1, 97) if len(data) < 4_000 else (997,):
        assert translated(data, size)[0] == whole


@each_stream
def test_a_cut_is_never_an_end(file: Path) -> None:
    for data in starts(file.read_bytes()):
        events, made = translated(data)
        message = read(events)
        assert message["ended"] == made.ended
        assert made.ended or made.error is not None or made.is_cut
        assert is_finished(data) or not message["ended"]


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
    texts = ["".join(getattr(block, kind, "") for block in message.content) for kind in ("thinking", "text")]
    assert tuple(texts) == found(strict)[:2]
    inputs = [block.input for block in message.content if block.type == "tool_use"]
    assert inputs == [json.loads(block["json"]) for block in strict["content"] if block["type"] == "tool_use"]
