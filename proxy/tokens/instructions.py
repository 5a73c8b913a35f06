"""What tools and a response format add to a prompt, as instructions in its system message."""

from __future__ import annotations

import json
from typing import Any

from proxy.tokens import makers
from proxy.tokens.counter import Counter
from proxy.tokens.evidence import functions_of
from proxy.tokens.rules import CHAT
from proxy.tokens.schema import Renderer, TooLarge, first_is_bare, is_bare, is_titled
from proxy.tokens.values import text_of

# Keywords of a JSON schema that the model does not see in a response format.
_INVISIBLE = frozenset(
    "$schema additionalProperties required min max minItems maxItems minimum maximum exclusiveMinimum exclusiveMaximum "
    "minLength maxLength default".split()
)
_SYSTEM = ("system", "developer")
_TAIL = 4_096  # characters


def count(counter: Counter, request: dict[str, Any], messages: list[dict[str, Any]]) -> int:
    """The tokens that tools and a response format add to the system message, or to one created for them."""
    model, rules = counter.model, counter.rules
    functions = functions_of(request)
    tokens = 0
    if not model.openai:
        # Their templates leave the tools out if none may be called.
        offered = functions if request.get("tool_choice") != "none" else []
        tools_json = counter.json(offered) if offered else 0
        tokens += makers.of(model.name).added(len(messages), tools_json, counter.api)
    elif functions:
        tokens += _tools(counter, functions) + _choice(counter, request)
    schema = _response_schema(request)
    if schema is not None:
        tokens += _format(counter, schema)
        name = counter.text(str(schema.get("name") or ""))
        if functions and model.openai:
            tokens += -1 - name if rules.with_tools is None else rules.with_tools
        if rules.answer is not None:  # earlier answers carry the format's name
            answers = sum(message.get("role") == "assistant" and bool(message.get("content")) for message in messages)
            tokens += (name + rules.answer) * answers
    if functions and model.openai:
        tokens += _system_message(counter, messages, rules.tools_alone)
    elif schema is not None and rules.format_alone:
        tokens += _system_message(counter, messages, rules.format_alone)
    return tokens


def _tools(counter: Counter, functions: list[dict[str, Any]]) -> int:
    """The tokens of the functions that a model may call."""
    model = counter.model
    tokens = counter.rules.tools
    renderer = Renderer(not model.first_functions, counter.budget)
    try:
        tokens += counter.text(renderer.functions(functions))
    except TooLarge:
        counter.at_least.append("the tools' schemas are too large to be counted completely")
        return tokens
    if not model.first_functions:
        tokens += 2 * renderer.object_arrays
        tokens += sum(is_titled(function) - first_is_bare(function) for function in functions)
    if model.gpt5 is not None and counter.api == CHAT:
        tokens -= sum(map(is_bare, functions))
    return tokens


def _system_message(counter: Counter, messages: list[dict[str, Any]], alone: int) -> int:
    """What the instructions cost next to the system message that they are added to; `alone` if there is none."""
    system = messages[0] if messages else {}
    if system.get("role") not in _SYSTEM:
        return alone
    if not counter.rules.separator:
        return 0
    text = text_of(system.get("content"))[-_TAIL:]  # the line break only affects the tokens next to it
    return counter.text(text + counter.rules.separator) - counter.text(text)


def _choice(counter: Counter, request: dict[str, Any]) -> int:
    rules = counter.rules
    choice = request.get("tool_choice", request.get("function_call"))
    if choice == "none":
        return rules.none
    if choice == "required":
        return rules.required
    if isinstance(choice, dict) and rules.named is not None:
        function = choice.get("function", choice)
        name = function.get("name") if isinstance(function, dict) else None
        return counter.text(name) + rules.named if isinstance(name, str) else 0
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
    tokens += counter.text(visible) + counter.rules.format_
    return tokens + counter.text(name) if counter.rules.format_named else tokens


def _visible(value: Any, keys_are_names: bool = False) -> Any:
    """A schema without the keywords that the model does not see. `keys_are_names`: the keys are not keywords."""
    if isinstance(value, list):
        return [_visible(item) for item in value]
    if not isinstance(value, dict):
        return value
    hidden = _INVISIBLE if value.get("type") == "string" else _INVISIBLE | {"format"}
    return {
        key: _visible(member, key in ("properties", "$defs", "definitions") and not keys_are_names)
        for key, member in value.items()
        if keys_are_names or key not in hidden
    }
