"""A stream of the Responses API becomes a chat stream that a strict client can read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.protocols.translate.chat_to_responses.request import to_responses
from proxy.protocols.translate.chat_to_responses.stream import ChatStream
from tests.support.responses import (
    CHAT_USAGE,
    added,
    call,
    completed,
    created,
    custom,
    done,
    event,
    message,
    read,
    reasoning,
    response,
    stream,
    text_delta,
)


def translated(*events: Any, **options: Any) -> dict[str, Any]:
    """The message that a strict client reads."""
    made = ChatStream("m", **{"include_usage": False, **options})
    return read(made.feed(stream(*events)) + made.end())


def deltas(data: bytes) -> list[Any]:
    return [choice["delta"] for chunk in read(data)["chunks"] for choice in chunk["choices"]]


def summary(text: Any, index: int = 0, place: Any = 0) -> dict[str, Any]:
    return event("reasoning_summary_text.delta", place, summary_index=index, delta=text)


def arguments(text: Any, place: Any = 0) -> dict[str, Any]:
    return event("function_call_arguments.delta", place, delta=text)


def test_a_completion_begins_with_its_role() -> None:
    made = ChatStream("m", include_usage=False)
    assert made.feed(stream(created())) == b""  # an error may still be told with a status
    first = made.feed(stream(added(message()), text_delta("Hi")))
    assert deltas(first) == [{"role": "assistant", "content": ""}, {"content": "Hi"}]
    chunk = read(first)["chunks"][0]
    del chunk["choices"]
    assert chunk == {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 5, "model": "up"}
    assert (made.ended, made.is_cut, made.error) == (False, True, None)
    last = made.feed(stream(completed(message("Hi"))))
    assert last.endswith(b'"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
    assert (made.ended, made.is_cut, made.error) == (True, False, None)
    assert made.feed(stream(text_delta("more"))) == made.end() == b""


def test_an_empty_completion_begins_too() -> None:
    found = translated(created(), completed())
    assert (found["content"], found["finish_reason"], found["ended"]) == ("", "stop", True)


@pytest.mark.parametrize(
    ("members", "head"),
    [
        ({"id": "resp_a-1"}, ("chatcmpl-a-1", 5, "up")),
        ({"created_at": 5.9, "model": ""}, ("chatcmpl-1", 5, "m")),
        ({"created_at": float("inf"), "model": None}, ("chatcmpl-1", 0, "m")),
        ({"created_at": float("nan"), "model": 5}, ("chatcmpl-1", 0, "m")),
        ({"created_at": "5"}, ("chatcmpl-1", 0, "up")),
        ({"created_at": -5}, ("chatcmpl-1", 0, "up")),
    ],
)
def test_a_chunk_says_what_the_response_says(members: dict[str, Any], head: tuple[Any, ...]) -> None:
    chunk = translated(created(**members), text_delta("Hi"), completed())["chunks"][-1]
    assert (chunk["id"], chunk["created"], chunk["model"]) == head


def test_the_id_is_always_the_same_and_never_strange() -> None:
    def identifier(value: Any, request_id: str) -> Any:
        return translated(created(id=value), text_delta("Hi"), request_id=request_id)["chunks"][0]["id"]

    assert identifier("", "req-1") == identifier(None, "req-1") == "chatcmpl-req-1"
    long = identifier("resp_" + "x" * 65, "1")
    assert long == identifier("resp_" + "x" * 65, "2") != identifier("resp_" + "x" * 66, "1")
    assert len(long) == len(identifier("a\nb", "1")) == len(identifier(None, "")) == len("chatcmpl-") + 24


# texts


def test_texts_and_refusals_have_members_of_their_own() -> None:
    refused = event("refusal.delta", content_index=1, delta="no")
    part = {"type": "refusal", "refusal": "no"}
    found = translated(added(message()), text_delta("Hi"), refused, completed(message("Hi", part)))
    assert (found["content"], found["refusal"], found["finish_reason"]) == ("Hi", "no", "stop")


def test_summaries_are_reasoning_with_a_blank_line_between_them() -> None:
    found = translated(
        added(reasoning()), summary("a"), summary("b"), summary("c", 1), done(reasoning("ab", "c")), text_delta("Hi", 1)
    )
    assert (found["reasoning_content"], found["content"]) == ("ab\n\nc", "Hi")
    assert translated(summary("a"), added(reasoning(), 2), summary("b", 0, 2))["reasoning_content"] == "a\n\nb"


def test_open_reasoning_is_reasoning() -> None:
    text = event("reasoning_text.delta", content_index=0, delta="Hm")
    item = reasoning(content=[{"type": "reasoning_text", "text": "Hm."}])
    assert translated(added(reasoning()), text, done(item))["reasoning_content"] == "Hm."


def test_encrypted_reasoning_is_carried_by_a_detail_and_comes_back() -> None:
    items = [reasoning("a", identifier=f"rs_{name}", encrypted_content=name) for name in "xy"]
    found = translated(done(items[0], 0), done(items[1], 1), added(call(), 2), arguments("{}", 2), completed(*items))
    assert found["reasoning_details"] == [
        {
            "type": "reasoning.encrypted",
            "data": f"sluice-{name}",
            "format": "openai-responses-v1",
            "index": index,
            "id": f"rs_{name}",
        }
        for index, name in enumerate("xy")
    ]
    called = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turn = {"role": "assistant", "tool_calls": [called], "reasoning_details": found["reasoning_details"]}
    back = to_responses({"messages": [turn]}).request["input"]
    assert [item.get("encrypted_content") for item in back] == ["x", "y", None]


def test_reasoning_that_is_not_encrypted_has_no_detail() -> None:
    for item in (reasoning("a"), reasoning("a", encrypted_content=""), reasoning("a", encrypted_content=5)):
        assert translated(done(item))["reasoning_details"] == []
    assert "id" not in translated(done(reasoning(identifier=None, encrypted_content="x")))["reasoning_details"][0]


# calls


def test_calls_are_counted_in_their_order() -> None:
    found = translated(
        added(message(), 0),
        text_delta("Hi", 0),
        added(call(id="fc_1"), 1),
        arguments('{"a"', 1),
        added(call(id="fc_2", call_id="call_2", name="g"), 2),
        arguments("{}", 2),
        arguments(":1}", 1),
        completed(),
    )
    assert found["tool_calls"] == [
        {"id": "call_1", "kind": "function", "name": "f", "given": '{"a":1}'},
        {"id": "call_2", "kind": "function", "name": "g", "given": "{}"},
    ]
    assert (found["content"], found["finish_reason"]) == ("Hi", "tool_calls")


def test_a_call_is_streamed_as_it_comes() -> None:
    made = ChatStream("m", include_usage=False)
    (_, start) = deltas(made.feed(stream(added(call()))))
    assert start["tool_calls"] == [
        {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
    ]
    assert json.loads(made.feed(stream(arguments("{}")))[6:])["choices"][0]["delta"]["tool_calls"] == [
        {"index": 0, "function": {"arguments": "{}"}}
    ]


def test_calls_of_custom_tools_have_an_input() -> None:
    found = translated(
        added(custom()), event("custom_tool_call_input.delta", delta="SELECT "), done(custom("SELECT 1")), completed()
    )
    assert found["tool_calls"] == [{"id": "call_1", "kind": "custom", "name": "c", "given": "SELECT 1"}]
    assert found["finish_reason"] == "tool_calls"
    start = found["chunks"][1]["choices"][0]["delta"]["tool_calls"]
    assert start == [{"index": 0, "id": "call_1", "type": "custom", "custom": {"name": "c", "input": ""}}]


def test_tools_of_the_upstream_are_no_calls() -> None:
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    others = [event("web_search_call.completed", item_id="ws_1"), event("mcp_call_arguments.delta", delta="{}")]
    found = translated(added(search), *others, done(search), text_delta("Hi", 1), completed(search, 5, message("Hi")))
    assert (found["tool_calls"], found["content"], found["finish_reason"]) == ([], "Hi", "stop")


# ends


@pytest.mark.parametrize("kind", ["response.incomplete", "response.completed"])
@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({"reason": "max_output_tokens"}, "length"),
        ({"reason": "content_filter"}, "content_filter"),
        ({"reason": ["x"]}, "length"),
        (None, "length"),
    ],
)
def test_an_incomplete_response_says_why(kind: str, details: Any, reason: str) -> None:
    whole = response(status="incomplete", incomplete_details=details)
    found = translated(added(call()), arguments('{"a'), {"type": kind, "response": whole})
    assert (found["finish_reason"], found["ended"]) == (reason, True)
    assert found["tool_calls"][0]["given"] == '{"a'


def test_usage_comes_last_if_it_is_wanted() -> None:
    found = translated(text_delta("Hi"), completed(), include_usage=True)
    assert found["usage"] == CHAT_USAGE
    assert found["chunks"][-1]["choices"] == []
    assert translated(text_delta("Hi"), completed())["usage"] is None
    assert translated(completed(usage=None), include_usage=True)["usage"] is None


@pytest.mark.parametrize(
    ("last", "error"),
    [
        (
            {"type": "response.failed", "response": response(status="failed", error={"code": "c", "message": "m"})},
            {"code": "c", "message": "m"},
        ),
        (completed(status="failed", error={"code": "c", "message": "m"}), {"code": "c", "message": "m"}),
        ({"type": "error", "code": "c", "message": "m", "sequence_number": 3}, {"code": "c", "message": "m"}),
        ({"type": "error", "error": {"type": "t", "message": "m"}}, {"type": "t", "message": "m"}),
        ({"type": "response.created", "error": "no"}, "no"),
    ],
)
def test_an_error_ends_everything(last: dict[str, Any], error: Any) -> None:
    made = ChatStream("m", include_usage=True)
    found = read(made.feed(stream(text_delta("Hi"), last, text_delta("more"), completed())) + made.end())
    assert (found["content"], found["finish_reason"], found["ended"]) == ("Hi", None, False)
    assert made.error == error
    assert not made.ended and not made.is_cut
    assert made.feed(stream(completed())) == b""


def test_a_failure_without_an_error_is_one() -> None:
    for last in ({"type": "response.failed"}, completed(status="cancelled")):
        made = ChatStream("m", include_usage=False)
        assert made.feed(stream(last)) == b""
        assert "message" in made.error


# the wire


def test_events_need_no_names_and_comments_are_ignored() -> None:
    made = ChatStream("m", include_usage=False)
    pieces = [
        b": ping\n\n",
        b"data: " + json.dumps(text_delta("Hi")).encode() + b"\n\n",
        b"data: broken\n\n",
        b'data: ["x"]\n\n',
        b"event: response.output_text.delta\ndata: " + json.dumps({"delta": "!"}).encode() + b"\n\n",
        b"data: [DONE]\n\n",
        b"event: response.completed\ndata: {}",  # the stream may end within an event's end
    ]
    found = read(b"".join(map(made.feed, pieces)))
    assert (found["content"], found["finish_reason"], found["ended"]) == ("Hi!", "stop", True)


def test_halves_of_a_character_pass() -> None:
    made = ChatStream("m", include_usage=False)
    data = made.feed(stream(text_delta("\ud83d"), text_delta("\ude00"), done(message("\ud83d\ude00"))))
    text = "".join(delta["content"] for delta in deltas(data))
    assert text.encode("utf-16", "surrogatepass").decode("utf-16") == "\N{GRINNING FACE}"
