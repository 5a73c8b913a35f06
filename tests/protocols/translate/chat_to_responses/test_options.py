"""The tools and all other members of a chat request, as the Responses API knows them."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import BadRequest
from proxy.protocols.translate.chat_to_responses.request import to_responses
from proxy.protocols.translate.translated import Translated
from tests.support.responses import checked

HI = {"role": "user", "content": "Hi"}
ALWAYS = {"model", "input", "store", "include"}
SCHEMA = {"type": "object", "properties": {"x": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}}
GRAMMAR = {"syntax": "lark", "definition": "start: /a/"}


def translated(**members: Any) -> Translated:
    outcome = to_responses({"model": "m", "messages": [HI], **members})
    checked(outcome.request)
    return outcome


def added(**members: Any) -> dict[str, Any]:
    """What a request has because of these members. Nothing is dropped for them."""
    outcome = translated(**members)
    assert outcome.dropped == []
    return {name: value for name, value in outcome.request.items() if name not in ALWAYS}


def refusal(**members: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        translated(**members)
    assert (caught.value.status, caught.value.code) == (400, "not_translatable")
    assert caught.value.message.endswith(".")
    return caught.value


def test_nothing_is_stored_and_reasoning_comes_back_encrypted() -> None:
    outcome = translated()
    assert set(outcome.request) == ALWAYS
    assert outcome.request["model"] == "m"
    assert outcome.request["store"] is False
    assert outcome.request["include"] == ["reasoning.encrypted_content"]
    assert (outcome.dropped, outcome.names) == ([], {})


def test_members_with_the_same_meaning_pass() -> None:
    members: dict[str, Any] = {
        "parallel_tool_calls": False,
        "temperature": 0,
        "top_p": 0.5,
        "service_tier": "flex",
        "metadata": {"a": "b"},
        "user": "u",
        "safety_identifier": "s",
        "prompt_cache_key": "k",
        "prompt_cache_options": {"mode": "explicit"},
        "prompt_cache_retention": "24h",
    }
    assert added(**members) == members
    assert added(**dict.fromkeys(members)) == {}


@pytest.mark.parametrize(
    ("members", "limit"),
    [
        ({"max_tokens": 100}, 100),
        ({"max_completion_tokens": 200, "max_tokens": 100}, 200),
        ({"max_completion_tokens": None, "max_tokens": 100}, 100),
        ({"max_tokens": 1}, 16),
        ({"max_completion_tokens": 0}, 16),
    ],
)
def test_the_limit_of_tokens_is_one_that_openai_accepts(members: dict[str, Any], limit: int) -> None:  # E29
    assert added(**members) == {"max_output_tokens": limit}


def test_a_limit_that_is_no_number_is_left_to_the_upstream() -> None:
    request = {"model": "m", "messages": [HI], "max_tokens": "x"}
    assert to_responses(request).request["max_output_tokens"] == "x"


def test_effort_and_verbosity_have_places_of_their_own() -> None:
    assert added(reasoning_effort="high") == {"reasoning": {"effort": "high"}}
    assert added(verbosity="low", response_format={"type": "text"}) == {
        "text": {"verbosity": "low", "format": {"type": "text"}}
    }
    assert added(verbosity="low") == {"text": {"verbosity": "low"}}


def test_the_format_of_the_answer_has_no_levels() -> None:
    whole = {"name": "n", "schema": SCHEMA, "strict": True, "description": "d"}
    form = {"type": "json_schema", "json_schema": whole}
    assert added(response_format=form) == {"text": {"format": {"type": "json_schema", **whole}}}
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": None}}
    assert added(response_format=form)["text"]["format"] == {"type": "json_schema", "name": "n", "schema": SCHEMA}
    assert added(response_format={"type": "json_object"}) == {"text": {"format": {"type": "json_object"}}}


@pytest.mark.parametrize(
    "form",
    [
        "json",
        {},
        {"type": "xml"},
        {"type": ["text"]},
        {"type": "json_schema"},
        {"type": "json_schema", "json_schema": {"name": "n"}},
        {"type": "json_schema", "json_schema": {"schema": {}}},
    ],
)
def test_an_unknown_format_is_refused(form: Any) -> None:
    assert refusal(response_format=form).param == "response_format"


def test_a_stream_is_asked_for() -> None:
    assert added(stream=True, stream_options={"include_usage": True}) == {"stream": True}
    assert added(stream=False) == added(stream=None) == {}


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"n": 2}, "n"),
        ({"n": "x"}, "n"),
        ({"audio": {"voice": "ash", "format": "wav"}}, "modalities"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"logit_bias": {"50256": -100}}, "logit_bias"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"function_call": "auto"}, "function_call"),
    ],
)
def test_what_would_make_another_answer_is_refused(members: dict[str, Any], param: str) -> None:
    assert refusal(**members).param == param


def test_what_changes_nothing_is_not_named() -> None:
    members: dict[str, Any] = {
        "n": 1,
        "modalities": ["text"],
        "logit_bias": {},
        "audio": None,
        "functions": [],
        "stop": [],
        "presence_penalty": 0,
        "frequency_penalty": 0.0,
        "logprobs": False,
        "top_logprobs": 0,
        "store": False,
        "seed": None,
        "new": None,
    }
    assert added(**members) == {}


def test_what_may_be_missed_is_named() -> None:
    members: dict[str, Any] = {
        "stop": ["a"],
        "presence_penalty": 1,
        "frequency_penalty": 0.5,
        "seed": 0,
        "logprobs": True,
        "top_logprobs": 2,
        "prediction": {"type": "content", "content": "x"},
        "web_search_options": {},
        "store": True,
        "new": 0,
    }
    outcome = translated(**members)
    assert outcome.dropped == list(members)
    assert set(outcome.request) == ALWAYS


# tools


def test_tools_have_no_levels_and_are_not_strict_unasked() -> None:
    strict = {"type": "function", "function": {**TOOL["function"], "strict": True}}  # type: ignore[dict-item]
    flat = {"type": "function", "name": "f", "description": "d", "parameters": SCHEMA}
    assert added(tools=[TOOL, strict]) == {"tools": [{**flat, "strict": False}, {**flat, "strict": True}]}
    assert added(tools=[]) == added(tools=None) == {}


def test_a_schema_has_properties() -> None:  # E30
    def parameters(schema: Any) -> Any:
        tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
        return added(tools=[tool])["tools"][0]["parameters"]

    none = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    assert parameters(None) == parameters({}) == none
    assert parameters({"type": "object"}) == {"type": "object", "properties": {}}
    assert parameters({"$ref": "#/$defs/a", "$defs": {"a": SCHEMA}}) == {"$ref": "#/$defs/a", "$defs": {"a": SCHEMA}}


def test_custom_tools_stay_custom() -> None:
    def flat(**members: Any) -> Any:
        return added(tools=[{"type": "custom", "custom": {"name": "c", **members}}])["tools"][0]

    assert flat(description="d") == {"type": "custom", "name": "c", "description": "d"}
    assert flat(format={"type": "text"})["format"] == {"type": "text"}
    grammar = {"type": "grammar", "grammar": GRAMMAR}
    assert flat(format=grammar) == {"type": "custom", "name": "c", "format": {"type": "grammar", **GRAMMAR}}


@pytest.mark.parametrize(
    "tool",
    [
        5,
        {},
        {"type": "web_search"},
        {"type": ["function"]},
        {"type": "function", "name": "f"},
        {"type": "function", "function": {}},
        {"type": "custom", "custom": {"name": "c", "format": "x"}},
        {"type": "custom", "custom": {"name": "c", "format": {"type": "grammar"}}},
        {"type": "custom", "custom": {"name": "c", "format": {"type": "grammar", "grammar": {"syntax": "lark"}}}},
    ],
)
def test_unknown_tools_are_refused(tool: Any) -> None:
    assert refusal(tools=[TOOL, tool]).param == "tools.1"
    assert refusal(tools=tool if isinstance(tool, dict) else "x").param == "tools"


NAMED = {"type": "function", "function": {"name": "f"}}
FLAT = {"type": "function", "name": "f"}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        (NAMED, FLAT),
        ({"type": "custom", "custom": {"name": "c"}}, {"type": "custom", "name": "c"}),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [NAMED]}},
            {"type": "allowed_tools", "mode": "required", "tools": [FLAT]},
        ),
    ],
)
def test_the_choice_of_a_tool_has_no_levels(choice: Any, expected: Any) -> None:
    assert added(tools=[TOOL], tool_choice=choice)["tool_choice"] == expected


@pytest.mark.parametrize(
    "choice",
    [
        "any",
        5,
        {},
        {"type": "function"},
        {"type": "function", "function": {}},
        {"type": "mcp", "mcp": {"name": "x"}},
        {"type": "allowed_tools"},
        {"type": "allowed_tools", "allowed_tools": {"mode": "auto"}},
        {"type": "allowed_tools", "allowed_tools": {"tools": []}},
        {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [5]}},
    ],
)
def test_an_unknown_choice_is_refused(choice: Any) -> None:
    assert refusal(tools=[TOOL], tool_choice=choice).param == "tool_choice"
