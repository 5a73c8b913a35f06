"""A chat stream as a stream of another protocol, which a writer knows. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.members import as_list
from proxy.protocols.translate.answer_writer import AnswerWriter
from proxy.protocols.translate.encoded import encoded
from proxy.protocols.translate.event_data import read_event
from proxy.wire import sse


class AnswerStream:
    """Translates one stream of whole events. Every event of the other protocol has its type as a name."""

    def __init__(self, writer: AnswerWriter) -> None:
        self._writer = writer

    @property
    def is_cut(self) -> bool:
        """Whether a stream that ends now has been cut: the upstream has not said why the answer ends."""
        return not (self._writer.ended or self.error is not None or self._writer.finish_reason)

    @property
    def error(self) -> Any:
        """The error that the upstream has sent, None if it has not. No event of the answer follows."""
        return self._writer.error

    @property
    def ended(self) -> bool:
        """Whether the answer has ended properly. Nothing follows, so the stream may be closed."""
        return self._writer.ended

    def feed(self, piece: bytes) -> bytes:
        """The events for a piece of the chat stream: whole events. Empty if the piece has nothing for the caller."""
        for name, data in sse.events(piece + b"\n\n"):
            if data.strip() == b"[DONE]":
                # The end of the protocol is an end even for providers that send no finish reason.
                if self._writer.finish_reason or self._writer.has_begun:
                    self._writer.finish()
                continue
            value = read_event(data)
            if value is not None:
                self._writer.add(value, name)
        return self._taken()

    def end(self) -> bytes:
        """The end of the answer, when the upstream's stream has ended. Empty if it has been cut, see `is_cut`."""
        if self._writer.finish_reason:
            self._writer.finish()
        return self._taken()

    def _taken(self) -> bytes:
        return b"".join(encoded(event, event["type"]) for event in self._writer.take())


def written(writer: AnswerWriter, completion: dict[str, Any]) -> bool:
    """Have a whole chat completion written as if it had come as a stream. False if it has no answer."""
    choice = next((choice for choice in as_list(completion.get("choices")) if isinstance(choice, dict)), {})
    delta = choice.get("message")
    if not isinstance(delta, dict):
        return False
    calls = [
        {**call, "index": index}
        for index, call in enumerate(as_list(delta.get("tool_calls")))
        if isinstance(call, dict)
    ]
    writer.continues_after_cut = True  # no client reads these events
    whole = {**choice, "index": 0, "delta": {**delta, "tool_calls": calls}}
    kept = {name: completion.get(name) for name in ("id", "created", "usage")}
    writer.add({**kept, "choices": [whole]})
    writer.finish()
    return writer.error is None
