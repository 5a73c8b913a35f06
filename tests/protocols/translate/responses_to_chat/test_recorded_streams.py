"""Recorded chat streams of many providers as Responses: nothing is lost, and no cut looks like an end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from proxy.protocols.translate.chat_providers import UNKNOWN
from proxy.protocols.translate.direction import Asked, Stream
from proxy.protocols.translate.responses_to_chat.direction import DIRECTION
from proxy.protocols.translate.responses_to_chat.usage import responses_usage
from tests.support.chat_streams import CHATS, Said, first_choice, has_error, in_pieces, is_finished, said, starts
from tests.support.translate_responses import parts, read_response

pytestmark = pytest.mark.any_python("the same bytes through the same code; the other tests of it run on every Python")

ASKED = Asked("m", {}, DIRECTION.request({"model": "m", "input": "Hi"}, UNKNOWN, False).echo)
_REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}
each_stream = pytest.mark.parametrize("file", CHATS, ids=[file.name for file in CHATS])


def translated(data: bytes, size: int | None = None) -> tuple[bytes, Stream]:
    """The translated stream; `size` is how many bytes the network delivers at once."""
    made = DIRECTION.stream(ASKED)
    return b"".join(map(made.feed, in_pieces(data, size))) + made.end(), made


def found(items: list[dict[str, Any]]) -> Said:
    """What the items of a response say."""
    texts = {"reasoning": "", "output_text": "", "refusal": ""}
    for kind, text in parts(items):
        if kind in texts:
            texts[kind] += text
    calls = [f"{item['call_id']} {item['name']} {item['arguments']}" for item in items if "call_id" in item]
    return Said(texts["reasoning"], texts["output_text"], texts["refusal"], calls)


@each_stream
def test_a_translated_stream_says_the_same(file: Path) -> None:
    data = file.read_bytes()
    events, made = translated(data)
    response, answer = read_response(events), first_choice(data)
    if has_error(data):
        assert made.error is not None and response["last"] is None
        return
    (choice,) = answer["choices"]
    assert not made.is_cut and not response["open"]
    last = response["last"]
    assert found(last["output"]) == said(choice["message"])
    reason = _REASONS.get(choice["finish_reason"])
    assert last["status"] == ("incomplete" if reason else "completed")
    assert last["incomplete_details"] == ({"reason": reason} if reason else None)
    usage = answer.get("usage")
    assert last["usage"] == (responses_usage(usage) if isinstance(usage, dict) else None)


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
        last = read_response(events)["last"]
        assert last is not None or made.error is not None or made.is_cut
        assert is_finished(data) or last is None


@each_stream
def test_a_whole_answer_says_the_same_as_its_stream(file: Path) -> None:
    data = file.read_bytes()
    answer, (events, made) = first_choice(data), translated(data)
    if made.error is not None or not answer["choices"]:
        return
    response, streamed = DIRECTION.answer(answer, ASKED), read_response(events)["last"]
    assert response is not None and found(response["output"]) == found(streamed["output"])
    kept = ("status", "incomplete_details", "usage", "model", "tools")
    assert {name: response[name] for name in kept} == {name: streamed[name] for name in kept}


@each_stream
def test_openai_s_sdk_reads_what_was_said(file: Path) -> None:
    openai, http = pytest.importorskip("openai"), pytest.importorskip("httpx2")
    events, made = translated(file.read_bytes())
    if made.error is not None:
        return

    def answer(request: Any) -> Any:
        return http.Response(200, headers={"content-type": "text/event-stream"}, content=events)

    with http.Client(transport=http.MockTransport(answer)) as connection:
        client = openai.OpenAI(api_key="k", base_url="http://test", http_client=connection)
        with client.responses.stream(model="m", input="Hi") as stream:
            *_, last = stream
    strict = read_response(events)["last"]
    assert last.response.status == strict["status"]
    assert last.response.output_text == found(strict["output"]).text
    assert last.response.usage is None or last.response.usage.output_tokens == strict["usage"]["output_tokens"]
    calls = [
        f"{item.call_id} {item.name} {item.arguments}" for item in last.response.output if hasattr(item, "call_id")
    ]
    assert calls == found(strict["output"]).calls
