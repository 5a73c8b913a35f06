"""The texts of an event of the Responses API, for a content filter. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.json_texts import read_members, strings
from proxy.protocols.texts import REPEATED, EventTexts

_INDICES = ("output_index", "content_index", "summary_index", "command_index")
_AUDIO = ("response.audio.delta", "response.output_audio.delta")


def read(event: dict[str, Any], texts: EventTexts) -> None:
    """Add the texts of `event`."""
    kind = str(event.get("type"))
    if kind == "error":
        texts.ended = None
        return
    indices = tuple(str(event.get(name)) for name in _INDICES)
    others = dict(event)
    if kind.endswith(".delta"):
        delta = others.pop("delta", None)
        for path, text in strings(delta, "delta") if kind not in _AUDIO else ():
            texts.new.append(((*indices, kind) if path == "delta" else (*indices, kind, path), text))
    else:
        texts.ended = None
    response = others.get("response")
    if isinstance(response, dict):
        others["response"] = read_members(response)
    texts.repeated += [((REPEATED, *indices, path), text) for path, text in strings(others)]
