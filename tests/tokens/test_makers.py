"""Estimates for other makers' models."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.tokens import makers
from tests.support.counting import count_prompt, counted, plenty, tool, user

LOCATION = {"location": {"type": "string", "description": "the city"}}
WEATHER = tool("weather", LOCATION, "Get weather information for a location", required=["location"])
WEATHER["function"]["strict"] = False
SYSTEM = {"role": "system", "content": "You are a helpful assistant"}


@pytest.mark.parametrize(
    ("name", "tools"),
    [
        ("deepseek-v4-flash", 205),
        ("deepseek-chat", 20),
        ("grok-4.3", 200),
        ("glm-4.5", 90),
        ("qwen3-coder-480b", 167),
        ("qwen3", 85),
        ("claude-haiku-4.5", 290),
        ("gemini-3-flash", 0),
        ("openai.gpt-oss-20b", 0),
        ("ministral-3b-latest", 0),
        ("llama-4", 0),
    ],
)
def test_tools_cost_their_json_and_the_templates_instructions(name: str, tools: int) -> None:
    maker = makers.of(name)
    assert maker.tools == tools
    assert maker.added(0, 100, "chat") == maker.prompt + tools + round(100 * maker.factor)


@pytest.mark.parametrize(
    ("model", "expected"),
    # charmbracelet/fantasy f6d4d1e30222 (Apache-2.0): what the servers reported for this request.
    [
        ("zai-org/GLM-4.6", 179),
        ("Qwen/Qwen3-Coder-480B-A35B-Instruct:cerebras", 277),
        ("moonshotai/kimi-k2-instruct-0905", 93),
        ("grok-3-mini", 288),
    ],
)
def test_an_estimate_is_near_what_was_recorded(model: str, expected: int) -> None:
    question = {"role": "user", "content": "What's the weather in Florence,Italy?"}
    count = counted({"model": model, "messages": [SYSTEM, question], "tools": [WEATHER]})
    assert count.certainty == "estimate"
    assert abs(count.tokens - expected) <= expected / 8


def test_tools_that_may_not_be_called_are_left_out() -> None:
    plain = counted(user("x", model="deepseek-v4-flash")).tokens
    assert counted(user("x", model="deepseek-v4-flash", tools=[WEATHER], tool_choice="none")).tokens == plain


def test_a_makers_own_responses_api_adds_instructions() -> None:
    def tokens(protocol: str, **request: Any) -> int:
        return count_prompt({"model": "grok-4.3", **request}, protocol, plenty()).tokens

    assert tokens("responses", input="x") == tokens("chat", messages=[{"role": "user", "content": "x"}]) + 180


def test_no_count_is_negative() -> None:
    assert counted({"model": "gemini-3", "messages": [{}] * 50}).tokens >= 0
