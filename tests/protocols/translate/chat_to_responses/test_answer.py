"""Whole responses, their usage, and the refusals that ask for the Responses API."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from proxy.protocols.translate.chat_to_responses.answer import to_completion
from proxy.protocols.translate.chat_to_responses.demand import demands_responses
from proxy.protocols.translate.chat_to_responses.usage import completion_usage
from tests.support.responses import CHAT_USAGE, call, custom, message, reasoning, response


def completion(*output: Any, **members: Any) -> dict[str, Any]:
    found = to_completion(response(*output, **members), "m", "req-1")
    assert found is not None
    ChatCompletion.model_validate(found, strict=True)
    return found


def test_a_response_is_a_completion() -> None:
    found = completion(reasoning("a", "b", encrypted_content="e"), message("Hi"), call("{}"), custom("x", "c", "c2"))
    (choice,) = found.pop("choices")
    assert found == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 5,
        "model": "up",
        "usage": CHAT_USAGE,
    }
    detail = {"type": "reasoning.encrypted", "data": "sluice-e", "format": "openai-responses-v1", "id": "rs_1"}
    assert choice == {
        "index": 0,
        "message": {
            "role": "assistant",
            "content": "Hi",
            "refusal": None,
            "reasoning_content": "a\n\nb",
            "reasoning_details": [{**detail, "index": 0}],
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "c2", "type": "custom", "custom": {"name": "c", "input": "x"}},
            ],
        },
        "logprobs": None,
        "finish_reason": "tool_calls",
    }


def test_a_content_is_null_only_if_something_is_in_its_place() -> None:
    def content(*output: Any) -> Any:
        return completion(*output)["choices"][0]["message"]["content"]

    assert content(call("{}")) is content(message({"type": "refusal", "refusal": "no"})) is None
    assert content() == content(reasoning("a")) == ""
    assert content(message("Hi", {"type": "refusal", "refusal": "no"})) == "Hi"


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({}, "stop"),
        ({"status": None}, "stop"),
        ({"status": "incomplete"}, "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "content_filter"),
    ],
)
def test_a_completion_says_why_it_ends(members: dict[str, Any], reason: str) -> None:
    assert completion(message("Hi"), **members)["choices"][0]["finish_reason"] == reason


def test_a_response_may_say_nothing_of_itself() -> None:
    found = to_completion({"output": []}, "m", "req-1")
    assert found is not None and "usage" not in found
    assert (found["id"], found["created"], found["model"]) == ("chatcmpl-req-1", 0, "m")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (response(status="failed", error={"code": "c", "message": "m"}), "m"),
        ({"error": {"code": "c", "message": "m", "type": "t", "param": "p"}}, "m"),
        ({"error": "m"}, "m"),
        ({"error": {"message": ["m"]}}, "['m']"),
        (response(status="failed"), "The upstream failed and did not say why."),
        ({"status": "failed"}, "The upstream failed and did not say why."),
        ({"error": True}, "The upstream failed and did not say why."),
        (response(status="cancelled"), "The upstream failed and did not say why."),
        (response(status="in_progress"), "The upstream has not finished the response: it is in_progress."),
    ],
)
def test_a_failure_has_the_members_that_sdks_read(answer: dict[str, Any], message: str) -> None:
    found = to_completion(answer, "m")
    assert found is not None and set(found) == {"error"}
    assert set(found["error"]) == {"message", "type", "param", "code"}
    assert found["error"]["message"] == message
    assert found["error"]["type"] == ("t" if "'t'" in str(answer) else "server_error")


@pytest.mark.parametrize("answer", [{}, {"choices": []}, {"output": "x"}, {"id": "resp_1", "status": "completed"}])
def test_what_is_no_response_is_none(answer: dict[str, Any]) -> None:
    assert to_completion(answer, "m") is None


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({}, (0, 0, 0)),
        ({"input_tokens": 10, "output_tokens": 2}, (10, 2, 12)),
        ({"input_tokens": 10, "output_tokens": 2, "total_tokens": 20}, (10, 2, 20)),
        ({"input_tokens": "10", "output_tokens": -1, "total_tokens": True}, (0, 0, 0)),
        ({"input_tokens": 10**30, "output_tokens": 2.5}, (0, 0, 0)),
    ],
)
def test_usage_has_the_names_of_a_completion(usage: dict[str, Any], expected: tuple[int, ...]) -> None:
    counts = completion_usage(usage)
    assert tuple(counts[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")) == expected


def test_details_of_the_usage_are_whole_or_absent() -> None:  # E23
    assert set(completion_usage({"input_tokens_details": {}, "output_tokens_details": 5})) == {
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
    }
    counts = completion_usage({"input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": None}})
    assert counts["prompt_tokens_details"] == {"cached_tokens": 0}


# what asks for the Responses API (E28)

OLDER = (
    "Function tools with reasoning_effort are not supported for gpt-5.4 in /v1/chat/completions. "
    "Please use /v1/responses instead."
)
NEWER = (
    "Function tools with reasoning_effort are not supported for gpt-5.6-terra in /v1/chat/completions. "
    "To use function tools, use /v1/responses or set reasoning_effort to 'none'."
)


def error(message: Any, param: Any = "reasoning_effort") -> dict[str, Any]:
    return {"message": message, "type": "invalid_request_error", "param": param, "code": None}


@pytest.mark.parametrize("message", [OLDER, NEWER])
def test_openai_s_refusal_is_recognised(message: str) -> None:
    assert demands_responses(400, error(message))
    assert demands_responses(400, {"error": error(message)})
    for param in (None, "", "tools"):  # gateways wrap it
        assert demands_responses(400, error(f"OpenAIException - {message} (tid: 2026)", param))
    assert demands_responses(400, {"message": message})


@pytest.mark.parametrize(
    ("status", "found"),
    [
        (404, error(OLDER)),
        (500, error(OLDER)),
        (400, None),
        (400, OLDER),
        (400, {"error": OLDER}),
        (400, error(None)),
        (400, error("Unsupported value: 'reasoning_effort' does not support 'minimal' with this model.")),
        (400, error("Invalid value: 'see /v1/responses'.", "messages[0].role")),
        (400, error(OLDER, "messages[0].content")),
        (400, error(OLDER, ["reasoning_effort"])),
        (400, error("Invalid tools: 'reasoning_effort /v1/responses'.", "tools")),
        (400, error("Unknown parameter: '/v1/responses'.", None)),
        (400, error("x" * 1_000 + OLDER)),
    ],
)
def test_no_other_refusal_is(status: int, found: Any) -> None:
    assert not demands_responses(status, found)
