"""The messages of a chat request as input items. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.translate.chat_providers import ChatProvider
from proxy.protocols.translate.chat_to_responses.content import input_parts, output_parts
from proxy.protocols.translate.chat_to_responses.reasoning import reasoning_items
from proxy.protocols.translate.dropped import Dropped, quoted, refused
from proxy.protocols.translate.names import call_id

Item = dict[str, Any]

# OpenAI refuses ids of calls with more than 64 characters.
CALL_IDS = r"[\w.:|-]{1,64}"
_IDS = ChatProvider(call_ids=CALL_IDS)
# The members of a call, by its type: the type of its item, and the member with what the tool gets.
_CALLS = {"function": ("function_call", "arguments"), "custom": ("custom_tool_call", "input")}


def input_items(messages: Any, dropped: Dropped) -> list[Item]:
    """The items for all messages. Raises BadRequest for what the Responses API has no equal for."""
    if not isinstance(messages, list):
        raise refused("messages must be a list.", "messages")
    last_user = max((index for index, message in enumerate(messages) if _role(message) == "user"), default=-1)
    types: dict[str, str] = {}  # of the calls so far, by their ids
    items: list[Item] = []
    for index, message in enumerate(messages):
        where, role = f"messages.{index}", _role(message)
        if role in ("system", "developer", "user"):
            items.append(
                _message("user" if role == "user" else "developer", input_parts(message.get("content"), where))
            )
        elif role == "assistant":
            turn = _assistant(message, where, types)
            items += turn
            is_loop = index > last_user  # the model goes on from here, and has forgotten why
            if is_loop and message.get("tool_calls") and turn[0]["type"] != "reasoning":
                dropped.add("reasoning")
        elif role == "tool":
            items.append(_output(message, where, types))
        elif role == "function":
            raise refused(
                "Messages with the role function are deprecated. Use tools, and the role tool for their results.", where
            )
        else:
            raise refused("Each message needs a role: system, developer, user, assistant or tool.", where)
        if role != "tool" and message.get("name") is not None:  # the name of a tool is in its call
            dropped.add("messages.name")
    if not items:
        raise refused("At least one message needs a content.", "messages")
    return items


def _role(message: Any) -> Any:
    return message.get("role") if isinstance(message, dict) else None


def _message(role: str, parts: list[Item]) -> Item:
    return {"type": "message", "role": role, "content": parts}


def _assistant(message: Item, where: str, types: dict[str, str]) -> list[Item]:
    """The items of an assistant's message. `types` gets the types of its calls."""
    if message.get("function_call") is not None:
        raise refused("function_call is deprecated. Use tool_calls.", where)
    if message.get("audio") is not None:
        raise refused("This model is served through the Responses API, which has no audio. Send a transcript.", where)
    parts = output_parts(message, where)
    items = [_message("assistant", parts)] if parts else []
    calls = message.get("tool_calls")
    if calls is not None and not isinstance(calls, list):
        raise refused("tool_calls must be a list.", where)
    for call in calls or ():
        kind, identifier, item = _call(call, where)
        types[identifier] = kind
        items.append(item)
    # Reasoning has to be followed by what it has led to.
    return [*reasoning_items(message), *items] if items else []


def _call(call: Any, where: str) -> tuple[str, str, Item]:
    """The type of a call, its id, and its item."""
    call = call if isinstance(call, dict) else {}
    kind = call.get("type") or "function"
    if kind not in tuple(_CALLS):
        raise refused(f"A call of a tool must be of type function or custom, not {quoted(kind)}.", where)
    item_type, member = _CALLS[kind]
    identifier, called = call.get("id"), call.get(kind)
    called = called if isinstance(called, dict) else {}
    name, value = called.get("name"), called.get(member)
    if not all(isinstance(text, str) for text in (identifier, name, value)) or not identifier:
        raise refused(f"A call of type {kind} needs an id, and {kind} with a name and {member}, all strings.", where)
    return kind, identifier, {"type": item_type, "call_id": call_id(identifier, _IDS), "name": name, member: value}


def _output(message: Item, where: str, types: dict[str, str]) -> Item:
    """The item for a message of a tool."""
    identifier, content = message.get("tool_call_id"), message.get("content")
    if not isinstance(identifier, str) or identifier not in types:
        raise refused("A message of a tool needs the tool_call_id of a call in an earlier message.", where)
    item_type, _ = _CALLS[types[identifier]]
    if not isinstance(content, str):
        content = input_parts(content, where) if content else ""
    return {"type": f"{item_type}_output", "call_id": call_id(identifier, _IDS), "output": content}
