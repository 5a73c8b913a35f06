"""Counting the tokens of answers."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.tokens import completion
from proxy.tokens.models import model_of
from tests.support.counting import CALL, plenty


@pytest.mark.parametrize(
    ("model", "message", "request_body", "expected"),
    [
        ("gpt-4o", {"content": "Hello there"}, {}, 2),
        ("gpt-4o", {"content": [{"type": "text", "text": "Hello there"}]}, {}, 2),
        ("gpt-5", {"content": "Hello there"}, {}, 2 + 9),
        ("gpt-5.2", {"content": "Hello there"}, {}, 2 + 3),
        ("o3-mini", {"content": "Hello there"}, {}, 2 + 13),
        ("gpt-4o", {"tool_calls": [CALL]}, {}, 2 + 7),
        ("gpt-4-0613", {"function_call": {"name": "f", "arguments": "{}"}}, {}, 2 + 4),
        ("gpt-4o", {"tool_calls": [CALL]}, {"tool_choice": {"function": {"name": "f"}}}, 1),
        ("gpt-5", {"tool_calls": [CALL]}, {"tool_choice": {"function": {"name": "f"}}}, 2 + 16),
        ("gpt-5.4", {"tool_calls": [CALL]}, {}, 2 + 10),
        ("o3", {"tool_calls": [CALL]}, {}, 2 + 15),
    ],
)
def test_an_answer_includes_its_control_tokens(
    model: str, message: dict[str, Any], request_body: dict[str, Any], expected: int
) -> None:
    count = completion.count(request_body, [message], plenty(), model)
    assert count.tokens == expected
    assert count.certainty == ("at_least" if model_of(model).reasons else "estimate")


SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}
TOOLS = {"tools": [{"type": "function", "function": {"name": "f"}}]}
TEXT, ONE_CALL = {"content": "Hello there"}, {"tool_calls": [CALL]}


@pytest.mark.parametrize(
    ("model", "api", "message", "request_body", "expected"),
    [
        ("gpt-4o", "chat", TEXT, TOOLS, 2 + 1),
        ("gpt-4o", "chat", TEXT, {"response_format": SCHEMA}, 2),
        ("gpt-4o", "chat", TEXT, {**TOOLS, "response_format": SCHEMA}, 2 + 5),
        ("gpt-5", "chat", TEXT, {"response_format": SCHEMA}, 2 + 12),
        ("gpt-5.1", "chat", TEXT, {}, 2 + 9),
        ("gpt-5.1", "chat", TEXT, TOOLS, 2 + 3),
        ("gpt-4o", "responses", TEXT, {}, 2 + 1),
        ("gpt-4o", "responses", TEXT, TOOLS, 2 + 2),
        ("gpt-4o", "responses", ONE_CALL, TOOLS, 2 + 8),
        ("gpt-4o", "responses", ONE_CALL, {**TOOLS, "tool_choice": "required"}, 2),
        ("gpt-5", "responses", TEXT, {}, 2 + 6),
        ("gpt-5.4", "responses", TEXT, {}, 2 + 4),
        ("gpt-5.4", "responses", ONE_CALL, {}, 2 + 11),
        ("o4-mini", "responses", TEXT, {}, 2 + 4),
        ("gpt-4o", "completions", TEXT, {}, 2),
    ],
)
def test_an_answers_control_tokens_depend_on_the_api_and_what_was_offered(
    model: str, api: str, message: dict[str, Any], request_body: dict[str, Any], expected: int
) -> None:
    assert completion.count(request_body, [message], plenty(), model, api).tokens == expected


def test_parallel_calls_count_as_one_json_object() -> None:
    four = completion.count({"model": "gpt-4o"}, [{"tool_calls": [CALL, CALL]}], plenty()).tokens
    newer = completion.count({"model": "gpt-5"}, [{"tool_calls": [CALL, CALL]}], plenty()).tokens
    assert (four > 30, newer - four) == (True, 11)
