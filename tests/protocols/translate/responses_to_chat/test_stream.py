"""A chat stream becomes a stream of the Responses API that a strict client can read."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.protocols.translate.direction import Asked
from proxy.protocols.translate.errors import stream_status
from proxy.protocols.translate.own_reasoning import without_items
from proxy.protocols.translate.responses_to_chat.direction import DIRECTION
from proxy.protocols.translate.responses_to_chat.usage import responses_usage
from proxy.wire import sse
from tests.protocols.translate.responses_to_chat.asked import FUNCTION, PATCH, translated
from tests.support.translate import DONE, call, chunk, stream
from tests.support.translate_responses import parts, read_response

TOOLS = [
    FUNCTION,
    PATCH,
    {"type": "local_shell"},
    {"type": "namespace", "name": "ns", "description": "", "tools": [FUNCTION]},
    {"type": "tool_search", "execution": "client", "parameters": {"type": "object"}},
]
USAGE = {"prompt_tokens": 10, "completion_tokens": 3}


def made(*chunks: Any, **asked: Any) -> dict[str, Any]:
    """The response of a whole chat stream."""
    request = translated(tools=TOOLS)
    translation = DIRECTION.stream(Asked("m", request.names, request.echo, **asked))
    return read_response(translation.feed(stream(*chunks) + DONE) + translation.end())


def items(*chunks: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = made(*chunks, chunk({}, "tool_calls"))["last"]["output"]
    return found


def test_a_response_repeats_its_request() -> None:
    last = made(chunk({"content": "Hi"}), chunk({}, "stop"))["last"]
    assert (last["model"], last["created_at"], last["store"]) == ("m", 1, False)
    assert last["id"].startswith("resp_") and last["tools"][0]["type"] == "function"
    assert last["usage"] is None  # E23: absent or full


def test_the_parts_of_an_answer_are_items_in_their_order() -> None:
    found = made(
        chunk({"reasoning_content": "Hm"}),
        chunk({"content": "Let me see."}),
        chunk(call(0, "c1", "f", '{"x"')),
        chunk(call(0, None, None, ":1}")),
        chunk({"refusal": "No."}, "tool_calls", usage=USAGE),
    )
    assert parts(found["items"]) == [
        ("reasoning", "Hm"),
        ("output_text", "Let me see."),
        ("function_call", 'f {"x":1}'),
        ("refusal", "No."),
    ]
    assert found["last"]["usage"] == responses_usage(USAGE)


def test_reasoning_carries_a_mark_by_which_it_is_taken_out_again() -> None:
    (item, _) = items(chunk({"reasoning_content": "Hm"}), chunk({"content": "Hi"}))
    assert item["encrypted_content"].startswith("sluice-")
    foreign: list[Any] = [{"type": "reasoning", "encrypted_content": "gAAAA"}, 5, {"type": "message"}]
    assert without_items([item, *foreign]) == foreign


def test_interleaved_calls_come_one_after_the_other() -> None:  # E5
    found = items(
        chunk(call(0, "c1", "f", '{"x"')),
        chunk(call(1, "c2", "f", '{"y"')),
        chunk(call(0, None, None, ":1}")),
        chunk(call(1, None, None, ":2}")),
    )
    assert [(item["call_id"], item["arguments"]) for item in found] == [("c1", '{"x":1}'), ("c2", '{"y":2}')]


def test_a_call_without_arguments_has_an_empty_object() -> None:  # E2
    assert items(chunk(call(0, "c1", "f")))[0]["arguments"] == "{}"


def test_a_call_of_a_namespace_says_so() -> None:  # E21
    (item,) = items(chunk(call(0, "c1", "ns__f", "{}")))
    assert (item["name"], item["namespace"]) == ("f", "ns")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{"input":"*** Begin"}', "*** Begin"),
        ("*** Begin", "*** Begin"),
        ('{"patch":"x"}', '{"patch":"x"}'),
        ("", "{}"),
    ],
)
def test_a_custom_call_has_the_input_alone(arguments: str, text: str) -> None:  # E20
    (item,) = items(chunk(call(0, "c1", "apply_patch", arguments)))
    assert (item["type"], item["name"], item["input"]) == ("custom_tool_call", "apply_patch", text)


def test_a_local_shell_s_call_has_an_action() -> None:
    given = '{"command":["ls","-l"],"working_directory":"/tmp","timeout_ms":5}'
    (item,) = items(chunk(call(0, "c1", "local_shell", given)))
    assert item["type"] == "local_shell_call"
    action = {"type": "exec", "command": ["ls", "-l"], "env": {}, "working_directory": "/tmp", "timeout_ms": 5}
    assert item["action"] == action
    (item,) = items(chunk(call(0, "c1", "local_shell", '{"command":["ls"]}')))
    assert item["action"] == {"type": "exec", "command": ["ls"], "env": {}}


@pytest.mark.parametrize("arguments", ['{"command":"ls"}', '{"command":[]}', '{"command":[5]}', "ls", '["ls"]'])
def test_arguments_that_fit_no_action_stay_as_they_are(arguments: str) -> None:
    (item,) = items(chunk(call(0, "c1", "local_shell", arguments)))
    assert (item["type"], item["name"], item["arguments"]) == ("function_call", "local_shell", arguments)


def test_a_search_for_tools_comes_back_as_one() -> None:
    (item,) = items(chunk(call(0, "c1", "tool_search", '{"query":"x"}')))
    assert (item["type"], item["execution"], item["arguments"]) == ("tool_search_call", "client", {"query": "x"})
    (item,) = items(chunk(call(0, "c1", "tool_search", "x")))
    assert (item["type"], item["arguments"]) == ("function_call", "x")


@pytest.mark.parametrize(
    ("reason", "status", "details"),
    [
        ("stop", "completed", None),
        ("tool_calls", "completed", None),
        ("length", "incomplete", "max_output_tokens"),
        ("model_context_window_exceeded", "incomplete", "max_output_tokens"),
        ("content_filter", "incomplete", "content_filter"),
    ],
)
def test_finish_reasons_are_a_status(reason: str, status: str, details: str | None) -> None:
    for reruns in (False, True):
        found = made(chunk({"content": "Hi"}), chunk({}, reason), reruns_incomplete=reruns)
        assert found["last"]["status"] == status
        assert found["last"]["incomplete_details"] == ({"reason": details} if details else None)
        # Codex repeats a call after `response.incomplete`.
        assert found["types"][-1] == ("response.completed" if reruns else f"response.{status}")


def test_a_call_that_was_cut_is_no_finished_item() -> None:
    found = made(chunk({"content": "Hi"}), chunk(call(0, "c1", "f", '{"x"')), chunk({}, "length"))
    assert found["open"] and parts(found["last"]["output"]) == [("output_text", "Hi")]


def test_what_follows_a_call_that_was_cut_is_kept() -> None:
    translation = DIRECTION.stream(Asked("m", {}, {}))
    chunks = [
        chunk(call(0, "c1", "f", '{"x"')),
        chunk({"content": "Hi"}),
        chunk(call(1, "c2", "f", "{}")),
        chunk({}, "length"),
    ]
    *_, last = sse.objects(translation.feed(stream(*chunks) + DONE))
    assert parts(last["response"]["output"]) == [("output_text", "Hi"), ("function_call", "f {}")]


def test_usage_has_all_details() -> None:
    usage = {
        **USAGE,
        "total_tokens": 13,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    assert responses_usage(usage) == {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
        "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 13,
    }
    junk = {"prompt_tokens": 10**5_000, "completion_tokens": True, "prompt_tokens_details": 5, "cached_tokens": 4}
    found = responses_usage(junk)
    assert found is not None and (found["input_tokens"], found["output_tokens"], found["total_tokens"]) == (0, 0, 0)
    assert found["input_tokens_details"]["cached_tokens"] == 4


@pytest.mark.parametrize(
    ("status", "error", "wanted", "kind", "code"),
    [
        (400, {"error": {"message": "no", "type": "invalid_request_error", "param": "x", "code": "c"}}, 400, None, "c"),
        (429, {"message": "slow down", "code": 1302}, 429, "rate_limit_error", None),
        (529, {"message": "busy", "type": "error"}, 503, "server_error", None),
        (422, {"detail": "prompt is too long"}, 400, "invalid_request_error", "context_length_exceeded"),
        (401, "no key", 401, "authentication_error", None),
        (403, [], 403, "permission_error", None),
        (404, {}, 404, "invalid_request_error", None),
    ],
)
def test_errors_have_openai_s_form(status: int, error: Any, wanted: int, kind: str | None, code: str | None) -> None:
    found = DIRECTION.error(status, error, "r")
    members = found.body["error"]
    assert (found.status, members["code"]) == (wanted, code)
    assert members["type"] == (kind or "invalid_request_error") and members["message"]
    assert members.keys() == {"message", "type", "param", "code"}


def test_an_error_in_the_stream_ends_it() -> None:
    translation = DIRECTION.stream(Asked("m", {}, {}))
    error = {"message": "busy", "code": 529}
    translation.feed(stream(chunk({"content": "x"}), {"error": error}, chunk({"content": "y"}, "stop")) + DONE)
    assert translation.error == error and not translation.is_cut and translation.end() == b""
    assert stream_status(error) == 529


def test_what_is_no_completion_is_no_answer() -> None:
    for value in ({}, {"choices": 5}, {"choices": [{"message": "x"}]}):
        assert DIRECTION.answer(value, Asked("m", {}, {})) is None
