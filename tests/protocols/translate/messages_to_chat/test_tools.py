"""The tools of a request to the Messages API become functions."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.protocols.translate.names import function_name
from tests.protocols.translate.messages_to_chat.asked import (
    HI,
    TOOL,
    assistant,
    refusal,
    result,
    translated,
    use,
    user,
)

# tools


def test_tools_are_functions() -> None:
    more = {"defer_loading": True, "input_examples": [], "eager_input_streaming": True, "cache_control": {}}
    tool = {**TOOL, "type": "custom", "description": "d", "strict": False, **more}
    (function,) = translated(tools=[tool]).request["tools"]
    parameters = TOOL["input_schema"]
    assert function == {"type": "function", "function": {"name": "f", "description": "d", "parameters": parameters}}
    assert translated(tools=[{**TOOL, "strict": True}]).dropped == ["tools.strict"]


@pytest.mark.parametrize("schema", [{}, {"type": "object"}, {"properties": None}, None])
def test_a_schema_has_a_type_and_properties(schema: Any) -> None:  # E30
    (function,) = translated(tools=[{"name": "f", "input_schema": schema}]).request["tools"]
    assert function["function"]["parameters"] == {"type": "object", "properties": {}}


def test_names_that_providers_refuse_are_shortened_everywhere_and_known_to_the_answer() -> None:
    name = "mcp__" + "server." * 10 + "do"
    outcome = translated(
        tools=[{**TOOL, "name": name}, TOOL],
        tool_choice={"type": "tool", "name": name},
        messages=[HI, assistant(use(name=name)), user(result())],
    )
    new = outcome.request["tools"][0]["function"]["name"]
    assert len(new) == 64 and new == function_name(name)
    assert outcome.request["tool_choice"]["function"]["name"] == new
    assert outcome.request["messages"][1]["tool_calls"][0]["function"]["name"] == new
    assert outcome.names == {new: name}


SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 5}


def test_server_tools_beside_others_are_left_out() -> None:  # E19
    more = [
        SEARCH,
        {"type": "code_execution_20250825", "name": "code_execution"},
        {"type": "new_20270101", "name": "new"},
    ]
    outcome = translated(tools=[TOOL, *more], mcp_servers=[{"url": "u"}], container="c")
    assert [tool["function"]["name"] for tool in outcome.request["tools"]] == ["f"]
    assert outcome.dropped == ["web_search", "code_execution", "tools", "mcp_servers", "container"]


def test_server_tools_alone_or_forced_are_refused() -> None:  # E19
    assert "web_search" in refusal(tools=[SEARCH]).message
    forced = {"type": "tool", "name": "web_search"}
    assert refusal(tools=[TOOL, SEARCH], tool_choice=forced).param == "tools"
    assert refusal(mcp_servers=[{"url": "u"}]).param == "mcp_servers"
    assert refusal(container={"skills": []}).param == "container"


@pytest.mark.parametrize("kind", ["bash_20250124", "text_editor_20250728", "memory_20250818", "computer_20250124"])
def test_tools_without_a_schema_are_refused(kind: str) -> None:
    error = refusal(tools=[TOOL, {"type": kind, "name": "x"}])
    assert kind in error.message and error.param == "tools.1"


@pytest.mark.parametrize("tools", ["x", [5], [{"type": 5}], [{}], [{"name": ""}]])
def test_malformed_tools_are_refused(tools: Any) -> None:
    assert str(refusal(tools=tools).param).startswith("tools")


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, {}),
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "any"}, {"tool_choice": "required"}),
        ({"type": "none"}, {"tool_choice": "none"}),
        ({"type": "tool", "name": "f"}, {"tool_choice": {"type": "function", "function": {"name": "f"}}}),
        ({"type": "auto", "disable_parallel_tool_use": True}, {"tool_choice": "auto", "parallel_tool_calls": False}),
    ],
)
def test_the_choice_of_a_tool_is_translated(choice: Any, expected: dict[str, Any]) -> None:
    names = ("tool_choice", "parallel_tool_calls")
    chat = translated(tools=[TOOL], tool_choice=choice).request
    assert {name: chat[name] for name in names if name in chat} == expected
    bare = translated(tools=[], tool_choice=choice).request  # neither without tools
    assert not any(name in bare for name in (*names, "tools"))


def test_an_unknown_choice_is_refused() -> None:
    for choice in ({"type": "some"}, {"type": "tool"}, {"type": ["x"]}):
        assert refusal(tools=[TOOL], tool_choice=choice).param == "tool_choice"
