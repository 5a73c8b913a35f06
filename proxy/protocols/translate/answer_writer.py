"""Chunks of a chat stream become the parts of an answer in another protocol, which a subclass writes. Pure.

An answer has one open part at a time. What belongs to a later part waits until the open one is certain to be complete.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from proxy.protocols import usage
from proxy.protocols.members import error_in
from proxy.protocols.translate.chat_deltas import REFUSAL, TEXT, THINKING, CallDelta, calls_of, only_choice, texts_of
from proxy.protocols.translate.names import digest
from proxy.protocols.translate.own_reasoning import encrypted_details
from proxy.protocols.translate.think_tags import ThinkSplitter
from proxy.protocols.translate.tool_calls import Call, Calls

Event = dict[str, Any]

# Why an answer ends early, by the finish reasons of several providers.
LENGTH, FILTER, WINDOW = "length", "content_filter", "model_context_window_exceeded"
_EARLY = {"length": LENGTH, "model_length": LENGTH, "content_filter": FILTER, "sensitive": FILTER, WINDOW: WINDOW}
# Reasons with which a provider says that it failed.
_FAILURES = ("error", "network_error", "insufficient_system_resource")
ID_LENGTH = 24


class Text:
    """A text that waits for its part, or reasoning with what OpenAI encrypted of it."""

    __slots__ = ("encrypted", "kind", "pieces")

    def __init__(self, kind: str, text: str) -> None:
        self.kind, self.pieces, self.encrypted = kind, [text], ""


class AnswerWriter(ABC):
    """Writes the events of one answer. `ended` and `error` say how it has ended, if it has.

    `error` is the upstream's. `encrypted` is the reasoning that is being written, as OpenAI encrypted it. `request_id`
    is the seed of ids if the answer begins before the upstream's first chunk. `cumulative`: the provider repeats the
    arguments of a call with each piece of them.
    """

    # Whether a part may follow a call that was cut. In a message that is streamed, none may.
    continues_after_cut = False
    # Kinds of text that this protocol does not tell apart from others.
    same_kinds: ClassVar[dict[str, str]] = {}

    def __init__(self, request_id: str, cumulative: bool = False) -> None:
        self.ended = self.has_begun = False
        self.error: Any = None
        self.finish_reason = ""
        self.usage: dict[str, Any] = {}
        self.has_call = self.is_refused = False
        self.created = 0
        self.encrypted = ""
        self.seed = request_id
        self.events: list[Event] = []
        self._splitter = ThinkSplitter()
        self._calls = Calls(cumulative)
        self._queue: list[Text | Call] = []  # not empty only while a call is open
        self._open: str | Call | None = None

    @abstractmethod
    def write_start(self) -> None:
        """Write the events that begin the answer. `seed` is final now."""

    @abstractmethod
    def open_text(self, kind: str) -> None:
        """Begin a part with text of this kind."""

    @abstractmethod
    def write_text(self, kind: str, text: str) -> None:
        """Write a piece of the open text."""

    @abstractmethod
    def open_call(self, call: Call) -> None:
        """Begin a call, of which the id and the name are known."""

    @abstractmethod
    def write_arguments(self, call: Call, text: str) -> None:
        """Write a piece of the open call's arguments."""

    @abstractmethod
    def close(self, part: str | Call) -> None:
        """Finish the open part: a kind of text, or a call."""

    @abstractmethod
    def write_end(self) -> None:
        """Write the events that end the answer properly."""

    @property
    def early_end(self) -> str:
        """Why the answer ends early: one of the constants above, or empty."""
        return _EARLY.get(self.finish_reason, "")

    def take(self) -> list[Event]:
        """The events since the last time."""
        events, self.events = self.events, []
        return events

    def add(self, chunk: dict[str, Any], name: str = "") -> None:
        """Add an event of the chat stream; `name` is its type. Nothing is added after the end."""
        if self.ended or self.error is not None:
            return
        if error := error_in(chunk, name):
            self.error = error
            return
        if not self.has_begun and isinstance(identifier := chunk.get("id"), str):
            self.seed = identifier or self.seed
            self.created = created if isinstance(created := chunk.get("created"), int) else 0
        choice = only_choice(chunk)
        for counts in (choice.get("usage"), chunk.get("usage")):
            if isinstance(counts, dict):
                self.usage = usage.merged(self.usage, counts)
        delta = choice.get("delta")
        if not delta and not self.has_begun:
            delta = choice.get("message")
        if isinstance(delta, dict):
            self._add_delta(delta)
        elif isinstance(text := choice.get("text"), str):
            self._split(text)
        if isinstance(reason := choice.get("finish_reason"), str) and reason:
            self.finish_reason = reason
            if reason in _FAILURES:
                self.error = f"The upstream ended the answer with the reason {reason}."
        elif self.finish_reason and chunk.get("choices") == [] and isinstance(chunk.get("usage"), dict):
            self.finish()

    def finish(self) -> None:
        """End the answer properly, with what has waited."""
        if self.ended or self.error is not None:
            return
        self.ended = True
        self._start()
        for kind, text in self._splitter.rest():
            self._say(kind, text)
        for position, call in enumerate(self._calls):
            if call.name and not call.state:
                call.identifier = call.identifier or f"call_{digest(f'{self.seed} {position}')[:ID_LENGTH]}"
                self._queue.append(call)
        self._close_all()
        self.write_end()

    def _start(self) -> None:
        if self.has_begun:
            return
        self.has_begun = True
        self.seed = digest(self.seed)[:ID_LENGTH]
        self.write_start()

    def _add_delta(self, delta: dict[str, Any]) -> None:
        for kind, text in texts_of(delta):
            if kind == TEXT:
                self._split(text)
                continue
            self._splitter.give_up()
            self.is_refused = self.is_refused or kind == REFUSAL
            self._say(kind, text)
        for encrypted in encrypted_details(delta.get("reasoning_details")):
            self._start()
            self._close_encrypted(encrypted)
        for piece in calls_of(delta):
            self._add_call(piece)

    def _close_encrypted(self, encrypted: str) -> None:
        """Close the open reasoning with this, or one without a text."""
        if self._must_wait():
            last = self._queue[-1] if self._queue else None
            if not isinstance(last, Text) or last.kind != THINKING or last.encrypted:
                last = Text(THINKING, "")
                self._queue.append(last)
            last.encrypted = encrypted
            return
        if self._open != THINKING:
            self._close()
            self._open_text(THINKING)
        self.encrypted = encrypted
        self._close()

    def _split(self, text: str) -> None:
        for kind, piece in self._splitter.feed(text):
            self._say(kind, piece)

    def _say(self, kind: str, text: str) -> None:
        if not text:
            return
        kind = self.same_kinds.get(kind, kind)
        self._start()
        if self._must_wait():
            last = self._queue[-1] if self._queue else None
            if isinstance(last, Text) and last.kind == kind and not last.encrypted:
                last.pieces.append(text)
            else:
                self._queue.append(Text(kind, text))
            return
        if self._open != kind:
            self._close()
            self._open_text(kind)
        self.write_text(kind, text)

    def _add_call(self, piece: CallDelta) -> None:
        for kind, text in self._splitter.rest():  # what was held back came before the call
            self._say(kind, text)
        self._splitter.give_up()
        call = self._calls.add(piece)
        if call.state == "open":
            self._write_arguments(call)
        elif not call.state and call.identifier and call.name:
            self._start()
            if self._must_wait():
                call.state = "queued"
                self._queue.append(call)
            else:
                self._close()
                self._open_call(call)

    def _must_wait(self) -> bool:
        """Whether a new part must wait for the arguments of the open call: providers may mix parallel calls."""
        if not isinstance(self._open, Call):
            return False
        # An empty object may be only the start: some providers begin every call with one.
        return bool(self._queue) or self._open.arguments.strip() in ("", "{}") or not self._open.is_whole

    def _open_text(self, kind: str) -> None:
        self._open = kind
        self.open_text(kind)

    def _open_call(self, call: Call) -> None:
        call.state, self.has_call = "open", True
        self._open = call
        self.open_call(call)
        self._write_arguments(call)

    def _write_arguments(self, call: Call) -> None:
        if text := call.taken():
            self.write_arguments(call, text)

    def _close(self) -> None:
        """Close the open part, if there is one."""
        part = self._open
        if part is None:
            return
        if isinstance(part, Call):
            part.state = "closed"
        self.close(part)
        self._open, self.encrypted = None, ""

    def _close_all(self) -> None:
        """Close the open part and write what waits. A call that was cut stays open: its arguments are incomplete."""
        queue, self._queue = self._queue, []
        for item in [None, *queue]:
            if isinstance(item, Text):
                self._open_text(item.kind)
                if text := "".join(item.pieces):
                    self.write_text(item.kind, text)
                self.encrypted = item.encrypted
            elif item is not None:
                self._open_call(item)
            part = self._open
            if not (self.early_end and isinstance(part, Call) and not (part.arguments and part.is_whole)):
                self._close()
            elif self.continues_after_cut:
                self._open = None
            else:
                return
