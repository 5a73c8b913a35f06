"""Counting prompts: small requests whose tokens OpenAI's API counted, and requests that are not valid."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy import tokens
from proxy.protocols.responses_prompt import as_chat
from proxy.tokens import completion, prompt
from proxy.tokens.models import model_of
from proxy.tokens.vocabulary import Budget
from tests.support.counting import CALL, OLD, count_prompt, counted, plenty, tool, user

WEATHER = tool("get_weather", {"city": {"type": "string"}}, required=["city"])


@pytest.mark.parametrize(
    ("request_body", "expected"),
    [
        # Recorded by OpenAI's API; from the tests of hmarr/openai-chat-tokens (b8e3b11d4f50, MIT).
        (user("hello", model=OLD, functions=[{"name": "foo", "parameters": {"type": "object", "properties": {}}}]), 31),
        (
            user(
                "hello",
                model=OLD,
                functions=[{"name": "foo", "parameters": {"type": "object", "properties": {}}}],
                function_call={"name": "foo"},
            ),
            36,
        ),
        (
            user(
                "hello",
                model=OLD,
                functions=[{"name": "foo", "parameters": {"type": "object", "properties": {}}}],
                function_call="none",
            ),
            32,
        ),
        # From pydantic/pydantic-ai's recordings (4fda38988f29, MIT).
        (
            {"model": "o3-mini", "messages": [{"role": "user", "content": "What is the capital of France?"}]},
            13,
        ),
        (user("What's the weather in Paris?", tools=[WEATHER], tool_choice="auto"), 43),
        (
            {
                "model": "gpt-4o-mini",
                "messages": [
                    {"role": "user", "content": "What's the weather in Paris?"},
                    {
                        "role": "assistant",
                        "content": None,
                        "tool_calls": [{"function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}],
                    },
                    {"role": "tool", "content": "It's sunny in Paris."},
                ],
                "tools": [WEATHER],
            },
            70,
        ),
        (
            {
                "model": "gpt-5-nano",
                "messages": [
                    {"role": "user", "content": "What is 5 + 3?"},
                    {"role": "assistant", "content": "8"},
                    {"role": "user", "content": "Now multiply that by 2"},
                ],
            },
            31,
        ),
        (
            user(
                "Return the three primary colors.",
                response_format={
                    "type": "json_schema",
                    "json_schema": {
                        "name": "primary_colors",
                        "schema": {
                            "type": "object",
                            "properties": {"colors": {"type": "array", "items": {"type": "string"}}},
                            "required": ["colors"],
                            "additionalProperties": False,
                        },
                        "strict": True,
                    },
                },
            ),
            49,
        ),
    ],
)
def test_prompts_count_as_the_api_counts_them(request_body: dict[str, Any], expected: int) -> None:
    count = counted(request_body)
    assert (count.tokens, count.certainty, count.notes) == (expected, "exact", ())


def test_a_count_says_when_it_is_not_exact() -> None:
    assert counted(user("x", model="deepseek-chat")).certainty == "estimate"
    assert counted(user("x", model="gpt-oss-20b")).certainty == "estimate"
    future = counted(user("x", model="gpt-7-nova"))
    assert (future.certainty, model_of("gpt-7-nova").gpt5) == ("estimate", 99)
    assert "have not been measured" in future.notes[0]
    assert model_of("gpt-5.2").gpt5 == 2 and model_of("gpt-35-turbo").gpt5 is None
    for part in (
        {"type": "input_audio", "input_audio": {}},
        {"type": "file", "file": {"file_id": "f"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "input_image", "image_url": "https://example.com/a.png"},
    ):
        assert counted(user([{"type": "text", "text": "x"}, part])).certainty == "at_least"


def test_invalid_requests_are_counted_as_far_as_they_can_be_read() -> None:
    strange: list[dict[str, Any]] = [
        {},
        {"messages": 5, "tools": 5, "response_format": 5},
        {"model": None, "messages": [5, {"role": None, "content": 5}], "tools": [5, {"function": 5}]},
        {"messages": [{"role": "user", "content": [5, {"type": "text"}]}], "tool_choice": {"function": 5}},
        user("x", tools=[tool("f", {"a": 5, "b": {"enum": "x"}, "c": {"type": 5}})], tool_choice={"x": 1}),
        user("x", tools=[{"function": {"name": "f", "parameters": 5}}], response_format={"type": "json_schema"}),
        user("x", response_format={"type": "json_schema", "json_schema": {"name": "n", "description": "d"}}),
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{not"}}]}]},
        {"messages": [{"role": "assistant", "tool_calls": [5, {"function": 5}], "refusal": "no"}]},
        {"messages": [{"role": "assistant", "function_call": {"name": "f"}, "content": "so"}]},
    ]
    for request in strange:
        assert counted(request).tokens >= 2


def test_names_count_one_more_unless_they_repeat_the_role() -> None:
    plain = counted(user("x")).tokens
    named = {"model": "gpt-4o", "messages": [{"role": "user", "name": "bob", "content": "x"}]}
    assert counted(named).tokens == plain + 2
    named["messages"][0]["name"] = "user"  # type: ignore[index]
    assert counted(named).tokens == plain + 1
    first = {"model": "gpt-3.5-turbo-0301", "messages": [{"role": "user", "name": "bob", "content": "x"}]}
    assert counted(first).tokens == plain + 1


def test_responses_requests_count_like_equivalent_chat_requests() -> None:
    schema = {"type": "json_schema", "name": "n", "schema": {"type": "object"}}
    request = {
        "model": "gpt-4o",
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
            {"type": "function_call", "name": "f", "arguments": "{}"},
            {"type": "function_call", "name": "g", "arguments": "{}"},
            {"type": "function_call_output", "output": "done"},
            {"type": "function_call_output", "output": "done"},
            {"type": "reasoning", "summary": []},
            5,
        ],
        "tools": [{"type": "function", "name": "f", "parameters": {}}, {"type": "web_search"}],
        "tool_choice": {"type": "function", "name": "f"},
        "text": {"format": schema},
        "previous_response_id": "resp_1",
    }
    chat, unknown = as_chat(request)
    assert [message["role"] for message in chat["messages"]] == ["developer", "user", "assistant", "tool", "tool"]
    assert len(chat["messages"][2]["tool_calls"]) == 2
    assert chat["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert chat["response_format"]["json_schema"] == schema
    assert len(unknown) == 3
    count = count_prompt(request, "responses", plenty())
    assert count.certainty == "at_least" and count.tokens > 40
    short = count_prompt({"model": "gpt-4o", "input": "Hi", "tool_choice": "auto"}, "responses", plenty())
    assert (short.tokens, short.certainty) == (counted(user("Hi", model="gpt-4o")).tokens, "exact")


@pytest.mark.parametrize(
    ("prompt_value", "expected"),
    [("Hello there", 2), (["Hello", "there"], 2), ([1, 2, 3], 3), ([[1, 2], [3]], 3), (None, 0)],
)
def test_legacy_endpoints_count_only_their_texts(prompt_value: Any, expected: int) -> None:
    assert count_prompt({"model": "gpt-4o", "prompt": prompt_value}, "completions", plenty()).tokens == expected


NAMES = st.sampled_from(
    "model messages role content type text name tool_calls function arguments tools parameters properties enum anyOf "
    "items $ref $defs default required const title description response_format json_schema schema tool_choice "
    "functions input instructions output format image_url url detail refusal".split()
)


def test_a_request_of_very_many_messages_is_counted_in_one_pass() -> None:
    call = {"role": "assistant", "tool_calls": [CALL]}
    messages = [call, {"role": "tool", "content": "x"}] * 20_000
    started = time.monotonic()
    count = prompt.count({"model": "gpt-4o", "messages": messages}, plenty())
    assert count.certainty == "exact" and time.monotonic() - started < 10
    rest = prompt.count({"model": "gpt-4o", "messages": messages}, Budget(10**9, -1, time.monotonic))
    assert (rest.certainty, rest.tokens) == ("at_least", 3)


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.sampled_from(["user", "assistant", "text", "#/$defs/a", "\ud83d", "o3"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=30,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(NAMES, ANY, max_size=6))
def test_counting_never_fails_on_any_json(request_body: dict[str, Any]) -> None:
    for protocol in ("chat", "responses", "completions"):
        assert count_prompt(request_body, protocol, plenty()).tokens >= 0
    completion.count(request_body, [request_body], plenty())


@pytest.mark.parametrize(
    "name",
    ["gpt-4all-j", "gpt-4o:free", "openai/gpt-4o:free", "gpt-4o:latest", "gpt-4-local:7b", "o3:7b", "gpt-4o-of-mine"],
)
def test_a_name_that_may_mean_another_model_is_not_exact(name: str) -> None:
    request = {"model": name, "messages": [{"role": "user", "content": "Hi"}]}
    assert count_prompt(request, "chat", plenty()).certainty == "estimate"


@pytest.mark.parametrize(
    "name",
    [
        "azure/gpt-4o",
        "openai/gpt-4o-2024-08-06",
        "chatgpt-4o-latest",
        "gpt-3.5-turbo-16k-0613",
        "gpt-35-turbo-instruct",
        "gpt-4-vision-preview",
        "gpt-4.1-nano-2025-04-14",
        "gpt-5-mini-2025-08-07",
        "gpt-5.1-codex-max",
        "o1-preview-2024-09-12",
        "text-embedding-3-small",
        "text-embedding-ada-002",
        "davinci-002",
    ],
)
def test_openai_s_own_names_are_measured(name: str) -> None:
    assert model_of(name).measured


@pytest.mark.parametrize("function", [5, None, ["f"]])
def test_a_function_that_is_no_object_is_not_counted_as_if_it_were(function: Any) -> None:
    assert counted(user("Hi", functions=[function])).certainty != "exact"


def test_prompts_that_are_no_texts_are_lower_bounds() -> None:
    for value in ([{"text": "Hi"}], {"text": "Hi"}):
        count = tokens.count_texts({"model": "gpt-4o", "input": value}, tokens.budget(lambda: 0.0))
        assert count.certainty == "at_least"
