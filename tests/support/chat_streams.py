"""Recorded chat streams of many providers, and what they say as a chat client reads it."""

from __future__ import annotations

from typing import Any, NamedTuple

from proxy.protocols.accumulate import ChunkAccumulator
from proxy.protocols.members import as_list, error_in
from proxy.wire import bounded_json, sse
from tests.support.streams import recorded

MAX_CUTS = 15


def _is_chat(data: bytes) -> bool:
    return any(isinstance(choice, dict) and "delta" in choice for choice in _choices(data))


def _choices(data: bytes) -> list[Any]:
    return [choice for event in sse.objects(data) for choice in as_list(event.get("choices"))]


CHATS = [file for file in recorded() if _is_chat(file.read_bytes())]


class Said(NamedTuple):
    """What a chat answer says; each call is its id, name and arguments."""

    reasoning: str
    text: str
    refusal: str
    calls: list[str]


def first_choice(data: bytes) -> dict[str, Any]:
    """The whole chat completion, with its first choice alone."""
    accumulator = ChunkAccumulator()
    for event in sse.objects(data):
        accumulator.add(event)
    answer = accumulator.whole(ended=True)
    return {**answer, "choices": [choice for choice in answer["choices"] if choice["index"] == 0]}


def text_of(value: Any, kind: str, inner: str = "text") -> str:
    """The text of one kind in a content."""
    if isinstance(value, str):
        return value if inner == kind else ""
    if isinstance(value, list):
        return "".join(text_of(part, kind, inner) for part in value)
    if not isinstance(value, dict):
        return ""
    inner = "thinking" if value.get("type") == "thinking" else inner
    return "".join(text_of(value[name], kind, inner) for name in ("text", "thinking") if name in value)


def said(message: dict[str, Any]) -> Said:
    """What a chat message says."""
    content = message.get("content")
    details = [detail.get("text") or "" for detail in as_list(message.get("reasoning_details"))]
    reasoning = message.get("reasoning_content") or message.get("reasoning") or "".join(details)
    calls = [
        f"{call['id']} {call['function']['name']} {call['function']['arguments'] or '{}'}"
        for call in as_list(message.get("tool_calls"))
    ]
    return Said(reasoning + text_of(content, "thinking"), text_of(content, "text"), message.get("refusal") or "", calls)


def has_error(data: bytes) -> bool:
    """Whether one of the events is an error."""
    values = ((name, bounded_json.parse(text)) for name, text in sse.events(data))
    return any(isinstance(value, dict) and error_in(value, name) for name, value in values)


def is_finished(data: bytes) -> bool:
    """Whether the events say how the first choice ends."""
    choices = [choice for choice in _choices(data) if isinstance(choice, dict) and not choice.get("index")]
    return any(choice.get("finish_reason") for choice in choices) or b"[DONE]" in data


def starts(data: bytes) -> list[bytes]:
    """The stream cut after some of its events, up to MAX_CUTS times."""
    events = sse.split(data)
    return [b"".join(events[:count]) for count in range(0, len(events), max(1, len(events) // MAX_CUTS))]


def in_pieces(data: bytes, size: int | None) -> list[bytes]:
    """Whole events, as they come where the network delivers `size` bytes at once."""
    splitter = sse.Splitter()
    pieces = [data] if size is None else [data[at : at + size] for at in range(0, len(data), size)]
    return [piece for chunk in pieces if (piece := splitter.feed(chunk))] + [splitter.rest()]
