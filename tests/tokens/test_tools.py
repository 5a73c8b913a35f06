"""Counting tools, calls of them and their results."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.counting import OLD, counted, tool, user


def called(*calls: tuple[str, str], **more: Any) -> dict[str, Any]:
    tool_calls = [{"type": "function", "function": {"name": name, "arguments": arguments}} for name, arguments in calls]
    return {"role": "assistant", "tool_calls": tool_calls, **more}


def result(text: str) -> dict[str, Any]:
    return {"role": "tool", "content": text}


@pytest.mark.parametrize(
    ("model", "messages", "more", "expected"),
    [
        (  # hmarr/openai-chat-tokens b8e3b11d4f50 (MIT): nested objects as the first models read them
            OLD,
            [{"role": "user", "content": "hello"}],
            {
                "functions": [
                    {
                        "name": "bing_bong",
                        "description": "Do a bing bong",
                        "parameters": {
                            "type": "object",
                            "properties": {
                                "foo": {
                                    "type": "object",
                                    "properties": {
                                        "bar": {"type": "string", "enum": ["a", "b", "c"]},
                                        "baz": {"type": "boolean"},
                                    },
                                }
                            },
                        },
                    }
                ]
            },
            68,
        ),
        (  # pydantic/pydantic-ai 4fda38988f29 (MIT): gpt-5 after a call
            "gpt-5-mini",
            [
                {"role": "user", "content": "What's the weather in Paris?"},
                called(("get_weather", '{"city":"Paris"}')),
                result("Sunny, 22C in Paris"),
            ],
            {
                "tools": [
                    tool(
                        "get_weather",
                        {"city": {"type": "string"}},
                        "Get the current weather for a city.",
                        required=["city"],
                    )
                ]
            },
            167,
        ),
        (  # activeagents/activeagent a76142897fc6 (MIT): a tool that is chosen by name
            "gpt-4o-mini",
            [{"role": "user", "content": "What's the weather?"}],
            {
                "tools": [tool("get_weather", {"location": {"type": "string"}}, "Get weather", required=["location"])],
                "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
            },
            53,
        ),
        (  # open-telemetry/opentelemetry-python-contrib 466ae4c00de7 (Apache-2.0): two calls at once
            "gpt-4o-mini",
            [
                {"role": "system", "content": "You're a helpful assistant."},
                {"role": "user", "content": "What's the weather in Seattle and San Francisco today?"},
                called(
                    ("get_current_weather", '{"location": "Seattle, WA"}'),
                    ("get_current_weather", '{"location": "San Francisco, CA"}'),
                ),
                result("50 degrees and raining"),
                result("70 degrees and sunny"),
            ],
            {},
            99,
        ),
    ],
)
def test_tools_and_their_history_count_as_the_api_counts_them(
    model: str, messages: list[dict[str, Any]], more: dict[str, Any], expected: int
) -> None:
    count = counted({"model": model, "messages": messages, **more})
    assert (count.tokens, count.certainty) == (expected, "exact")


def test_the_tokens_around_a_call_are_counted() -> None:
    """By the rules, because no recording is small enough to include here."""
    plain = [called(("f", "{}")), result("x")]
    base = counted({"model": "gpt-4o", "messages": plain}).tokens
    assert counted({"model": "gpt-4o", "messages": [{**plain[0], "name": "bob"}, plain[1]]}).tokens == base + 2
    assert counted({"model": "gpt-4o", "messages": [{**plain[0], "content": "Hi"}, plain[1]]}).tokens == base + 5
    legacy = {"role": "function", "name": "f", "content": "x"}
    assert counted({"model": "gpt-4o", "messages": [legacy]}).tokens == (
        counted({"model": OLD, "messages": [legacy]}).tokens + 2
    )
    tools = {"tools": [tool("f", {"a": {"type": "string", "description": "d"}})]}
    assert counted(user("x", model="o1", **tools)).tokens == counted(user("x", **tools)).tokens + 1
    listed = {"name": "n", "schema": {"type": "object", "anyOf": [{"required": ["a"]}, {}]}}
    bare = {"name": "n", "schema": {"type": "object", "anyOf": [{}, {}]}}
    same = [user("x", response_format={"type": "json_schema", "json_schema": schema}) for schema in (listed, bare)]
    assert counted(same[0]).tokens == counted(same[1]).tokens
