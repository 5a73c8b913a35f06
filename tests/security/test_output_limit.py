"""MAX_OUTPUT_TOKENS holds against every field that could raise or remove it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.guards import CHAT, COMPLETIONS, RESPONSES, chat, responses, send


@pytest.mark.parametrize(
    "more",
    [
        {"n_predict": -1},
        {"num_predict": "-1"},
        {"options": {"num_predict": -1}},
        {"max_length": "inf"},
        {"max_length": "0x1000"},
        {"additional_drop_params": ["max_tokens"]},
        {"drop_params": True},
        {"messages": [{"role": "user", "content": "Hi", "num_return_sequences": 5}]},
        {"extra_body": {"enable_thinking": True}},
    ],
)
def test_no_field_removes_the_output_limit(more: dict[str, Any]) -> None:
    assert send(chat(**more), {"MAX_OUTPUT_TOKENS": "20"}) == ("cost_limit_exceeded", None)


def test_thinking_that_is_on_by_default_counts_at_alibaba_s_address() -> None:
    settings = {"MAX_OUTPUT_TOKENS": "20", "OPENAI_BASE_URL": "https://dashscope.aliyuncs.com/compatible-mode/v1"}
    for model, more, code in (
        ("qwq-plus", {}, "cost_limit_exceeded"),
        ("qwen3.5-plus", {}, "cost_limit_exceeded"),
        ("qwen3.5-plus", {"enable_thinking": False}, None),
        ("qwen3-vl-thinking", {"enable_thinking": False}, "cost_limit_exceeded"),
        ("qwen3-coder-plus", {}, None),
        ("qwen-plus", {}, None),
    ):
        assert send(chat(model=model, **more), settings)[0] == code, model
    assert send(chat(model="qwq-plus"), {"MAX_OUTPUT_TOKENS": "20"})[0] is None


@pytest.mark.parametrize(
    ("body", "path"),
    [
        # Limits of other paths and dialects.
        (chat(max_output_tokens=99_999), CHAT),
        (chat(max_tokens_to_sample=99_999), CHAT),
        (chat(generation_config={"maxOutputTokens": 99_999}), CHAT),
        ({"model": "gpt-3.5-turbo-instruct", "prompt": "Hi", "max_completion_tokens": 99_999}, COMPLETIONS),
        (responses(max_tokens=99_999), RESPONSES),
        # Thinking beside the answer.
        (chat(model="qwen-plus", thinking_budget=99_999), CHAT),
        (chat(model="qwen-plus", thinking_budget=99_999.0), CHAT),
        (chat(model="qwen-plus", enable_thinking=True), CHAT),
        (chat(best_of_some="+5"), CHAT),
    ],
)
def test_no_other_field_exceeds_the_output_limit(body: Any, path: str) -> None:
    code, went_up = send(body, {"MAX_OUTPUT_TOKENS": "100"}, path)
    assert code is not None and went_up is None


def test_the_output_limit_includes_thinking() -> None:
    _, went_up = send(chat(model="qwen-plus", thinking_budget=60), {"MAX_OUTPUT_TOKENS": "100"})
    assert went_up is not None and json.loads(went_up)["max_tokens"] == 40
    _, went_up = send(chat(x="1.0", y="1,5.0", n=1), {"MAX_OUTPUT_TOKENS": "100"})
    assert went_up is None
    _, went_up = send(chat(x="1.0", version="1.2.3", n=1, enable_thinking=False), {"MAX_OUTPUT_TOKENS": "100"})
    assert went_up is not None


@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE", "PATCH"])
def test_limits_refuse_other_methods(method: str) -> None:
    for settings in ({"MAX_OUTPUT_TOKENS": "100"}, {"MAX_COST_USD": "1"}):
        assert send(chat(max_tokens=99_999), settings, method=method) == ("method_not_allowed", None)
