"""A whole chat completion as a message of the Messages API. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from proxy.protocols.messages_accumulate import MessageAccumulator
from proxy.protocols.translate.answer_stream import written
from proxy.protocols.translate.messages_to_chat.writer import MessageWriter

_NO_NAMES: Mapping[str, str] = MappingProxyType({})


def to_message(
    completion: dict[str, Any], model: str, names: Mapping[str, str] = _NO_NAMES, request_id: str = ""
) -> dict[str, Any] | None:
    """The message; None if `completion` has no answer. `model` is the name that the caller asked for.

    `names` is what `Translated.names` says. What a stream with the same content would say is in the message. A call of
    which the arguments were cut off is left out.
    """
    writer = MessageWriter(model, 0, names, request_id)
    if not written(writer, completion):
        return None
    events = writer.take()
    accumulator = MessageAccumulator()
    for event in events:
        accumulator.add(event)
    message = accumulator.whole(ended=True)
    closed = {event["index"] for event in events if event["type"] == "content_block_stop"}
    message["content"] = [block for index, block in enumerate(message["content"]) if index in closed]
    return message
