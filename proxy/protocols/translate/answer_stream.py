"""A chat stream as a stream of another protocol, which a writer knows. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.members import as_list
from proxy.protocols.translate.answer_writer import AnswerWriter
from proxy.protocols.translate.encoded import encoded
from proxy.protocols.translate.event_stream import EventStream


class AnswerStream(EventStream[AnswerWriter]):
    """Translates a chat stream. Every event of the other protocol has its type as a name."""

    @property
    def is_cut(self) -> bool:
        return not (self.ended or self.error is not None or self._writer.finish_reason)

    def end(self) -> bytes:
        if self._writer.finish_reason:
            self._writer.finish()
        return self._taken()

    def _done(self) -> None:
        # The end of the protocol is an end even for providers that send no finish reason.
        if self._writer.finish_reason or self._writer.has_begun:
            self._writer.finish()

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
