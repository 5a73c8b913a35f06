"""Which parts of a request the measured rules cover. Every other part makes its count an estimate. Pure.

A rule counts as evidence where requests of several projects confirm it; docs/tokens.md lists what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from proxy.tokens.models import Model
from proxy.tokens.rules import RESPONSES
from proxy.tokens.values import as_list, text_of
from proxy.tokens.vocabulary import Budget

# Keywords whose rendering in a function's schema is known only roughly, or not at all.
_ROUGH = frozenset(
    "$ref allOf oneOf format minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength pattern "
    "minItems maxItems uniqueItems examples patternProperties".split()
)
# Keywords whose value is data rather than a schema.
_DATA = ("default", "const", "enum", "required", "examples")
_BY_NAME = ("properties", "$defs", "definitions", "patternProperties")
_PLAIN = ("object", "array")


def unmeasured(request: dict[str, Any], model: Model, api: str, budget: Budget) -> list[str]:
    """The reasons why a count of `request`, a chat request, is only an estimate."""
    if not model.openai:
        return []  # such a count is an estimate in any case
    functions = functions_of(request)
    response_format = request.get("response_format")
    has_format = isinstance(response_format, dict) and response_format.get("type") == "json_schema"
    messages = [message for message in as_list(request.get("messages")) if isinstance(message, dict)]
    turns = [message for message in messages if message.get("tool_calls") or message.get("function_call")]
    reasons = list(_of_name(model))
    if (functions or has_format or turns) and (model.reasons and model.gpt5 != 0):
        reasons.append("tools and formats have not been measured enough for this model")
    if has_format:
        reasons += _of_format(response_format, functions, messages, model, api)
    if api == RESPONSES:
        reasons += _of_responses(request, functions, turns, model)
    else:
        reasons += _of_chat(request, functions, messages, turns, model)
    for function in functions:
        reasons += _of_function(function, budget)
    return list(dict.fromkeys(reasons))


def functions_of(request: dict[str, Any]) -> list[dict[str, Any]]:
    """The functions that a chat request offers to the model."""
    tools = [tool.get("function") for tool in as_list(request.get("tools")) if isinstance(tool, dict)]
    return [function for function in tools + as_list(request.get("functions")) if isinstance(function, dict)]


def _of_format(
    response_format: Any, functions: list[Any], messages: list[dict[str, Any]], model: Model, api: str
) -> Iterator[str]:
    if functions:
        yield "a response format next to tools has not been measured enough"
    has_answer = any(message.get("role") == "assistant" for message in messages)
    if api == RESPONSES and (has_answer or model.gpt5 is not None):
        yield "response formats in the Responses API have not been measured enough for this"


def _of_responses(
    request: dict[str, Any], functions: list[Any], turns: list[dict[str, Any]], model: Model
) -> Iterator[str]:
    if functions and request.get("tool_choice") not in (None, "auto", "none"):
        yield "this tool_choice has not been measured enough in the Responses API"
    if functions and model.gpt5 is not None and request.get("parallel_tool_calls") is False:
        yield "parallel_tool_calls has not been measured enough for this model"
    if len(functions) > 1:
        yield "the Responses API sometimes reports half the tokens if the model calls several functions"
    calls = [call for turn in turns for call in as_list(turn.get("tool_calls"))]
    if any(isinstance(call, dict) and call.get("id") for call in calls):
        yield "calls with an id have not been measured enough"
    if (functions or calls) and model.gpt5 == 0 and "-nano" not in model.name:
        yield "tools have not been measured enough for this model in the Responses API"
    if model.first_functions or model.name.startswith(("gpt-3", "gpt-4-")):
        yield "the Responses API has not been measured for this model"


def _of_name(model: Model) -> Iterator[str]:
    if model.name.endswith(("-0301", "-0314")) or model.name.startswith(("o1-mini", "o1-preview")):
        yield "this model's rules have not been measured enough"
    if model.name == "gpt-3.5-turbo" or model.name.startswith("gpt-35"):
        yield "this name has meant models with different rules"


def _of_chat(
    request: dict[str, Any],
    functions: list[Any],
    messages: list[dict[str, Any]],
    turns: list[dict[str, Any]],
    model: Model,
) -> Iterator[str]:
    if model.first_functions and request.get("tools"):
        yield "tools have not been measured enough for this model"
    if model.first_functions and any(turn.get("function_call") and turn.get("content") is not None for turn in turns):
        yield "a text next to a call has not been measured enough for this model"
    if model.gpt5 is not None and any(not function.get("description") for function in functions):
        yield "functions without a description have not been measured enough for this model"
    if any(len(as_list(turn.get("tool_calls"))) > 1 for turn in turns) and any(
        message.get("role") == "tool" and not text_of(message.get("content")).isascii() for message in messages
    ):
        yield "results of parallel calls with other letters than ASCII have not been measured enough"


def _of_function(function: dict[str, Any], budget: Budget) -> Iterator[str]:
    schema = function.get("parameters")
    if not isinstance(schema, dict):
        return
    if (schema.get("title") or schema.get("description")) and schema.get("properties"):
        yield "a title or description of all parameters is not always counted the same"
    stack: list[tuple[Any, int, bool]] = [(schema, 0, False)]
    while stack and budget.visit():
        value, depth, keys_are_names = stack.pop()
        if isinstance(value, list):
            stack += ((item, depth, False) for item in value)
        if not isinstance(value, dict):
            continue
        if not keys_are_names:
            yield from _of_schema(value, depth)
        stack += (
            (member, depth + (name == "properties" and not keys_are_names), name in _BY_NAME and not keys_are_names)
            for name, member in value.items()
            if keys_are_names or name not in _DATA
        )


def _of_schema(schema: dict[str, Any], depth: int) -> Iterator[str]:
    """The reasons in one schema, `depth` properties below the root."""
    for name in sorted(_ROUGH & schema.keys()):
        yield f"how {name} in a schema is rendered has not been measured enough"
    if isinstance(schema.get("type"), list):
        yield "a list of types in a schema has not been measured enough"
    if depth and schema.get("properties"):
        if depth > 1 or schema.get("title"):
            yield "nested objects in a schema have not been measured enough"
        if "default" in schema:
            yield "the default of an object has not been measured enough"
