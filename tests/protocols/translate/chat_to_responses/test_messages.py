"""The messages of a chat request become input items, kind by kind."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.errors import BadRequest
from proxy.protocols.translate.chat_to_responses.request import to_responses
from tests.support.responses import checked

HI = {"role": "user", "content": "Hi"}
USER = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}


def items(*messages: Any) -> list[Any]:
    request = {"model": "m", "messages": list(messages)}
    before = json.dumps(request)
    found: list[Any] = checked(to_responses(request).request)["input"]
    assert json.dumps(request) == before
    return found


def dropped(*messages: Any) -> list[str]:
    return to_responses({"model": "m", "messages": list(messages)}).dropped


def refusal(messages: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        to_responses({"model": "m", "messages": messages})
    assert (caught.value.status, caught.value.code) == (400, "not_translatable")
    assert caught.value.message.endswith(".")
    return caught.value


def assistant(content: Any = None, *calls: Any, **members: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **({"tool_calls": list(calls)} if calls else {}), **members}


def function(identifier: Any = "c1", name: Any = "f", arguments: Any = "{}") -> dict[str, Any]:
    return {"id": identifier, "type": "function", "function": {"name": name, "arguments": arguments}}


def custom(identifier: Any = "c2", name: Any = "patch", given: Any = "a") -> dict[str, Any]:
    return {"id": identifier, "type": "custom", "custom": {"name": name, "input": given}}


def result(content: Any = "done", identifier: Any = "c1", **members: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": identifier, "content": content, **members}


def text(value: Any) -> dict[str, Any]:
    return {"type": "text", "text": value}


def encrypted(data: Any, **members: Any) -> dict[str, Any]:
    return {"type": "reasoning.encrypted", "data": data, "format": "openai-responses-v1", **members}


def test_instructions_are_messages_of_the_developer() -> None:
    parts = [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]
    for role in ("system", "developer"):
        assert items({"role": role, "content": [text("a"), text("b")]}, HI) == [
            {"type": "message", "role": "developer", "content": parts},
            USER,
        ]


def test_parts_of_a_user_are_input() -> None:
    mark = {"mode": "explicit"}
    parts = [
        {**text("a"), "prompt_cache_breakpoint": mark},
        {"type": "image_url", "image_url": {"url": "https://x.example/a.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_id": "file_1", "filename": None}},
    ]
    (message,) = items({"role": "user", "content": parts})
    assert message["content"] == [
        {"type": "input_text", "text": "a", "prompt_cache_breakpoint": mark},
        {"type": "input_image", "image_url": "https://x.example/a.png", "detail": "low"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"},
        {"type": "input_file", "file_id": "file_1"},
    ]


def test_audio_is_refused() -> None:
    audio = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    assert "audio" in refusal([{"role": "user", "content": [audio]}]).message
    assert "audio" in refusal([HI, assistant(audio={"id": "audio_1"})]).message


def test_what_the_assistant_said_is_output() -> None:
    said = {"type": "output_text", "text": "a", "annotations": []}
    refused = {"type": "refusal", "refusal": "no"}
    assert items(HI, assistant("a"))[1] == {"type": "message", "role": "assistant", "content": [said]}
    assert items(HI, assistant([text("a"), refused, text("")]))[1]["content"] == [said, refused]
    assert items(HI, assistant(None, refusal="no"))[1]["content"] == [refused]
    assert items(HI, assistant("", refusal=None), HI) == [USER, USER]
    assert items(HI, assistant([], refusal=""), HI) == [USER, USER]


def test_calls_and_results_keep_their_ids() -> None:
    found = items(HI, assistant("Wait.", function(), custom()), result(), result("ok", "c2", name="patch"))
    assert found[2:] == [
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "patch", "input": "a"},
        {"type": "function_call_output", "call_id": "c1", "output": "done"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "ok"},
    ]
    without_type = {"id": "c1", "function": {"name": "f", "arguments": ""}}
    assert items(HI, assistant("", without_type))[1:] == [
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": ""}
    ]


def test_results_may_have_parts() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}
    for call, kind in ((function(), "function_call_output"), (custom("c1"), "custom_tool_call_output")):
        output = items(HI, assistant(None, call), result([text("a"), image]))[-1]
        assert output["type"] == kind
        assert [part["type"] for part in output["output"]] == ["input_text", "input_image"]
    empty: tuple[Any, ...] = ("", None, [])
    assert [items(HI, assistant(None, function()), result(content))[-1]["output"] for content in empty] == [""] * 3


@pytest.mark.parametrize("identifier", ["x" * 65, "a b", "\u00e9", "\ud800"])
def test_ids_that_openai_refuses_are_replaced_alike(identifier: str) -> None:  # E27
    _, call, output = items(HI, assistant(None, function(identifier)), result(identifier=identifier))
    assert call["call_id"] == output["call_id"] != identifier
    assert len(call["call_id"]) <= 64
    assert items(HI, assistant(None, function("a.b:0|c-d_e")))[1]["call_id"] == "a.b:0|c-d_e"


def test_a_result_without_its_call_is_refused() -> None:
    for identifier in ("c9", None, 5, [1]):
        assert refusal([HI, assistant(None, function()), result(identifier=identifier)]).param == "messages.2"
    refusal([HI, result(), assistant(None, function())])


def test_names_of_participants_are_named_as_dropped() -> None:
    assert dropped({**HI, "name": "Ann"}, {**HI, "name": "Bob"}) == ["messages.name"]
    assert dropped({**HI, "name": None}) == []


def test_the_older_form_of_calls_is_refused() -> None:
    older = {"role": "function", "name": "f", "content": "done"}
    assert "tool" in refusal([HI, older]).message
    assert "tool_calls" in refusal([HI, assistant(function_call={"name": "f", "arguments": "{}"})]).message


@pytest.mark.parametrize(
    "messages",
    [
        None,
        {},
        [],
        [5],
        [{}],
        [{"role": "critic", "content": "x"}],
        [{"role": ["user"], "content": "x"}],
        [{"role": "user"}],
        [{"role": "user", "content": []}],
        [{"role": "user", "content": [5]}],
        [{"role": "user", "content": [{"type": "text"}]}],
        [{"role": "user", "content": [{"type": "video_url"}]}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": "https://x.example/a.png"}]}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}],
        [{"role": "user", "content": [{"type": "file", "file": {"filename": "a"}}]}],
        [{"role": "user", "content": [{"type": "file"}]}],
        [assistant("")],
        [assistant(5)],
        [assistant([5])],
        [assistant([{"type": "image_url"}])],
        [assistant([text(5)])],
        [assistant([{"type": "refusal"}])],
        [assistant("a", refusal=5)],
        [assistant("a", tool_calls={})],
        [assistant("a", 5)],
        [assistant("a", {"id": "c", "type": "mcp"})],
        [assistant("a", {"id": "c", "type": "function"})],
        [assistant("a", function(""))],
        [assistant("a", function(None))],
        [assistant("a", function(name=None))],
        [assistant("a", function(arguments={}))],
        [assistant("a", custom(given=None))],
    ],
)
def test_malformed_messages_are_refused(messages: Any) -> None:
    assert str(refusal(messages).param).startswith("messages")


# reasoning of earlier turns


def test_own_reasoning_comes_before_what_it_has_led_to() -> None:  # E26
    details = [encrypted("sluice-abc", id="rs_1", index=0), encrypted("sluice-def", index=1)]
    turn = assistant("a", function(), reasoning_details=details)
    found = items(HI, turn, result())
    assert found[1:3] == [{"type": "reasoning", "summary": [], "encrypted_content": data} for data in ("abc", "def")]
    assert [item["type"] for item in found[3:]] == ["message", "function_call", "function_call_output"]
    assert dropped(HI, turn, result()) == []


def test_reasoning_of_other_origins_is_left_out() -> None:
    foreign = [encrypted("gAAAA"), encrypted("sluice-"), encrypted(5), encrypted(None), 5, {"type": "reasoning.text"}]
    for details in (foreign, "x", None):
        turn = assistant("a", reasoning_details=details, reasoning_content="Hm", reasoning="Hm")
        assert [item["type"] for item in items(HI, turn)] == ["message", "message"]
        assert dropped(HI, turn) == []


def test_reasoning_alone_is_left_out() -> None:
    assert items(HI, assistant("", reasoning_details=[encrypted("sluice-a")]), HI) == [USER, USER]


def test_lost_reasoning_is_named_only_while_the_model_still_works_on_the_answer() -> None:
    turn = [assistant(None, function()), result()]
    own = assistant(None, function(), reasoning_details=[encrypted("sluice-a")])
    assert dropped(HI, *turn) == dropped(HI, *turn, *turn) == dropped(HI, own, result(), *turn) == ["reasoning"]
    assert dropped(*turn) == ["reasoning"]
    assert dropped(HI, *turn, HI) == dropped(HI, *turn, assistant("a"), HI) == dropped(HI, assistant("a")) == []
    assert dropped(HI, *turn, HI, own, result()) == []
