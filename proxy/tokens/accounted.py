"""Find what no rule counts in a request. Only a request without any such part has an exact count. Pure."""

from __future__ import annotations

from typing import Any

from proxy.tokens.rules import CHAT, RESPONSES

# Members of a chat or completions request that add no tokens to the prompt, and those that the rules count.
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
_CALLED_FUNCTION = frozenset("name arguments".split())
# Keywords of a JSON schema that are rendered for the model, or add no tokens (see proxy.tokens.schema).
_KEYWORDS = frozenset(
    "$defs $id $ref $schema additionalProperties allOf anyOf const default definitions description enum "
    "exclusiveMaximum exclusiveMinimum format items max maxItems maxLength maximum min minItems minLength minimum "
    "nullable oneOf properties required strict title type uniqueItems".split()
)
# Keywords whose strings are rendered, in a function's schema and in a response format.
_RENDERED = ("title", "description", "const", "type", "default", "$ref")
_RENDERED_IN_FORMAT = _RENDERED[:4] + _RENDERED[5:]
# Keywords whose value is data rather than a schema.
_DATA = ("default", "const", "enum", "required")
# Keywords whose members are schemas by name.
_BY_NAME = ("properties", "$defs", "definitions", "patternProperties")
# Of each part of a message exactly one of these is counted.
_PART_CONTENT = ("text", "refusal", "image_url")
# A longer string that is not rendered, in characters, makes the count a lower bound.
_MAX_UNRENDERED = 200
_TEXT_PARTS = ("text", "input_text", "output_text", "refusal", "image_url", "input_image", None)


def uncounted(request: dict[str, Any], api: str = CHAT) -> list[str]:
    """What is not counted, each as one note; an empty list if the rules cover everything."""
    known = _REQUEST | {"reasoning"} if api == RESPONSES else _REQUEST
    notes = _unknown_members(request, known, "the request")
    modalities = request.get("modalities")
    if modalities is not None and (not isinstance(modalities, list) or "audio" in modalities):
        notes.append("spoken answers add instructions that cannot be counted")
    messages = request.get("messages")
    for message in messages if isinstance(messages, list) else [] if messages is None else [messages]:
        notes += _of_message(message) if isinstance(message, dict) else ["a message is not an object"]
    for tool in _items(request.get("tools")):
        notes += _of_tool(tool)
    for function in _items(request.get("functions")):
        notes += _of_function(function)
    choice = request.get("tool_choice")
    if isinstance(choice, dict) and sum(len(string) for string in _strings(choice)) > _MAX_UNRENDERED:
        notes.append("this tool_choice is not counted")
    response_format = request.get("response_format")
    if response_format is not None:
        notes += _of_format(response_format)
    return list(dict.fromkeys(notes))


def _of_format(response_format: Any) -> list[str]:
    kind = response_format.get("type") if isinstance(response_format, dict) else None
    if kind in ("text", "json_object"):
        return _unknown_members(response_format, frozenset(("type",)), "response_format")
    schema = response_format.get("json_schema") if kind == "json_schema" else None
    if not isinstance(schema, dict):
        return ["this response_format is not counted"]
    notes = _unknown_members(schema, _FORMAT, "response_format")
    return notes + _of_schema(schema.get("schema"), _RENDERED_IN_FORMAT)


def _strings(choice: dict[str, Any]) -> list[str]:
    function = choice.get("function")
    values = [*choice.values(), *(function.values() if isinstance(function, dict) else ())]
    return [value for value in values if isinstance(value, str)]


def _of_message(message: dict[str, Any]) -> list[str]:
    notes = _unknown_members(message, _MESSAGE, "a message")
    if not isinstance(message.get("role"), str):
        notes.append("a message has no role")
    notes += _of_content(message.get("content"))
    calls = _items(message.get("tool_calls"))
    for call in calls:
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("arguments"), str):
            notes.append("a call of a tool that is not a function is not counted")
        else:
            notes += _unknown_members(call, _CALL, "a call") + _unknown_members(function, _CALLED_FUNCTION, "a call")
    if message.get("function_call") is not None:
        calls = [*calls, message["function_call"]]
        notes += _of_legacy_call(message["function_call"])
    if calls and (message.get("role") != "assistant" or message.get("refusal") is not None):
        notes.append("a call of a tool with a refusal, or by another role than assistant, is not counted")
    if message.get("annotations"):
        notes.append("annotations are not counted")
    return notes


def _of_content(content: Any) -> list[str]:
    if content is not None and not isinstance(content, (str, list)):
        return ["a message's content is neither a text nor a list"]
    notes: list[str] = []
    for part in content if isinstance(content, list) else ():
        if not isinstance(part, dict):
            notes.append("a part of a message is not an object")
        elif part.get("type") not in _TEXT_PARTS:
            notes.append("audio and files cannot be counted")
        elif sum(part.get(name) is not None for name in _PART_CONTENT) != 1 or not isinstance(
            part.get("text", ""), str
        ):
            notes.append("a part of a message has several contents, or none")
        else:
            notes += _unknown_members(part, _PART, "a part of a message")
    return notes


def _of_legacy_call(call: Any) -> list[str]:
    if not isinstance(call, dict) or not isinstance(call.get("arguments"), str):
        return ["a call of a function without arguments is not counted"]
    return _unknown_members(call, _CALLED_FUNCTION, "a call")


def _of_tool(tool: Any) -> list[str]:
    if isinstance(tool, dict) and tool.get("type", "function") == "function" and isinstance(tool.get("function"), dict):
        return _of_function(tool["function"]) + _unknown_members(tool, frozenset(("type", "function")), "a tool")
    return ["tools that are not functions add instructions that cannot be counted"]


def _of_function(function: Any) -> list[str]:
    if not isinstance(function, dict):
        return ["a function is not an object"]
    if not isinstance(function.get("description", ""), (str, type(None))):
        return ["a description that is not a text is not counted"]
    return _unknown_members(function, _FUNCTION, "a function") + _of_schema(function.get("parameters"))


def _of_schema(schema: Any, rendered: tuple[str, ...] = _RENDERED) -> list[str]:
    """The first part of a schema that is not rendered for the model, as far as that is known."""
    stack: list[tuple[Any, bool]] = [(schema, False)]
    while stack:
        value, keys_are_names = stack.pop()
        if isinstance(value, list):
            stack += ((item, False) for item in value)
            continue
        for name, member in value.items() if isinstance(value, dict) else ():
            is_string = isinstance(member, str) and not keys_are_names
            if is_string and name not in rendered and len(member) > _MAX_UNRENDERED:
                return [f"{name[:40]} in a schema is not counted"]
            if isinstance(member, (dict, list)):
                if member and not keys_are_names and (name not in _KEYWORDS or name == "additionalProperties"):
                    return [f"{name[:40]} in a schema is not counted"]
                if keys_are_names or name not in _DATA:
                    stack.append((member, name in _BY_NAME and not keys_are_names))
    return []


def _unknown_members(value: dict[str, Any], known: frozenset[str], where: str) -> list[str]:
    """Notes on the members of `value` that are not known and have content."""
    return [
        f"{name[:40]} in {where} is not counted"
        for name, member in value.items()
        if name not in known and member is not None and member != [] and not isinstance(member, bool)
    ][:10]


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
