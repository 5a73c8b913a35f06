"""Hosted tools that a translation leaves out cost nothing, and every other tool stays."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.protocols.translate import hosted_tools
from proxy.wire.path_table import GEMINI, MESSAGES, RESPONSES

FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object"}}


@pytest.mark.parametrize(
    ("api", "tool"),
    [
        (RESPONSES, {"type": "web_search", "search_context_size": "high"}),
        (RESPONSES, {"type": "code_interpreter", "container": {"type": "auto"}}),
        (RESPONSES, {"type": "tool_search"}),
        (MESSAGES, {"type": "web_search_20250305", "name": "web_search"}),
    ],
)
def test_what_only_the_caller_s_kind_of_provider_runs_is_left_out(api: str, tool: Any) -> None:
    request = {"model": "m", "tools": [FUNCTION, tool]}
    assert hosted_tools.without(api, request) == {"model": "m", "tools": [FUNCTION]}
    assert request["tools"] == [FUNCTION, tool]


@pytest.mark.parametrize("api", [RESPONSES, MESSAGES, GEMINI])
@pytest.mark.parametrize("tools", [None, "x", [], [FUNCTION, "x", {"type": 5}, {"name": "f"}, {"type": "weird"}]])
def test_all_else_stays(api: str, tools: Any) -> None:
    request = {"model": "m", "tools": tools}
    assert hosted_tools.without(api, request) is request
