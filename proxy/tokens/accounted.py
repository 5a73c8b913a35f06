"""What of a request no rule here counts: whoever calls a figure exact must have looked at everything. Pure."""

from __future__ import annotations

from typing import Any

# Members of a chat or completions request that bring no tokens into the prompt, and those that the rules count.
_REQUEST = frozenset(
    "best_of echo frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens "
    "messages metadata modalities model moderation moderation_level n parallel_tool_calls presence_penalty prompt "
    "prompt_cache_key prompt_cache_retention reasoning_effort response_format safety_identifier seed service_tier stop "
    "store stream stream_options temperature tool_choice tools top_logprobs top_p truncation user verbosity".split()
)
_MESSAGE = frozenset("role content name tool_calls tool_call_id function_call refusal annotations".split())
_PART = frozenset("type text refusal image_url detail annotations logprobs cache_control".split())
_FUNCTION = frozenset("type name description parameters strict".split())
_FORMAT = frozenset("type name description schema strict".split())
_CALL = frozenset("id type function index".split())
_CALLED = frozenset("name arguments".split())
# Keywords of a JSON schema that are written out for a model, or told in no words (proxy.tokens.schema).
_KEYWORDS = frozenset(
    "$defs $id $ref $schema additionalProperties allOf anyOf const default definitions description enum "
    "exclusiveMaximum exclusiveMinimum format items max maxItems maxLength maximum min minItems minLength minimum "
    "nullable oneOf properties required strict title type uniqueItems".split()
)
_TOLD = ("title", "description", "const", "type", "default", "$ref")
_TOLD_IN_FORMAT = _TOLD[:4] + _TOLD[5:]
_VALUES = ("default", "const", "enum", "required")
_SAID = ("text", "refusal", "image_url")
_NAMED = ("properties", "$defs", "definitions", "patternProperties")
# A value that is told in no words may have as many characters: more is not taken on trust.
_UNTOLD = 200
_TEXT_PARTS = ("text", "input_text", "output_text", "refusal", "image_url", "input_image", None)


def unknown(request: dict[str, Any]) -> list[str]:
    """Sentences that say what is not counted, each once; an empty list where the rules cover everything."""
    found = _beyond(request, _REQUEST, "the request")
    modalities = request.get("modalities")
    if modalities is not None and (not isinstance(modalities, list) or "audio" in modalities):
        found.append("spoken answers bring instructions that cannot be counted from outside")
    messages = request.get("messages")
    for message in messages if isinstance(messages, list) else [] if messages is None else [messages]:
        found += _of_message(message) if isinstance(message, dict) else ["a message is no object"]
    for tool in _items(request.get("tools")):
        found += _of_tool(tool)
    for function in _items(request.get("functions")):
        found += _of_function(function)
    choice = request.get("tool_choice")
    if isinstance(choice, dict) and sum(len(one) for one in _strings(choice)) > _UNTOLD:
        found.append("this tool_choice is not counted")
    chosen = request.get("response_format")
    if chosen is not None and not (isinstance(chosen, dict) and chosen.get("type") in ("text", "json_object")):
        schema = chosen.get("json_schema") if isinstance(chosen, dict) and chosen.get("type") == "json_schema" else None
        if isinstance(schema, dict):
            found += _beyond(schema, _FORMAT, "response_format") + _of_schema(schema.get("schema"), _TOLD_IN_FORMAT)
        else:
            found.append("this response_format is not counted")
    elif chosen is not None:
        found += _beyond(chosen, frozenset(("type",)), "response_format")
    return list(dict.fromkeys(found))


def _strings(choice: dict[str, Any]) -> list[str]:
    function = choice.get("function")
    values = [*choice.values(), *(function.values() if isinstance(function, dict) else ())]
    return [one for one in values if isinstance(one, str)]


def _of_message(message: dict[str, Any]) -> list[str]:
    found = _beyond(message, _MESSAGE, "a message")
    if not isinstance(message.get("role"), str):
        found.append("a message has no role")
    found += _of_content(message.get("content"))
    calls = _items(message.get("tool_calls"))
    for call in calls:
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("arguments"), str):
            found.append("a call of a tool that is no function is not counted")
        else:
            found += _beyond(call, _CALL, "a call") + _beyond(function, _CALLED, "a call")
    if message.get("function_call") is not None:
        calls = [*calls, message["function_call"]]
        found += _of_older_call(message["function_call"])
    if calls and (message.get("role") != "assistant" or message.get("refusal") is not None):
        found.append("a call of a tool beside a refusal, or that is no assistant's, is not counted")
    if message.get("annotations"):
        found.append("annotations are not counted")
    return found


def _of_content(content: Any) -> list[str]:
    if content is not None and not isinstance(content, (str, list)):
        return ["a message's content is neither a text nor a list"]
    found: list[str] = []
    for part in content if isinstance(content, list) else ():
        if not isinstance(part, dict):
            found.append("a part of a message is no object")
        elif part.get("type") not in _TEXT_PARTS:
            found.append("audio and files cannot be counted from outside")
        elif sum(part.get(name) is not None for name in _SAID) != 1 or not isinstance(part.get("text", ""), str):
            found.append("a part of a message says several things, or none")
        else:
            found += _beyond(part, _PART, "a part of a message")
    return found


def _of_older_call(call: Any) -> list[str]:
    if not isinstance(call, dict) or not isinstance(call.get("arguments"), str):
        return ["a call of a function without arguments is not counted"]
    return _beyond(call, _CALLED, "a call")


def _of_tool(tool: Any) -> list[str]:
    if isinstance(tool, dict) and tool.get("type", "function") == "function" and isinstance(tool.get("function"), dict):
        return _of_function(tool["function"]) + _beyond(tool, frozenset(("type", "function")), "a tool")
    return ["tools that are no functions bring instructions that cannot be counted from outside"]


def _of_function(function: Any) -> list[str]:
    if not isinstance(function, dict):
        return ["a function is no object"]
    if not isinstance(function.get("description", ""), (str, type(None))):
        return ["a description that is no text is not counted"]
    return _beyond(function, _FUNCTION, "a function") + _of_schema(function.get("parameters"))


def _of_schema(schema: Any, told: tuple[str, ...] = _TOLD) -> list[str]:
    """Whether everything that a schema says is written out for the model, as far as that is known."""
    rest: list[tuple[Any, bool]] = [(schema, False)]
    while rest:
        value, is_named = rest.pop()
        if isinstance(value, list):
            rest += ((one, False) for one in value)
            continue
        for name, one in value.items() if isinstance(value, dict) else ():
            if isinstance(one, str) and not is_named and name not in told and len(one) > _UNTOLD:
                return [f"{name[:40]} in a schema is not counted"]
            if isinstance(one, (dict, list)):
                if one and not is_named and (name not in _KEYWORDS or name == "additionalProperties"):
                    return [f"{name[:40]} in a schema is not counted"]
                if is_named or name not in _VALUES:
                    rest.append((one, name in _NAMED and not is_named))
    return []


def _beyond(value: dict[str, Any], known: frozenset[str], where: str) -> list[str]:
    """The members of `value` that are not known and say something."""
    return [
        f"{name[:40]} in {where} is not counted"
        for name, one in value.items()
        if name not in known and one is not None and one != [] and not isinstance(one, bool)
    ][:10]


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
