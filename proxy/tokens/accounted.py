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
_TEXT_PARTS = ("text", "input_text", "output_text", "refusal", "image_url", "input_image", None)


def unknown(request: dict[str, Any]) -> list[str]:
    """Sentences that say what is not counted, each once; an empty list where the rules cover everything."""
    found = _beyond(request, _REQUEST, "the request")
    if "audio" in (request.get("modalities") or ()):
        found.append("spoken answers bring instructions that cannot be counted from outside")
    messages = request.get("messages")
    for message in messages if isinstance(messages, list) else [] if messages is None else [messages]:
        found += _of_message(message) if isinstance(message, dict) else ["a message is no object"]
    for tool in _items(request.get("tools")):
        found += _of_tool(tool)
    for function in _items(request.get("functions")):
        found += _of_function(function)
    chosen = request.get("response_format")
    if chosen is not None and not (isinstance(chosen, dict) and chosen.get("type") in ("text", "json_object")):
        schema = chosen.get("json_schema") if isinstance(chosen, dict) and chosen.get("type") == "json_schema" else None
        if isinstance(schema, dict):
            found += _beyond(schema, _FORMAT, "response_format")
        else:
            found.append("this response_format is not counted")
    return list(dict.fromkeys(found))


def _of_message(message: dict[str, Any]) -> list[str]:
    found = _beyond(message, _MESSAGE, "a message")
    if not isinstance(message.get("role"), str):
        found.append("a message has no role")
    content = message.get("content")
    if isinstance(content, list):
        for part in content:
            if not isinstance(part, dict):
                found.append("a part of a message is no object")
            elif part.get("type") not in _TEXT_PARTS:
                found.append("audio and files cannot be counted from outside")
            else:
                found += _beyond(part, _PART, "a part of a message")
    elif content is not None and not isinstance(content, str):
        found.append("a message's content is neither a text nor a list")
    for call in _items(message.get("tool_calls")):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("arguments"), str):
            found.append("a call of a tool that is no function is not counted")
    return found


def _of_tool(tool: Any) -> list[str]:
    if isinstance(tool, dict) and tool.get("type", "function") == "function" and isinstance(tool.get("function"), dict):
        return _of_function(tool["function"]) + _beyond(tool, frozenset(("type", "function")), "a tool")
    return ["tools that are no functions bring instructions that cannot be counted from outside"]


def _of_function(function: Any) -> list[str]:
    return _beyond(function, _FUNCTION, "a function") if isinstance(function, dict) else ["a function is no object"]


def _beyond(value: dict[str, Any], known: frozenset[str], where: str) -> list[str]:
    """The members of `value` that are not known and say something."""
    return [
        f"{name[:40]} in {where} is not counted"
        for name, one in value.items()
        if name not in known and one is not None and one != [] and not isinstance(one, bool)
    ][:10]


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
