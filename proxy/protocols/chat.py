"""The Chat Completions API (platform.openai.com/docs/api-reference/chat, read 2026-11-23). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxy.protocols.chunks import ChunkProtocol, merged_choice, merged_chunk
from proxy.protocols.members import as_list, only_choice
from proxy.wire import sse

if TYPE_CHECKING:
    from proxy.protocols.base import Accumulator

# Members of a delta that contain text, and labels that some providers repeat in each chunk.
_TEXTS = frozenset(("content", "reasoning_content", "reasoning", "refusal"))
_LABELS = ("role", "channel")
_DIFFERENT = object()


class Chat(ChunkProtocol):
    """Chunks with a `delta` in each choice."""

    name = "chat"
    has_history = True
    chunk_object = "chat.completion.chunk"
    stream_members = {"stream": b"true", "stream_options": b'{"include_usage":true}'}  # noqa: RUF012 — never changed
    silence = {"delta": {}}  # noqa: RUF012 — never changed

    def accumulator(self) -> Accumulator:
        from proxy.protocols.accumulate import ChunkAccumulator  # few answers are assembled

        return ChunkAccumulator()

    def merged(self, held: dict[str, Any], following: dict[str, Any]) -> dict[str, Any] | None:
        first, second = only_choice(held), only_choice(following)
        if first is None or second is None:
            return None
        delta = _merged_delta(first.get("delta"), second.get("delta"))
        choice = merged_choice(first, second, "delta", delta)
        return None if choice is None or delta is None else merged_chunk(held, following, choice)

    def messages(self, events: bytes) -> list[dict[str, Any]]:
        accumulator = self.accumulator()
        for chunk in sse.objects(events):
            accumulator.add(chunk)
        return [choice["message"] for choice in accumulator.whole()["choices"]]

    def as_chat(self, request: dict[str, Any]) -> tuple[dict[str, Any], list[str], list[str]] | None:
        return request, [], []

    def stores(self, store: Any) -> bool:
        return store not in (None, False)

    def filtered(self, message: str, first: bool) -> dict[str, Any]:
        return {"delta": {"role": "assistant", "content": message} if first else {"content": message}}

    def message(self, message: str) -> dict[str, Any]:
        return {"message": {"role": "assistant", "content": message, "refusal": None}}


def _merged_delta(first: Any, second: Any) -> dict[str, Any] | None:
    if not isinstance(first, dict) or not isinstance(second, dict):
        return None
    known = _TEXTS | {*_LABELS, "tool_calls"}
    if not (first.keys() | second.keys()) <= known:
        return None
    if any(second.get(name) not in (None, first.get(name)) for name in _LABELS):
        return None
    # Texts of different members keep their order: reasoning after content must not move before it.
    if len({_content(first), _content(second)} - {None}) > 1:
        return None
    merged = {**second, **first}
    for name in _TEXTS & merged.keys():
        texts = [part[name] for part in (first, second) if part.get(name) is not None]
        if not all(isinstance(text, str) for text in texts):
            return None
        merged[name] = "".join(texts) if texts else None
    calls = _merged_calls(first.get("tool_calls"), second.get("tool_calls"))
    if calls is _DIFFERENT:
        return None
    return {**merged, "tool_calls": calls} if "tool_calls" in merged else merged


def _content(delta: dict[str, Any]) -> str | None:
    """The names of the delta's members that are not empty."""
    names = [name for name in (*sorted(_TEXTS), "tool_calls") if delta.get(name)]
    return ",".join(names) if names else None


def _merged_calls(first: Any, second: Any) -> Any:
    """One tool call with both parts of its arguments; `_DIFFERENT` if the second begins another call."""
    if not second or not first:
        return second or first
    if len(as_list(first)) != 1 or len(as_list(second)) != 1:
        return _DIFFERENT
    call, next_call = first[0], second[0]
    if not isinstance(call, dict) or not isinstance(next_call, dict) or call.get("index") != next_call.get("index"):
        return _DIFFERENT
    function, next_function = call.get("function"), next_call.get("function")
    if not isinstance(function, dict) or not isinstance(next_function, dict):
        return _DIFFERENT
    if not next_function.keys() <= {"arguments", "name"} or not next_call.keys() <= {"index", "id", "type", "function"}:
        return _DIFFERENT
    is_same_type = next_call.get("type") in (None, "", call.get("type"))
    if not is_same_type or next_call.get("id") or next_function.get("name"):
        return _DIFFERENT
    arguments = (function.get("arguments") or "", next_function.get("arguments") or "")
    if not all(isinstance(part, str) for part in arguments):
        return _DIFFERENT
    return [{**call, "function": {**function, "arguments": "".join(arguments)}}]


PROTOCOL = Chat()
