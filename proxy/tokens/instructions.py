"""What tools and a response format add to a prompt, as instructions in its system message."""

from __future__ import annotations

import json
from typing import Any

from proxy.tokens.counter import Counter
from proxy.tokens.schema import Renderer, TooLarge, first_is_bare
from proxy.tokens.values import as_list, text_of

# Keywords of a JSON schema that the model does not see in a response format.
_INVISIBLE = frozenset(
    "additionalProperties required min max minItems maxItems minimum maximum exclusiveMinimum exclusiveMaximum "
    "minLength maxLength default".split()
)
_SYSTEM = ("system", "developer")
_TAIL = 4_096  # characters


def count(counter: Counter, request: dict[str, Any], messages: list[dict[str, Any]]) -> int:
    """The tokens that tools and a response format add to the system message, or to one created for them."""
    model = counter.model
    functions = _functions(request)
    tokens = 0
    if functions:
        renderer = Renderer(not model.first_functions, counter.budget)
        try:
            tokens += counter.text(renderer.functions(functions)) + 5
            if not model.first_functions:
                tokens -= sum(map(first_is_bare, functions))
        except TooLarge:
            counter.at_least.append("the tools' schemas are too large to be counted completely")
        if renderer.has_references:
            counter.estimate.append("how a schema's references are rendered has not been measured")
        if model.gpt5 is not None:
            with_parameters = any(_has_properties(function) for function in functions)
            tokens += 86 if with_parameters else 85
            if model.gpt5 == 1:
                tokens -= 1
        else:
            tokens += _choice(counter, request)
            if model.reasons:
                tokens += 1
    schema = _response_schema(request)
    if schema is not None:
        tokens += _format(counter, schema) - (3 if functions else 0)
        # Earlier answers carry a mark that they follow the format.
        tokens += 4 * sum(message.get("role") == "assistant" and bool(message.get("content")) for message in messages)
    if (functions or schema is not None) and model.gpt5 is None:
        tokens += _system_message(counter, messages)
    return tokens


def _system_message(counter: Counter, messages: list[dict[str, Any]]) -> int:
    system = next((message for message in messages if message.get("role") in _SYSTEM), None)
    if system is None:
        return 4
    text = text_of(system.get("content"))[-_TAIL:]  # the line break only affects the tokens next to it
    return counter.text(text + "\n") - counter.text(text)


def _functions(request: dict[str, Any]) -> list[dict[str, Any]]:
    tools = [tool.get("function") for tool in as_list(request.get("tools")) if isinstance(tool, dict)]
    return [function for function in tools + as_list(request.get("functions")) if isinstance(function, dict)]


def _choice(counter: Counter, request: dict[str, Any]) -> int:
    choice = request.get("tool_choice", request.get("function_call"))
    if choice == "none":
        return 1
    if isinstance(choice, dict):
        function = choice.get("function", choice)
        name = function.get("name") if isinstance(function, dict) else None
        return counter.text(name) + (4 if counter.model.first_functions else 7) if isinstance(name, str) else 0
    return 0


def _response_schema(request: dict[str, Any]) -> dict[str, Any] | None:
    response_format = request.get("response_format")
    if not isinstance(response_format, dict) or response_format.get("type") != "json_schema":
        return None
    schema = response_format.get("json_schema")
    return schema if isinstance(schema, dict) else None


def _format(counter: Counter, schema: dict[str, Any]) -> int:
    name = str(schema.get("name") or "")
    tokens = counter.text(f"# Response Formats\n\n## {name}\n\n")
    if isinstance(description := schema.get("description"), str) and description:
        tokens += counter.text(f"// {description}\n")
    visible = json.dumps(_visible(schema.get("schema")), separators=(",", ":"))
    return tokens + counter.text(visible) + 2 + counter.text(name)


def _visible(value: Any, keys_are_names: bool = False) -> Any:
    """A schema without the keywords that the model does not see. `keys_are_names`: the keys are not keywords."""
    if isinstance(value, list):
        return [_visible(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _visible(member, key in ("properties", "$defs", "definitions") and not keys_are_names)
        for key, member in value.items()
        if keys_are_names or key not in _INVISIBLE
    }


def _has_properties(function: dict[str, Any]) -> bool:
    schema = function.get("parameters")
    return isinstance(schema, dict) and bool(schema.get("properties"))
