"""The tools of a request to the Responses API become functions."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.protocols.translate.responses_to_chat.tools import CUSTOM, Tool
from proxy.protocols.translate.responses_to_chat.tools import FUNCTION as FUNCTION_KIND
from tests.protocols.translate.responses_to_chat.asked import (
    FUNCTION,
    PATCH,
    call,
    messages,
    output,
    refusal,
    translated,
    user,
)

SEARCH = {"type": "web_search"}
CLOSE = {**FUNCTION, "name": "close_agent"}
AGENTS = {"type": "namespace", "name": "agents", "description": "Agents.", "tools": [CLOSE, {**PATCH, "name": "edit"}]}


def functions(*tools: Any, **members: Any) -> list[dict[str, Any]]:
    made = translated(tools=list(tools), **members).request
    return [tool["function"] for tool in made["tools"]]


def test_a_function_keeps_its_name_and_its_schema() -> None:
    (found,) = functions({**FUNCTION, "description": "Does it."})
    assert found == {"name": "f", "description": "Does it.", "parameters": FUNCTION["parameters"]}
    assert functions({**FUNCTION, "strict": True})[0]["strict"] is True
    assert functions({"type": "function", "name": "f"})[0]["parameters"] == {"type": "object", "properties": {}}  # E30


def test_a_custom_tool_has_one_argument_and_its_grammar_in_words() -> None:
    (found,) = functions(PATCH)
    assert found["parameters"]["required"] == ["input"]
    assert found["description"] == "Edits files.\n\nThe input is a text in this lark grammar:\nstart: /.+/"
    assert functions({"type": "custom", "name": "x", "format": {"type": "text"}})[0]["description"] == ""
    assert translated(tools=[PATCH]).names == {"apply_patch": Tool(CUSTOM, "apply_patch")}


def test_the_tools_of_a_namespace_have_its_name_before_theirs() -> None:  # E21
    made = translated(tools=[AGENTS])
    assert made.names == {
        "agents__close_agent": Tool(FUNCTION_KIND, "close_agent", "agents"),
        "agents__edit": Tool(CUSTOM, "edit", "agents"),
    }
    found = messages(call(name="close_agent", namespace="agents"), output(), tools=[AGENTS])
    assert found[0]["tool_calls"][0]["function"]["name"] == "agents__close_agent"
    long = {**AGENTS, "name": "n" * 60}
    (name, _) = translated(tools=[long]).names
    assert len(name) <= 64
    found = messages(call(name="close_agent", namespace="n" * 60), output(), tools=[long])
    assert found[0]["tool_calls"][0]["function"]["name"] == name


def test_tools_of_the_same_name_stay_apart() -> None:
    twin = {**FUNCTION, "name": "agents__close_agent"}
    first, second, _ = translated(tools=[twin, AGENTS]).names.items()
    assert first[1] == Tool(FUNCTION_KIND, "agents__close_agent")
    assert second[1] == Tool(FUNCTION_KIND, "close_agent", "agents") and second[0] != first[0]
    found = messages(call(name="close_agent", namespace="agents"), output(), tools=[twin, AGENTS])
    assert found[0]["tool_calls"][0]["function"]["name"] == second[0]
    both = translated(tools=[FUNCTION, {**FUNCTION, "description": "Newer."}]).request["tools"]
    assert [tool["function"].get("description") for tool in both] == ["Newer."]


def test_tools_may_come_with_the_conversation() -> None:  # E21
    added = {"type": "additional_tools", "role": "developer", "tools": [FUNCTION]}
    found = {"type": "tool_search_output", "call_id": "c1", "execution": "client", "tools": [AGENTS]}
    search = {"type": "tool_search_call", "call_id": "c1", "execution": "client", "arguments": {"query": "agents"}}
    tool = {"type": "tool_search", "execution": "client", "description": "Finds.", "parameters": {"type": "object"}}
    made = translated(input=[added, user("Hi"), search, found], tools=[tool])
    assert [*made.names] == ["tool_search", "f", "agents__close_agent", "agents__edit"]
    assert made.request["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"query":"agents"}'
    assert made.request["messages"][2]["content"] == "Found agents: you can call them now."
    nothing = translated(input=[user("Hi"), {**search, "arguments": None}, {**found, "tools": []}], tools=[tool])
    assert nothing.request["messages"][2]["content"] == "Found nothing."


@pytest.mark.parametrize("kind", ["web_search", "web_search_2025_08_26", "mcp", "code_interpreter", "tool_search"])
def test_hosted_tools_are_left_out_beside_others_and_named(kind: str) -> None:  # E19
    made = translated(tools=[FUNCTION, {"type": kind}])
    assert len(made.request["tools"]) == 1
    assert made.dropped == [kind.removesuffix("_2025_08_26")]
    assert "does not run" in refusal(tools=[{"type": kind}]).message


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", "auto"),
        ("required", "required"),
        ("none", "none"),
        ({"type": "function", "name": "f"}, "f"),
        ({"type": "custom", "name": "apply_patch"}, "apply_patch"),
        ({"type": "local_shell"}, "local_shell"),
        ({"type": "function", "name": "close_agent", "namespace": "agents"}, "agents__close_agent"),
    ],
)
def test_the_choice_of_a_tool_is_kept(choice: Any, expected: str) -> None:
    made = translated(tools=[FUNCTION, PATCH, AGENTS, {"type": "local_shell"}], tool_choice=choice).request
    wanted = expected if isinstance(choice, str) else {"type": "function", "function": {"name": expected}}
    assert made["tool_choice"] == wanted


def test_allowed_tools_are_all_there_is() -> None:
    allowed = {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [{"type": "custom", "name": "apply_patch"}, SEARCH],
    }
    made = translated(tools=[FUNCTION, PATCH], tool_choice=allowed).request
    assert [tool["function"]["name"] for tool in made["tools"]] == ["apply_patch"]
    assert made["tool_choice"] == "required"
    for tools in ([SEARCH, 5], 5, None):
        assert refusal(tools=[FUNCTION], tool_choice={**allowed, "tools": tools}).param == "tool_choice"


def test_parallel_calls_are_asked_for_with_tools_only() -> None:
    assert translated(tools=[FUNCTION], parallel_tool_calls=False).request["parallel_tool_calls"] is False
    assert "parallel_tool_calls" not in translated(parallel_tool_calls=True).request
    assert "tool_choice" not in translated(tool_choice="auto").request


@pytest.mark.parametrize(
    "members",
    [
        {"tools": 5},
        {"tools": [5]},
        {"tools": [{}]},
        {"tools": [{"type": "new"}]},
        {"tools": [{"type": "function"}]},
        {"tools": [{**AGENTS, "tools": [AGENTS]}]},
        {"tools": [FUNCTION, {"type": "shell"}]},
        {"tools": [FUNCTION, {"type": "apply_patch"}]},
        {"tools": [FUNCTION, SEARCH], "tool_choice": SEARCH},
        {"tools": [FUNCTION], "tool_choice": {"type": "function", "name": "g"}},
        {"tools": [FUNCTION], "tool_choice": 5},
        {"tools": [FUNCTION], "tool_choice": "some"},
    ],
)
def test_tools_that_cannot_work_are_refused(members: dict[str, Any]) -> None:
    refusal(**members)
