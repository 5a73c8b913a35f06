"""Assemble a chat completion from its chunks, as if the upstream had not been asked for a stream. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.base import Accumulator
from proxy.protocols.deltas import joined, merge
from proxy.protocols.members import without

# Members of a chunk that do not belong to the answer: choices, which are merged, the type, and random padding.
_EXCLUDED = frozenset(("choices", "object", "obfuscation", "p"))
# Members that every answer's message has.
_MESSAGE = {"role": "assistant", "content": None, "refusal": None}


class ChunkAccumulator(Accumulator):
    """Collects the chunks of one stream."""

    def __init__(self) -> None:
        super().__init__()
        self._fields: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}

    def add(self, event: dict[str, Any]) -> None:
        chunk, choices = event, event.get("choices")
        if choices is None and isinstance(chunk.get("usage"), dict):  # some providers send usage without choices
            self._add_field("usage", chunk["usage"])
        if not isinstance(choices, list) or chunk.get("object") == "":  # Azure's filter results come between chunks
            return
        for name, value in chunk.items():
            if name not in _EXCLUDED:
                self._add_field(name, value)
        for position, choice in enumerate(choices):
            if isinstance(choice, dict):
                index = choice.get("index")
                self._add_choice(index if isinstance(index, int) else position, choice)

    @property
    def has_begun(self) -> bool:
        return bool(self._choices)

    @property
    def is_finished(self) -> bool:
        return bool(self._choices) and all(choice["finish_reason"] for choice in self._choices.values())

    def whole(self, ended: bool = False) -> dict[str, Any]:
        """The answer so far.

        If the stream ended by itself, a choice without a finish reason is complete: its provider sends none. Otherwise
        it is marked as cut off, with the reason "length".
        """
        choices = []
        for index in sorted(self._choices):
            choice = self._choices[index]
            message = joined(choice["message"])
            message["role"] = message.get("role") or "assistant"
            reason = "length"
            if isinstance(calls := message.get("tool_calls"), list):  # sorted by index, which is then redundant
                ordered = sorted(calls, key=_position)
                message["tool_calls"] = [
                    without(call, ("index",)) if isinstance(call, dict) else call for call in ordered
                ]
            if ended:
                reason = "tool_calls" if message.get("tool_calls") else "stop"
            message = {"role": message["role"], **_MESSAGE, **message}
            choices.append({**choice, "message": message, "finish_reason": choice["finish_reason"] or reason})
        head = {name: self._fields.get(name) for name in ("id", "object", "created", "model")}
        return {**head, "object": "chat.completion", "choices": choices, **without(self._fields, head)}

    def _add_field(self, name: str, value: Any) -> None:
        """Add a member of the answer. The first id and date count; other values are replaced, objects merged."""
        before = self._fields.get(name)
        if before and (not value or name in ("id", "created")):
            return
        if isinstance(before, dict) and isinstance(value, dict):
            value = {**before, **value}
        self._fields[name] = value

    def _add_choice(self, index: int, choice: dict[str, Any]) -> None:
        kept = self._choices.setdefault(index, {"index": index, "message": {}, "logprobs": None, "finish_reason": None})
        delta, message, text = choice.get("delta"), choice.get("message"), choice.get("text")
        if not isinstance(delta, dict):
            delta = {"content": text} if isinstance(text, str) and not isinstance(message, dict) else {}
        if isinstance(message, dict):
            delta = {**delta, **_missing(kept["message"], message, delta)}
        self.has_text = self.has_text or any(value for name, value in delta.items() if name != "role")
        merge(kept["message"], delta)
        for name, value in choice.items():
            if name == "logprobs":
                kept[name] = _joined_logprobs(kept[name], value)
            elif name == "usage" and isinstance(value, dict):  # where Moonshot sends it
                if not self._fields.get("usage"):
                    self._add_field("usage", value)
            elif name not in ("delta", "message", "index") and (value or not kept.get(name)):
                kept[name] = value


def _missing(kept: dict[str, Any], message: dict[str, Any], delta: dict[str, Any]) -> dict[str, Any]:
    """What a whole message adds to its deltas: some providers end a stream with the complete answer."""
    missing: dict[str, Any] = {}
    for name, value in message.items():
        current = joined(kept.get(name))
        if name in delta and delta[name] not in (None, ""):
            continue
        if isinstance(current, str) and isinstance(value, str):
            missing[name] = value[len(current) :] if value.startswith(current) else ""
        elif current in (None, [], {}, ""):
            missing[name] = value
    return missing


def _joined_logprobs(first: Any, second: Any) -> Any:
    """Two objects of logprobs as one, their lists joined."""
    if not isinstance(first, dict) or not isinstance(second, dict):
        return first if second is None else second
    for name, value in second.items():
        before = first.get(name)
        if isinstance(before, list) and isinstance(value, list):
            before.extend(value)
        elif before is None:
            first[name] = value
    return first


def _position(call: Any) -> int:
    index = call.get("index") if isinstance(call, dict) else None
    return index if isinstance(index, int) else 0
