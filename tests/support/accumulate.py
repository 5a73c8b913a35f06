"""What a client makes of a stream: the openai SDK's own accumulators, over recorded bytes."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator
from typing import Any

from openai import omit
from openai._models import construct_type
from openai.lib.streaming.chat._completions import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from proxy.wire import sse


def chunks(data: bytes) -> Iterator[dict[str, Any]]:
    """The chunks of a chat stream that the SDK would look at."""
    for found in sse.objects(data):
        if isinstance(found.get("choices"), list) and found.get("object") != "":
            yield found


def accumulated(data: bytes) -> dict[str, Any] | None:
    """The SDK's snapshot of a whole chat stream; None where the SDK cannot accumulate it."""
    state: Any = ChatCompletionStreamState(input_tools=omit, response_format=omit)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it complains of contents that are lists, and goes on
            for chunk in chunks(data):
                state.handle_chunk(construct_type(type_=ChatCompletionChunk, value=chunk))
            snapshot = json.loads(state.current_completion_snapshot.to_json(exclude_unset=True))
    except (AssertionError, IndexError, KeyError, RuntimeError, TypeError, AttributeError, ValueError):
        return None
    for choice in snapshot.get("choices", []):
        message = choice.get("message", {})
        # The SDK adds up a role that is sent with each chunk: assistantassistant.
        for name in ("role", "channel"):
            message[name] = re.sub(r"^(\w+?)\1*$", r"\1", message.get(name) or "") or None
    stripped: dict[str, Any] = without_nulls(snapshot)
    return stripped


def without_nulls(value: Any) -> Any:
    """`value` without the members that are null, which to the SDK are the same as none."""
    if isinstance(value, dict):
        return {name: without_nulls(one) for name, one in value.items() if one is not None}
    return [without_nulls(one) for one in value] if isinstance(value, list) else value


def response_texts(data: bytes) -> dict[tuple[Any, ...], str]:
    """All deltas of a Responses stream, by what they belong to."""
    texts: dict[tuple[Any, ...], str] = {}
    for found in sse.objects(data):
        if str(found.get("type")).endswith(".delta") and isinstance(found.get("delta"), str):
            key = tuple(
                found.get(name) for name in ("type", "item_id", "output_index", "content_index", "summary_index")
            )
            texts[key] = texts.get(key, "") + found["delta"]
    return texts
