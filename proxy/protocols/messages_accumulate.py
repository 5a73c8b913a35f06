"""Assemble a message from its stream, as if the upstream had not been asked for a stream. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.base import Accumulator
from proxy.wire import bounded_json

# The member of a block that each type of delta continues.
_TEXTS = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}


class MessageAccumulator(Accumulator):
    """Collects the events of one stream."""

    def __init__(self) -> None:
        super().__init__()
        self._message: dict[str, Any] = {}
        self._blocks: dict[int, _Block] = {}
        self._stopped = False

    def add(self, event: dict[str, Any]) -> None:
        kind, index, delta = event.get("type"), event.get("index"), event.get("delta")
        if kind == "message_start" and isinstance(event.get("message"), dict) and not self._message:
            self._message = dict(event["message"])
        elif kind == "content_block_start" and isinstance(event.get("content_block"), dict) and isinstance(index, int):
            self._blocks[index] = _Block(event["content_block"])
            self.has_text = self.has_text or event["content_block"].get("type") not in ("text", "thinking")
        elif kind == "content_block_delta" and isinstance(delta, dict) and isinstance(index, int):
            self._blocks.setdefault(index, _Block({"type": "text", "text": ""})).add(delta)
            self.has_text = True
        elif kind == "content_block_stop" and index in self._blocks:
            self._blocks[index].is_open = False
        elif kind == "message_delta":
            self._add_end(event)
        elif kind == "message_stop":
            self._stopped = True

    def _add_end(self, event: dict[str, Any]) -> None:
        """Add the members of the message that are known only at its end."""
        if isinstance(event.get("delta"), dict):
            self._message |= event["delta"]
        if isinstance(usage := event.get("usage"), dict):
            before = self._message.get("usage")
            newer = {name: value for name, value in usage.items() if value is not None}
            self._message["usage"] = {**(before if isinstance(before, dict) else {}), **newer}
        for name, value in event.items():
            if name not in ("type", "delta", "usage") and value is not None:
                self._message[name] = value

    @property
    def has_begun(self) -> bool:
        return bool(self._message) and (self.has_text or self.is_finished)

    @property
    def is_finished(self) -> bool:
        return self._stopped or bool(self._message.get("stop_reason"))

    def whole(self, ended: bool = False) -> dict[str, Any]:
        """The message so far. One that was cut off has the stop_reason max_tokens, and no call that is incomplete."""
        is_cut = not (ended or self.is_finished)
        blocks = [
            block for _, block in sorted(self._blocks.items()) if not (is_cut and block.is_open and block.is_call)
        ]
        message = {**self._message, "content": [block.whole() for block in blocks]}
        if is_cut:
            message |= {"stop_reason": "max_tokens", "stop_sequence": None}
        return message


class _Block:
    """A content block that may still be growing."""

    def __init__(self, block: dict[str, Any]) -> None:
        self._block = block
        self._pieces: dict[str, list[str]] = {}
        self._citations: list[Any] = []
        self.is_open = True

    @property
    def is_call(self) -> bool:
        """Whether it is the call of a tool, whose arguments come in pieces of JSON."""
        return str(self._block.get("type")).endswith("tool_use")

    def add(self, delta: dict[str, Any]) -> None:
        """Add a delta. Members that are not known replace those of the block."""
        kind = str(delta.get("type"))
        if kind == "input_json_delta":
            self._pieces.setdefault("input", []).append(str(delta.get("partial_json") or ""))
        elif kind == "citations_delta":
            self._citations.append(delta.get("citation"))
        elif kind in _TEXTS:
            self._pieces.setdefault(_TEXTS[kind], []).append(str(delta.get(_TEXTS[kind]) or ""))
        else:
            self._block = {**self._block, **{name: value for name, value in delta.items() if name != "type"}}

    def whole(self) -> dict[str, Any]:
        """The block."""
        block = dict(self._block)
        for name, pieces in self._pieces.items():
            text = "".join(pieces)
            if name != "input":
                before = block.get(name)
                block[name] = (before if isinstance(before, str) else "") + text
            elif text:
                value = bounded_json.parse(text.encode("utf-8", "surrogatepass"))
                block[name] = text if value is None else value
        if self._citations:
            block["citations"] = [*(block.get("citations") or ()), *self._citations]
        return block
