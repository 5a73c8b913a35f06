"""A whole chat completion as a message of the Messages API. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from proxy.protocols.members import as_list
from proxy.protocols.messages_accumulate import MessageAccumulator
from proxy.protocols.translate.messages_to_chat.writer import MessageWriter

_NO_NAMES: Mapping[str, str] = MappingProxyType({})


def to_message(
    completion: dict[str, Any], model: str, names: Mapping[str, str] = _NO_NAMES, request_id: str = ""
) -> dict[str, Any] | None:
    """The message; None if `completion` has no answer. `model` is the name that the caller asked for.

    `names` is what `Translated.names` says. What a stream with the same content would say is in the message. A call of
    which the arguments were cut off is left out.
    """
    choice = next((choice for choice in as_list(completion.get("choices")) if isinstance(choice, dict)), {})
    delta = choice.get("message")
    if not isinstance(delta, dict):
        return None
    calls = [
        {**call, "index": index}
        for index, call in enumerate(as_list(delta.get("tool_calls")))
        if isinstance(call, dict)
    ]
    writer = MessageWriter(model, 0, names, request_id)
    whole = {**choice, "index": 0, "delta": {**delta, "tool_calls": calls}}
    writer.add({"id": completion.get("id"), "choices": [whole], "usage": completion.get("usage")})
    writer.finish()
    events = writer.take()
    if writer.has_error:
        return None
    accumulator = MessageAccumulator()
    for event in events:
        accumulator.add(event)
    message = accumulator.whole(ended=True)
    closed = {event["index"] for event in events if event["type"] == "content_block_stop"}
    message["content"] = [block for index, block in enumerate(message["content"]) if index in closed]
    return message
