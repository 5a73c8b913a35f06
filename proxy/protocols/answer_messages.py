"""The content of a whole answer of any API as chat messages, for counting its tokens. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.members import as_list, call_of, json_of


def answer_messages(answer: Any) -> list[dict[str, Any]]:
    """The content of a whole answer, one message per choice, for counting its tokens."""
    messages = []
    for choice in as_list(answer.get("choices")) if isinstance(answer, dict) else ():
        if isinstance(choice, dict):
            message = choice.get("message")
            messages.append(message if isinstance(message, dict) else {"content": choice.get("text")})
    return messages or _output_messages(answer) or _block_messages(answer) or _candidate_messages(answer)


def _output_messages(answer: Any) -> list[dict[str, Any]]:
    """The one message that the `output` of a Responses answer makes."""
    parts: list[Any] = []
    calls = []
    for item in as_list(answer.get("output")) if isinstance(answer, dict) else ():
        if isinstance(item, dict) and item.get("type") == "function_call":
            calls.append(call_of(item.get("name"), item.get("arguments")))
        elif isinstance(item, dict):
            parts += as_list(item.get("content")) + as_list(item.get("summary"))
    message = {"content": parts, "tool_calls": calls}
    return [message] if parts or calls else []


def _block_messages(answer: Any) -> list[dict[str, Any]]:
    """The one message that the content blocks of Anthropic's Messages API make."""
    parts: list[Any] = []
    calls = []
    for block in as_list(answer.get("content")) if isinstance(answer, dict) else ():
        if not isinstance(block, dict):
            continue
        if str(block.get("type")).endswith("tool_use"):
            arguments = block.get("input")
            text = arguments if isinstance(arguments, str) else json_of(arguments)
            calls.append(call_of(block.get("name"), text))
        else:
            parts.append({"type": "text", "text": block.get("thinking") or block.get("text")})
    message = {"content": parts, "tool_calls": calls}
    return [message] if parts or calls else []


def _candidate_messages(answer: Any) -> list[dict[str, Any]]:
    """The messages that the `candidates` of a Gemini answer make."""
    messages = []
    for candidate in as_list(answer.get("candidates")) if isinstance(answer, dict) else ():
        content = candidate.get("content") if isinstance(candidate, dict) else None
        parts = as_list(content.get("parts")) if isinstance(content, dict) else []
        if message := _message_of_parts([part for part in parts if isinstance(part, dict)]):
            messages.append(message)
    return messages


def _message_of_parts(parts: list[dict[str, Any]]) -> dict[str, Any]:
    texts: dict[str, list[str]] = {"content": [], "reasoning_content": []}
    calls: list[tuple[Any, list[str]]] = []
    for part in parts:
        code, call = part.get("executableCode"), part.get("functionCall")
        text = code.get("code") if isinstance(code, dict) else part.get("text")
        if isinstance(text, str):
            texts["reasoning_content" if part.get("thought") else "content"].append(text)
        if isinstance(call, dict):
            if not calls or call.get("name") is not None:  # else it continues the last one, with partial arguments
                calls.append((call.get("name"), []))
            calls[-1][1].append(json_of(call["args"]) if "args" in call else _partial_values(call))
    message: dict[str, Any] = {name: "".join(pieces) for name, pieces in texts.items() if any(pieces)}
    if calls:
        message["tool_calls"] = [call_of(name, "".join(pieces)) for name, pieces in calls]
    return message


def _partial_values(call: dict[str, Any]) -> str:
    """The values of a call's partial arguments, without the paths to them, which take no tokens."""
    arguments = [value for value in as_list(call.get("partialArgs")) if isinstance(value, dict)]
    values = [value.get("stringValue", value.get("numberValue")) for value in arguments]
    return "".join(str(value) for value in values if isinstance(value, (str, int, float)))
