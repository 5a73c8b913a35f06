"""Where the events and the items of the Responses API have their texts. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.members import as_list, json_of
from proxy.protocols.translate.chat_to_responses.outputs import CUSTOM, FUNCTION, MESSAGE, REASONING

# The events that add to a text: the kind of the item, the name of the text, and the member with its position.
DELTAS = {
    "response.output_text.delta": (MESSAGE, "output_text", "content_index"),
    "response.refusal.delta": (MESSAGE, "refusal", "content_index"),
    "response.reasoning_summary_text.delta": (REASONING, "summary_text", "summary_index"),
    "response.reasoning_text.delta": (REASONING, "reasoning_text", "content_index"),
    "response.function_call_arguments.delta": (FUNCTION, "arguments", ""),
    "response.custom_tool_call_input.delta": (CUSTOM, "input", ""),
}
# The events with a whole text: the same, and the member with the text.
WHOLE = {
    "response.output_text.done": (MESSAGE, "output_text", "content_index", "text"),
    "response.refusal.done": (MESSAGE, "refusal", "content_index", "refusal"),
    "response.reasoning_summary_text.done": (REASONING, "summary_text", "summary_index", "text"),
    "response.reasoning_text.done": (REASONING, "reasoning_text", "content_index", "text"),
    "response.function_call_arguments.done": (FUNCTION, "arguments", "", "arguments"),
    "response.custom_tool_call_input.done": (CUSTOM, "input", "", "input"),
}
ITEM_DONE = "response.output_item.done"
ITEMS = ("response.output_item.added", ITEM_DONE)
ENDS = ("response.completed", "response.incomplete", "response.failed")
# The items that are calls: the type of a chat message's call, and the name of the text that the tool gets.
CALLS = {FUNCTION: ("function", "arguments"), CUSTOM: ("custom", "input")}
# The lists of the other items: their names, the type of the parts, and the member with a part's text.
_LISTS = {
    MESSAGE: (("content", "output_text", "text"), ("content", "refusal", "refusal")),
    REASONING: (("summary", "summary_text", "text"), ("content", "reasoning_text", "text")),
}


def position(event: dict[str, Any], name: str) -> int:
    """The position of a text in its item; 0 if the event does not say it."""
    return value if type(value := event.get(name)) is int else 0


def text_of(members: dict[str, Any], name: str) -> str:
    """A text. Some providers send the arguments of a call as an object."""
    value = members.get(name)
    if isinstance(value, str):
        return value
    return json_of(value) if isinstance(value, dict) else ""


def texts_of(members: dict[str, Any], kind: str) -> dict[str, list[str]]:
    """The texts of an item that is no call, by their names. Parts of other types count as empty."""
    return {
        part_type: [_part_text(part, part_type, member) for part in as_list(members.get(name))]
        for name, part_type, member in _LISTS[kind]
    }


def _part_text(part: Any, part_type: str, member: str) -> str:
    return text_of(part, member) if isinstance(part, dict) and part.get("type") == part_type else ""
