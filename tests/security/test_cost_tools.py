"""Tools under a limit on cost: functions have a bound, hosted tools only where they never reach a provider."""

from __future__ import annotations

import json
from typing import Any

from tests.support.cost import COST, send


def gemini(tool: Any, **config: Any) -> dict[str, Any]:
    contents = [{"role": "user", "parts": [{"text": "Hi"}]}]
    return {"contents": contents, "tools": [tool], "generationConfig": {"maxOutputTokens": 20, **config}}


def declared(**function: Any) -> dict[str, Any]:
    return {"functionDeclarations": [{"name": "search", "description": "Searches files.", **function}]}


GEMINI = {**COST, "GEMINI_API_KEY": "g-0123456789abcdef", "ALLOW_ANONYMOUS": "1"}
# Sixteen definitions of which each refers to the one before twice.
BOMB = {
    "$ref": "#/$defs/d16",
    "$defs": {
        "d0": {"type": "object", "properties": {"a": {"type": "string", "description": "x" * 50}}},
        **{f"d{i}": {"anyOf": [{"$ref": f"#/$defs/d{i - 1}"}] * 2} for i in range(1, 17)},
    },
}


def test_functions_of_google_s_api_have_a_bound() -> None:
    path = "/v1beta/models/gemini-2.5-flash:generateContent"
    schema = {"type": "object", "properties": {"search_query": {"type": "string"}, "ttl": {"type": "string"}}}
    declarations = [declared(parametersJsonSchema=schema), declared(parameters=schema)]
    for functions in (*declarations, {"function_declarations": []}):
        assert send(gemini(functions), GEMINI, path)[0] == 200
    hosted = [{"googleSearch": {}}, {"codeExecution": {}}, {**declared(), "googleSearch": {}}, {"unheardOf": {}}]
    refused: list[Any] = [
        *hosted,
        *(declared(**{name: BOMB}) for name in ("parametersJsonSchema", "parameters", "response")),
    ]
    for unbounded in refused:
        status, error, went_up = send(gemini(unbounded), GEMINI, path)
        assert (status, went_up) == (400, None) and error is not None, unbounded
    for name in ("responseSchema", "responseJsonSchema", "response_json_schema"):
        assert send(gemini(declared(), **{name: BOMB}), GEMINI, path)[0] == 400
        assert send(gemini(declared(), **{name: schema}), GEMINI, path)[0] == 200


def test_a_hosted_tool_costs_nothing_where_a_translation_leaves_it_out() -> None:
    asked = {"model": "gpt-4.1", "input": "Hi", "max_output_tokens": 20}
    tools = [{"type": "function", "name": "f", "parameters": {"type": "object"}}, {"type": "web_search"}]
    chat_only = {"base_url": "https://api.openai.com/v1", "messages": False, "responses": False, "gemini": False}
    upstreams = json.dumps([{**chat_only, "name": "chat", "keys": "sk-owner-0123456789"}])
    status, error, _ = send({**asked, "tools": tools}, COST, "/v1/responses")
    assert status == 400 and error is not None and error["code"] == "cost_limit_exceeded"
    settings = {**COST, "UPSTREAMS": upstreams, "ALLOW_ANONYMOUS": "1"}
    went_up = send({**asked, "tools": tools}, settings, "/v1/responses")[2]
    assert went_up is not None and [tool["function"]["name"] for tool in went_up["tools"]] == ["f"]
