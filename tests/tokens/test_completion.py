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


def test_parallel_calls_count_as_one_json_object() -> None:
    four = completion.count({"model": "gpt-4o"}, [{"tool_calls": [CALL, CALL]}], plenty()).tokens
    newer = completion.count({"model": "gpt-5"}, [{"tool_calls": [CALL, CALL]}], plenty()).tokens
    assert (four > 30, newer - four) == (True, 11)
