"""How a stream of the Responses API is ended for Codex, which keeps only finished items, and for OpenAI's SDKs."""

from __future__ import annotations

from typing import Any

from proxy.errors import UpstreamDisconnected, UpstreamRefused
from proxy.protocols import responses_output
from proxy.protocols.responses import PROTOCOL
from proxy.wire import sse


def event(kind: str, number: int = 0, **members: Any) -> bytes:
    name = f"response.{kind}"
    return sse.event({"type": name, "sequence_number": number, **members}, name)


CREATED = event("created", 0, response={"id": "resp_1", "object": "response", "status": "in_progress", "output": []})
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
PLACE = {"item_id": "msg_1", "output_index": 1, "content_index": 0}
REASONING = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "AA"}


def stream(*words: str) -> bytes:
    deltas = [event("output_text.delta", 4 + n, delta=word, **PLACE) for n, word in enumerate(words)]
    return b"".join(
        [
            CREATED,
            event("output_item.added", 1, output_index=0, item={**REASONING, "encrypted_content": None}),
            event("output_item.done", 2, output_index=0, item=REASONING),
            event("output_item.added", 3, output_index=1, item=MESSAGE),
            *deltas,
        ]
    )


def ended(data: bytes, reason: str = "deadline", codex: bool = False) -> list[dict[str, Any]]:
    state = PROTOCOL.state()
    state.reruns_incomplete = codex
    for piece in sse.split(data):
        state.feed(piece)
    return list(sse.objects(state.truncated(reason) or b""))


def test_the_open_message_is_finished_with_what_was_said() -> None:
    text, part, item, last = ended(stream("Hel", "lo"))
    assert text == {
        **PLACE,
        "type": "response.output_text.done",
        "text": "Hello",
        "logprobs": [],
        "sequence_number": 6,
    }
    assert part["part"] == {"type": "output_text", "text": "Hello", "annotations": []}
    finished = {**MESSAGE, "status": "incomplete", "content": [part["part"]]}
    assert (item["item"], item["output_index"]) == (finished, 1)
    assert (last["type"], last["sequence_number"]) == ("response.incomplete", 9)
    assert last["response"]["output"] == [REASONING, finished] and last["response"]["id"] == "resp_1"


def test_codex_gets_a_completed_response_whose_status_is_incomplete() -> None:
    *_, item, last = ended(stream("Hi"), codex=True)
    assert item["item"]["content"][0]["text"] == "Hi"
    assert (last["type"], last["response"]["status"]) == ("response.completed", "incomplete")


def test_where_there_is_no_room_the_text_is_repeated_for_codex_only_and_once() -> None:
    assert [value["type"] for value in ended(stream("Hi"), "response_limit")] == ["response.incomplete"]
    item, last = ended(stream("Hi"), "response_limit", codex=True)
    assert item["type"] == "response.output_item.done" and "output" in last["response"]
    assert last["response"]["output"] == []


def test_an_unfinished_call_stays_open() -> None:
    call = {"id": "fc_1", "type": "function_call", "name": "f", "arguments": ""}
    arguments = event("function_call_arguments.delta", 2, delta="{", item_id="fc_1", output_index=0)
    data = CREATED + event("output_item.added", 1, output_index=0, item=call) + arguments
    (last,) = ended(data)
    assert last["type"] == "response.incomplete" and last["response"]["output"] == []


def test_a_message_without_its_beginning_is_finished_all_the_same() -> None:
    _, _, item, _ = ended(CREATED + event("output_text.delta", 1, delta="Hi", **PLACE))
    assert item["item"]["id"] == "msg_1" and item["item"]["content"][0]["text"] == "Hi"


def test_a_refusal_is_finished_as_one() -> None:
    data = CREATED + event("output_item.added", 1, output_index=1, item=MESSAGE)
    refusal, part, item, _ = ended(data + event("refusal.delta", 2, delta="No.", **PLACE, obfuscation="x"))
    assert (refusal["type"], refusal["refusal"]) == ("response.refusal.done", "No.")
    assert part["part"] == {"type": "refusal", "refusal": "No."} and item["item"]["content"] == [part["part"]]


def test_strange_items_break_nothing() -> None:
    data = CREATED + event("output_text.delta", 1, delta=7, output_index=1) + event("output_item.added", 2, item=3)
    data += event("output_text.delta", 3, delta="Hi", **{**PLACE, "content_index": None})
    assert ended(data)[-1]["response"]["status"] == "incomplete"


def test_a_long_answer_is_kept_in_few_events() -> None:
    word = "word " * 20
    output = responses_output.Output()
    count = responses_output._MERGED_BYTES * 3 // len(event("output_text.delta", 4, delta=word, **PLACE))
    for piece in sse.split(stream(*[word] * count)):
        output.feed(piece)
    assert sum(map(len, output._held)) < responses_output._MERGED_BYTES * 2
    _, items = output.finished(0)
    assert items[-1]["content"][0]["text"] == word * count


def test_an_answer_that_is_too_long_to_be_kept_is_not_repeated(monkeypatch: Any) -> None:
    monkeypatch.setattr(responses_output, "_MERGED_BYTES", 1_000)
    monkeypatch.setattr(responses_output, "_MAX_BYTES", 2_000)
    for word in ("word " * 20, "word " * 2_000):
        output = responses_output.Output()
        for piece in sse.split(stream(*[word] * 60)):
            output.feed(piece)
        events, items = output.finished(0)
        assert events == [] and items == [REASONING]


def test_a_failure_says_what_codex_and_the_sdks_look_for() -> None:
    cases = [
        (UpstreamDisconnected(), "upstream_disconnected"),
        (UpstreamRefused(429, [], b"", {"message": "slow"}, 2.0), "rate_limit_exceeded"),
        (UpstreamRefused(529, [], b"", {"message": "busy", "code": 7}), "server_is_overloaded"),
        (UpstreamRefused(500, [], b"", {"code": "own_code"}), "own_code"),
        (UpstreamRefused(500, [], b""), "server_error"),
    ]
    for error, code in cases:
        state = PROTOCOL.state()
        state.request_id = "sl_1"
        (value,) = sse.objects(state.failed(error))
        assert value["type"] == "response.failed" and value["error"]["message"] == error.explained
        response = value["response"]
        assert (response["id"], response["status"]) == ("resp_sl_1", "failed")
        assert response["error"] == {"code": code, "message": error.explained}
