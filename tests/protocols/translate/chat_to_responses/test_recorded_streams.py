"""Recorded streams of the Responses API, translated: nothing is lost, and no cut looks like an end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.protocols.members import as_list, error_in
from proxy.protocols.translate.chat_to_responses.answer import to_completion
from proxy.protocols.translate.chat_to_responses.request import to_responses
from proxy.protocols.translate.chat_to_responses.stream import ChatStream
from proxy.protocols.translate.chat_to_responses.usage import completion_usage
from proxy.wire import sse
from tests.support.paths import SHARED
from tests.support.recordings import Recording, recordings
from tests.support.responses import checked, read

_MAX_CUTS = 15
_ENDS = ("response.completed", "response.incomplete", "response.failed")
_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
_GIVEN = {"function": "arguments", "custom": "input"}

# Google's Interactions API is among them, and is another one.
STREAMS = (
    [each for each in recordings("responses") if b'"response.created"' in each.data]
    if (SHARED / "data").is_dir()
    else []
)

pytestmark = pytest.mark.any_python("the same bytes through the same code; the other tests of it run on every Python")
each_stream = pytest.mark.parametrize("recording", STREAMS, ids=[each.name for each in STREAMS])


def translated(data: bytes, size: int | None = None) -> tuple[bytes, ChatStream]:
    """The translated stream; `size` is how many bytes the network delivers at once."""
    made = ChatStream("m", include_usage=True)
    splitter = sse.Splitter()
    pieces = [data] if size is None else [data[at : at + size] for at in range(0, len(data), size)]
    chunks = b"".join(made.feed(piece) for chunk in pieces if (piece := splitter.feed(chunk)))
    return chunks + made.feed(splitter.rest()) + made.end(), made


def last_response(data: bytes) -> dict[str, Any] | None:
    """The response of the event that ends it."""
    found = [event["response"] for event in sse.objects(data) if event.get("type") in _ENDS]
    return found[-1] if found else None


def fails(data: bytes) -> bool:
    return any(error_in(event) or event.get("type") == "response.failed" for event in sse.objects(data))


def streamed(data: bytes) -> list[Any]:
    """The items of a stream as its events end them."""
    return [event["item"] for event in sse.objects(data) if event.get("type") == "response.output_item.done"]


def expected(items: list[Any]) -> tuple[str, str, str, list[tuple[str, str, str]], list[str]]:
    """The text, refusal, reasoning, calls and encrypted reasoning of the items of a response."""
    texts: dict[str, list[str]] = {"output_text": [], "refusal": [], "summary_text": [], "reasoning_text": []}
    for item in items:
        if item["type"] in ("message", "reasoning"):
            for part in (*as_list(item.get("summary")), *as_list(item.get("content"))):
                texts[part["type"]].append(part.get("text") or part.get("refusal") or "")
    calls = [(item["call_id"], item["name"], item[_CALLS[item["type"]]]) for item in items if item["type"] in _CALLS]
    encrypted = [item["encrypted_content"] for item in items if item.get("encrypted_content")]
    reasoning = "\n\n".join(filter(None, texts["summary_text"] + texts["reasoning_text"]))
    return "".join(texts["output_text"]), "".join(texts["refusal"]), reasoning, calls, encrypted


def found(message: dict[str, Any]) -> tuple[str, str, str, list[tuple[str, str, str]], list[str]]:
    """The same of a message that was translated."""
    calls = [(call["id"], call["name"], call["given"]) for call in message["tool_calls"]]
    encrypted = [detail["data"].removeprefix("sluice-") for detail in message.get("reasoning_details", [])]
    texts = [message.get(name, "") for name in ("content", "refusal", "reasoning_content")]
    return texts[0], texts[1], texts[2], calls, encrypted


def without_encrypted(said: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same with the number of encrypted texts: OpenAI encrypts reasoning anew for its last event."""
    return (*said[:-1], len(said[-1]))


def corrected(data: bytes) -> tuple[Any, ...]:
    """What the items of a stream say. Where the pieces of a text differ from the whole, they are what was said."""
    texts = []
    for event in sse.objects(data):
        if event.get("type") == "response.output_item.done" and event["item"]["type"] == "message":
            whole, *_ = expected([event["item"]])
            place = event["output_index"]
            said = "".join(each["delta"] for each in sse.objects(data) if _is_text(each, place))
            texts.append(whole if whole.startswith(said) else said)
    return ("".join(texts), *expected(streamed(data))[1:])


def _is_text(event: dict[str, Any], place: Any) -> bool:
    return event.get("type") == "response.output_text.delta" and event.get("output_index") == place


def reason(response: dict[str, Any]) -> str:
    if response["status"] == "incomplete":
        return "content_filter" if response["incomplete_details"]["reason"] == "content_filter" else "length"
    return "tool_calls" if any(item["type"] in _CALLS for item in response["output"]) else "stop"


def test_there_are_many_recorded_streams() -> None:
    recordings("responses")
    assert len(STREAMS) > 80


@each_stream
def test_a_translated_stream_says_the_same(recording: Recording) -> None:
    chunks, made = translated(recording.data)
    message = read(chunks)
    response = last_response(recording.data)
    if fails(recording.data):
        assert made.error and not made.ended and not message["ended"]
        return
    assert response is not None
    assert made.ended and not made.is_cut and made.error is None
    assert found(message) == corrected(recording.data)
    if response["output"]:
        assert without_encrypted(found(message))[1:] == without_encrypted(expected(response["output"]))[1:]
    assert message["finish_reason"] == reason(response)
    if response.get("usage"):
        assert message["usage"] == completion_usage(response["usage"])
    head = message["chunks"][0]
    assert (head["model"], head["created"]) == (response["model"], int(response["created_at"]))


@each_stream
def test_pieces_make_no_difference(recording: Recording) -> None:
    whole, _ = translated(recording.data)
    for size in (1, 97) if len(recording.data) < 4_000 else (997,):
        assert translated(recording.data, size)[0] == whole


@each_stream
def test_a_cut_is_never_an_end(recording: Recording) -> None:
    events = sse.split(recording.data)
    ends = [event.get("type") in _ENDS for each in events for event in sse.objects(each)]
    step = max(1, len(events) // _MAX_CUTS)
    for count in {*range(0, len(events), step), len(events) - 1}:
        chunks, made = translated(b"".join(events[:count]))
        message = read(chunks)
        assert message["ended"] == made.ended
        assert [made.ended, made.is_cut, made.error is not None].count(True) == 1
        if not any(ends[:count]):
            assert not made.ended and not message["finish_reason"]


@each_stream
def test_a_whole_answer_says_the_same_as_its_stream(recording: Recording) -> None:
    response = last_response(recording.data)
    if response is None or fails(recording.data):
        return
    completion = to_completion(response, "m")
    assert completion is not None
    (choice,) = completion["choices"]
    said = choice["message"]
    calls = [
        (call["id"], *(call[call["type"]][name] for name in ("name", _GIVEN[call["type"]])))
        for call in said.get("tool_calls", ())
    ]
    details = [detail["data"].removeprefix("sluice-") for detail in said.get("reasoning_details", ())]
    texts = [said.get(name) or "" for name in ("content", "refusal", "reasoning_content")]
    assert (*texts, calls, details) == expected(response["output"])
    message = read(translated(recording.data)[0])
    assert choice["finish_reason"] == message["finish_reason"]
    assert completion.get("usage") == message["usage"]
    assert {choice["delta"].get("role") for choice in message["chunks"][0]["choices"]} == {said["role"]}


@each_stream
def test_openai_s_sdk_reads_what_was_said(recording: Recording) -> None:
    openai, http = pytest.importorskip("openai"), pytest.importorskip("httpx2")
    chunks, made = translated(recording.data)
    strict = read(chunks)
    if not made.ended or any(call["kind"] == "custom" for call in strict["tool_calls"]):  # the SDK does not join these
        return

    def answer(request: Any) -> Any:
        return http.Response(200, headers={"content-type": "text/event-stream"}, content=chunks)

    with http.Client(transport=http.MockTransport(answer)) as connection:
        client = openai.OpenAI(api_key="k", base_url="http://test", http_client=connection)
        turn = {"role": "user", "content": "Hi"}
        with client.chat.completions.stream(model="m", messages=[turn]) as stream:
            stream.until_done()
            completion = stream.current_completion_snapshot
    (choice,) = completion.choices
    message = choice.message
    assert choice.finish_reason == strict["finish_reason"]
    assert (message.content or "", message.refusal or "") == (strict["content"], strict.get("refusal", ""))
    assert (message.model_extra.get("reasoning_content") or "") == strict.get("reasoning_content", "")
    details = message.model_extra.get("reasoning_details") or []
    assert [detail["data"] for detail in details] == [detail["data"] for detail in strict["reasoning_details"]]
    calls = [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ()]
    assert calls == [(call["id"], call["name"], call["given"]) for call in strict["tool_calls"]]
    assert completion.usage.model_dump(exclude_none=True) == strict["usage"]


@each_stream
def test_what_was_said_can_be_returned(recording: Recording) -> None:
    """The answer of one turn is valid in the request of the next one, with all reasoning."""
    response = last_response(recording.data)
    if response is None or fails(recording.data):
        return
    completion = to_completion(response, "m")
    assert completion is not None
    said = json.loads(json.dumps(completion["choices"][0]["message"]))
    user = {"role": "user", "content": "Hi"}
    results = [{"role": "tool", "tool_call_id": call["id"], "content": ""} for call in said.get("tool_calls", ())]
    items = checked(to_responses({"model": "m", "messages": [user, said, *results, user]}).request)["input"]
    if said["content"] or said.get("tool_calls"):
        encrypted = [item["encrypted_content"] for item in items if item["type"] == "reasoning"]
        assert encrypted == expected(response["output"])[-1]
