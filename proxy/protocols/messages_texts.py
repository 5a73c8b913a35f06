"""The texts of an event of the Messages API, for a content filter. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.json_texts import strings
from proxy.protocols.texts import REPEATED, EventTexts

# The member of a delta that continues a text, and the name of that text. Arguments of calls are JSON in pieces.
_CONTINUED = {"text": "text", "thinking": "thinking", "partial_json": "arguments"}


def read(event: dict[str, Any], texts: EventTexts) -> None:
    """Add the texts of `event`."""
    kind, index = str(event.get("type")), str(event.get("index"))
    if kind == "error":
        texts.ended = None
        return
    others = dict(event)
    if kind == "content_block_delta" and isinstance(event.get("delta"), dict):
        delta = dict(others.pop("delta"))
        for member, name in _CONTINUED.items():
            if isinstance(delta.get(member), str) and (text := delta.pop(member)):
                texts.new.append(((index, name), text))
        others["delta"] = delta
    elif kind == "content_block_start" and isinstance(event.get("content_block"), dict):
        for path, text in strings(others.pop("content_block")):
            texts.new.append(((index, path.removeprefix(".")), text))
    elif kind == "content_block_stop":
        if texts.ended is not None:
            texts.ended.add(index)
    elif kind in ("message_delta", "message_stop"):
        texts.ended = None
    texts.repeated += [((REPEATED, index, path), text) for path, text in strings(others)]
