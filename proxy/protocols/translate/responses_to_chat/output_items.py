"""The output items of a response. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.members import as_list
from proxy.protocols.translate.chat_deltas import REFUSAL
from proxy.protocols.translate.names import SIGNATURE_PREFIX
from proxy.protocols.translate.responses_to_chat.tools import CUSTOM, FUNCTION, LOCAL_SHELL, TOOL_SEARCH, Tool
from proxy.wire import bounded_json

Item = dict[str, Any]
_IN_PROGRESS, _COMPLETED = "in_progress", "completed"


def message_item(identifier: str, part: Item | None = None) -> Item:
    """A message; finished if it has its part."""
    status = _IN_PROGRESS if part is None else _COMPLETED
    content = [] if part is None else [part]
    return {"id": identifier, "type": "message", "status": status, "role": "assistant", "content": content}


def message_part(kind: str, text: str) -> Item:
    """The part of a message with a text or a refusal."""
    if kind == REFUSAL:
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def reasoning_item(identifier: str, seed: str, text: str = "") -> Item:
    """Reasoning, which comes back with the next request. The mark says that no provider has encrypted it."""
    summary = [summary_part(text)] if text else []
    return {"id": identifier, "type": "reasoning", "summary": summary, "encrypted_content": SIGNATURE_PREFIX + seed}


def summary_part(text: str) -> Item:
    """The part of a summary."""
    return {"type": "summary_text", "text": text}


def starts_early(tool: Tool) -> bool:
    """Whether an item of this tool can begin before its arguments are known."""
    return tool.kind in (FUNCTION, CUSTOM)


def id_prefix(tool: Tool) -> str:
    """How the id of a call's item begins."""
    return {FUNCTION: "fc", CUSTOM: "ctc", LOCAL_SHELL: "lsh", TOOL_SEARCH: "tsc"}[tool.kind]


def call_item(tool: Tool, identifier: str, call_id: str, arguments: str | None = None) -> Item:
    """A call of a tool; `arguments` are None as long as they are not complete.

    Arguments that the tool's own item cannot hold stay those of a function, as the model made them.
    """
    status = _IN_PROGRESS if arguments is None else _COMPLETED
    common: Item = {"id": identifier, "status": status, "call_id": call_id}
    place = {"namespace": tool.namespace} if tool.namespace else {}
    if tool.kind == CUSTOM:
        text = custom_input(arguments or "")
        return {**common, "type": "custom_tool_call", "name": tool.name, "input": text, **place}
    value = bounded_json.parse(arguments or "")
    members = value if isinstance(value, dict) else {}
    if tool.kind == LOCAL_SHELL and (action := _action(members)) is not None:
        return {**common, "type": "local_shell_call", "action": action}
    if tool.kind == TOOL_SEARCH and members:
        return {**common, "type": "tool_search_call", "execution": "client", "arguments": members}
    return {**common, "type": "function_call", "name": tool.name, "arguments": arguments or "", **place}


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
