"""The output items of a response. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.members import as_list
from proxy.protocols.translate.chat_deltas import REFUSAL
from proxy.protocols.translate.own_reasoning import MARK
from proxy.protocols.translate.responses_to_chat.tools import CUSTOM, FUNCTION, LOCAL_SHELL, TOOL_SEARCH, Tool
from proxy.wire import bounded_json

Item = dict[str, Any]
_IN_PROGRESS, _COMPLETED = "in_progress", "completed"


def message_item(place: str, part: Item | None = None) -> Item:
    """A message; finished if it has its part. Here and below, `place` is what ids end with."""
    status = _IN_PROGRESS if part is None else _COMPLETED
    content = [] if part is None else [part]
    return {"id": f"msg_{place}", "type": "message", "status": status, "role": "assistant", "content": content}


def message_part(kind: str, text: str) -> Item:
    """The part of a message with a text or a refusal."""
    if kind == REFUSAL:
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def reasoning_item(place: str, seed: str, text: str = "") -> Item:
    """Reasoning, which comes back with the next request. The mark says that no provider has encrypted it."""
    summary = [summary_part(text)] if text else []
    return {"id": f"rs_{place}", "type": "reasoning", "summary": summary, "encrypted_content": MARK + seed}


def summary_part(text: str) -> Item:
    """The part of a summary."""
    return {"type": "summary_text", "text": text}


def starts_early(tool: Tool) -> bool:
    """Whether an item of this tool can begin before its arguments are known."""
    return tool.kind in (FUNCTION, CUSTOM)


def call_item(tool: Tool, place: str, call_id: str, arguments: str | None = None) -> Item:
    """A call of a tool; `arguments` are None as long as they are not complete.

    Arguments that the tool's own item cannot hold stay those of a function, as the model made them.
    """
    status = _IN_PROGRESS if arguments is None else _COMPLETED
    common: Item = {"status": status, "call_id": call_id}
    named = {"name": tool.name, **({"namespace": tool.namespace} if tool.namespace else {})}
    if tool.kind == CUSTOM:
        text = custom_input(arguments or "")
        return {"id": f"ctc_{place}", "type": "custom_tool_call", **common, **named, "input": text}
    value = bounded_json.parse(arguments or "")
    members = value if isinstance(value, dict) else {}
    if tool.kind == LOCAL_SHELL and (action := _action(members)) is not None:
        return {"id": f"lsh_{place}", "type": "local_shell_call", **common, "action": action}
    if tool.kind == TOOL_SEARCH and members:
        search = {"id": f"tsc_{place}", "type": "tool_search_call", **common}
        return {**search, "execution": "client", "arguments": members}
    return {"id": f"fc_{place}", "type": "function_call", **common, **named, "arguments": arguments or ""}


def custom_input(arguments: str) -> str:
    """The input of a custom tool: the only argument of its function. Anything else stays as it is."""
    value = bounded_json.parse(arguments)
    text = value.get("input") if isinstance(value, dict) else None
    return text if isinstance(text, str) else arguments


def _action(members: Item) -> Item | None:
    command = as_list(members.get("command"))
    if not command or not all(isinstance(word, str) for word in command):
        return None
    action: Item = {"type": "exec", "command": command, "env": {}}
    if isinstance(folder := members.get("working_directory"), str):
        action["working_directory"] = folder
    if isinstance(timeout := members.get("timeout_ms"), int):
        action["timeout_ms"] = timeout
    return action
