"""The texts of a Gemini chunk, for a content filter, and whole answers that one has blocked. Pure."""

from __future__ import annotations

import re
from typing import Any

from proxy.protocols import texts
from proxy.protocols.gemini_parts import index_of, is_finished, is_thought
from proxy.protocols.gemini_state import ended_candidate
from proxy.protocols.json_texts import strings, without_texts
from proxy.protocols.members import as_list, without
from proxy.protocols.texts import REPEATED, EventTexts
from proxy.wire import bounded_json

_LINE = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"
_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")


def of_event(event: bytes) -> EventTexts:
    """The texts of one event. Google's SDKs also read JSON in lines that are no fields."""
    found = texts.of_event(event, read)
    lines = [line for line in _LINE.split(event.removeprefix(_BOM)) if line.strip() and not line.startswith(_FIELDS)]
    if lines:
        value = bounded_json.parse(b"".join(lines), everywhere=True)
        if isinstance(value, dict):
            read(value, found)
        else:
            found.unreadable = True  # the rest of the JSON may follow in another event
    return found


def read(chunk: dict[str, Any], found: EventTexts) -> None:
    """Add the texts of `chunk`."""
    candidates = chunk.get("candidates")
    for position, candidate in enumerate(as_list(candidates)):
        if isinstance(candidate, dict):
            _read_candidate(candidate, index_of(candidate, position), found)
        else:
            found.new += [((position, path), text) for path, text in strings(candidate)]
    # Errors are the upstream's own.
    others = without(chunk, ("error", "candidates") if isinstance(candidates, list) else ("error",))
    found.repeated += [((REPEATED, None, path), text) for path, text in strings(others)]


def withheld(answer: dict[str, Any], message: str) -> dict[str, Any]:
    """A whole answer with `message` in place of each candidate."""
    count = max(1, len(as_list(answer.get("candidates"))))
    kept = without(without_texts(answer), ("candidates", "error"))
    return {"candidates": [ended_candidate(index, message, "SAFETY") for index in range(count)], **kept}


def _read_candidate(candidate: dict[str, Any], index: int, found: EventTexts) -> None:
    if is_finished(candidate) and found.ended is not None:
        found.ended.add(index)
    others = dict(candidate)
    content = others.get("content")
    if isinstance(content, dict) and isinstance(content.get("parts"), list):
        others["content"] = without(content, ("parts",))
        for part in content["parts"]:
            _read_part(part, index, found)
    found.repeated += [((REPEATED, index, path), text) for path, text in strings(others)]


def _read_part(part: Any, index: int, found: EventTexts) -> None:
    """Add the texts of a part. Only the texts of plain parts and of partial arguments continue those of earlier chunks.

    Their places do not depend on the part's position, because each chunk counts its own parts.
    """
    if not isinstance(part, dict):
        found.new += [((index, "parts", path), text) for path, text in strings(part)]
        return
    others = dict(part)
    if isinstance(others.get("text"), str):
        text = others.pop("text")
        found.new += [((index, "thought" if is_thought(part) else "text"), text)] if text else []
    call = others.get("functionCall")
    if isinstance(call, dict) and isinstance(call.get("partialArgs"), list):
        others["functionCall"] = without(call, ("partialArgs",))
        for argument in call["partialArgs"]:
            _read_argument(argument, index, found)
    found.repeated += [((REPEATED, index, "parts", path), text) for path, text in strings(others)]


def _read_argument(argument: Any, index: int, found: EventTexts) -> None:
    if not isinstance(argument, dict):
        found.new += [((index, "partialArgs", path), text) for path, text in strings(argument)]
        return
    others = without(argument, ("jsonPath",))
    place = (index, str(argument.get("jsonPath")), "partialArgs")
    if isinstance(others.get("stringValue"), str):
        # A line end where the value is complete: another call may have an argument of the same name.
        text = others.pop("stringValue") + ("" if argument.get("willContinue") else "\n")
        found.new += [(place, text)] if text else []
    found.new += [((*place, path), text) for path, text in strings(others)]
