"""Chunks of a chat stream become the events of a message. Pure.

A message has one block at a time. What belongs to a later block waits until the open one is certain to be complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.protocols import usage
from proxy.protocols.members import error_in
from proxy.protocols.translate.chat_deltas import REFUSAL, TEXT, THINKING, CallDelta, calls_of, only_choice, texts_of
from proxy.protocols.translate.messages_to_chat.errors import stream_error
from proxy.protocols.translate.messages_to_chat.usage import messages_usage
from proxy.protocols.translate.names import SIGNATURE_PREFIX, digest
from proxy.protocols.translate.think_tags import ThinkSplitter
from proxy.protocols.translate.tool_calls import Call, Calls

Event = dict[str, Any]

_STOP_REASONS = {
    "length": "max_tokens",
    "model_length": "max_tokens",
    "content_filter": "refusal",
    "sensitive": "refusal",
    "model_context_window_exceeded": "model_context_window_exceeded",
}
# Reasons with which a provider says that it failed.
_FAILURES = ("error", "network_error", "insufficient_system_resource")
_ID_LENGTH = 24
_DELTAS = {TEXT: "text_delta", THINKING: "thinking_delta"}


class _Text:
    """A text that waits for its block."""

    __slots__ = ("kind", "pieces")

    def __init__(self, kind: str, text: str) -> None:
        self.kind, self.pieces = kind, [text]


class MessageWriter:
    """Writes the events of one message. `ended` and `has_error` say how the message has ended, if it has.

    `names` has the original names of tools, `input_tokens` is an estimate for the start of the message. `cumulative`:
    the provider repeats the arguments of a call with each piece of them.
    """

    def __init__(
        self, model: str, input_tokens: int, names: Mapping[str, str], request_id: str, cumulative: bool = False
    ) -> None:
        self.ended = self.has_error = self.has_begun = False
        self.finish_reason = ""
        self._model, self._input_tokens, self._names, self._seed = model, input_tokens, names, request_id
        self._events: list[Event] = []
        self._usage: dict[str, Any] = {}
        self._splitter = ThinkSplitter()
        self._calls = Calls(cumulative)
        self._queue: list[_Text | Call] = []  # not empty only while a call is open
        self._open: str | Call | None = None
        self._index = -1
        self._has_call = self._is_refused = False

    def take(self) -> list[Event]:
        """The events since the last time."""
        events, self._events = self._events, []
        return events

    def start(self) -> None:
        """Begin the message, once."""
        if self.has_begun:
            return
        self.has_begun = True
        self._seed = digest(self._seed)[:_ID_LENGTH]
        counts = {**messages_usage({}), "input_tokens": self._input_tokens}
        message = {"id": f"msg_{self._seed}", "type": "message", "role": "assistant", "model": self._model}
        end: dict[str, Any] = {"content": [], "stop_reason": None, "stop_sequence": None, "usage": counts}
        self._events.append({"type": "message_start", "message": {**message, **end}})

    def add(self, chunk: dict[str, Any], name: str = "") -> None:
        """Add an event of the chat stream; `name` is its type. Nothing is added after the end."""
        if self.ended or self.has_error:
            return
        if error := error_in(chunk, name):
            self.fail(error)
            return
        if not self.has_begun and isinstance(identifier := chunk.get("id"), str):
            self._seed = identifier or self._seed
        choice = only_choice(chunk)
        for counts in (choice.get("usage"), chunk.get("usage")):
            if isinstance(counts, dict):
                self._usage = usage.merged(self._usage, counts)
        delta = choice.get("delta")
        if not delta and not self.has_begun:
            delta = choice.get("message")
        if isinstance(delta, dict):
            self._add_delta(delta)
        elif isinstance(text := choice.get("text"), str):
            self._say_text(text)
        if isinstance(reason := choice.get("finish_reason"), str) and reason:
            self.finish_reason = reason
            if reason in _FAILURES:
                self.fail(f"The upstream ended the answer with the reason {reason}.")
        elif self.finish_reason and chunk.get("choices") == [] and isinstance(chunk.get("usage"), dict):
            self.finish()

    def fail(self, error: Any) -> None:
        """End with an error event."""
        self.has_error = True
        self._events.append(stream_error(error))

    def finish(self) -> None:
        """End the message properly, with what has waited."""
        if self.ended or self.has_error:
            return
        self.ended = True
        self.start()
        for kind, text in self._splitter.rest():
            self._say(kind, text)
        for position, call in enumerate(self._calls):
            if call.name and not call.state:
                call.identifier = call.identifier or f"call_{digest(f'{self._seed} {position}')[:_ID_LENGTH]}"
                self._queue.append(call)
        self._close_all(is_cut=self.finish_reason in _STOP_REASONS)
        delta = {"stop_reason": self._stop_reason(), "stop_sequence": None}
        counts = messages_usage(self._usage) if self._usage else {"output_tokens": 0}
        self._events += [{"type": "message_delta", "delta": delta, "usage": counts}, {"type": "message_stop"}]

    def _stop_reason(self) -> str:
        if self._is_refused:
            return "refusal"
        return _STOP_REASONS.get(self.finish_reason, "tool_use" if self._has_call else "end_turn")

    def _add_delta(self, delta: dict[str, Any]) -> None:
        for kind, text in texts_of(delta):
            if kind == TEXT:
                self._say_text(text)
                continue
            self._splitter.give_up()
            self._is_refused = self._is_refused or kind == REFUSAL
            self._say(THINKING if kind == THINKING else TEXT, text)
        for piece in calls_of(delta):
            self._add_call(piece)

    def _say_text(self, text: str) -> None:
        for kind, piece in self._splitter.feed(text):
            self._say(kind, piece)

    def _say(self, kind: str, text: str) -> None:
        if not text:
            return
        self.start()
        if self._must_wait():
            last = self._queue[-1] if self._queue else None
            if isinstance(last, _Text) and last.kind == kind:
                last.pieces.append(text)
            else:
                self._queue.append(_Text(kind, text))
            return
        if self._open != kind:
            self._close()
            self._open_text(kind)
        self._write_text(kind, text)

    def _add_call(self, piece: CallDelta) -> None:
        for kind, text in self._splitter.rest():  # what was held back came before the call
            self._say(kind, text)
        self._splitter.give_up()
        call = self._calls.add(piece)
        if call.state == "open":
            self._write_arguments(call)
        elif not call.state and call.identifier and call.name:
            self.start()
            if self._must_wait():
                call.state = "queued"
                self._queue.append(call)
            else:
                self._close()
                self._open_call(call)

    def _must_wait(self) -> bool:
        """Whether a new block must wait for the arguments of the open call: providers may mix parallel calls."""
        if not isinstance(self._open, Call):
            return False
        # An empty object may be only the start: some providers begin every call with one.
        return bool(self._queue) or self._open.arguments.strip() in ("", "{}") or not self._open.is_whole

    def _open_text(self, kind: str) -> None:
        block = {"type": TEXT, "text": ""} if kind == TEXT else {"type": THINKING, "thinking": "", "signature": ""}
        self._open_block(kind, block)

    def _open_call(self, call: Call) -> None:
        call.state, self._has_call = "open", True
        name = self._names.get(call.name, call.name)
        self._open_block(call, {"type": "tool_use", "id": call.identifier, "name": name, "input": {}})
        self._write_arguments(call)

    def _open_block(self, key: str | Call, block: dict[str, Any]) -> None:
        self._index += 1
        self._open = key
        self._events.append({"type": "content_block_start", "index": self._index, "content_block": block})

    def _write_text(self, kind: str, text: str) -> None:
        self._write({"type": _DELTAS[kind], kind: text})

    def _write_arguments(self, call: Call) -> None:
        if text := call.taken():
            self._write({"type": "input_json_delta", "partial_json": text})

    def _write(self, delta: dict[str, Any]) -> None:
        self._events.append({"type": "content_block_delta", "index": self._index, "delta": delta})

    def _close(self) -> None:
        """Close the open block, if there is one."""
        block = self._open
        if block is None:
            return
        if block == THINKING:
            self._write({"type": "signature_delta", "signature": SIGNATURE_PREFIX + self._seed})
        elif isinstance(block, Call):
            block.state = "closed"
            if not block.arguments:
                self._write({"type": "input_json_delta", "partial_json": "{}"})
        self._open = None
        self._events.append({"type": "content_block_stop", "index": self._index})

    def _close_all(self, is_cut: bool) -> None:
        """Close the open block and write what waits. A call that was cut stays open: its arguments are incomplete."""
        queue, self._queue = self._queue, []
        for item in [None, *queue]:
            if isinstance(item, _Text):
                self._open_text(item.kind)
                self._write_text(item.kind, "".join(item.pieces))
            elif item is not None:
                self._open_call(item)
            block = self._open
            if is_cut and isinstance(block, Call) and not (block.arguments and block.is_whole):
                return
            self._close()
