"""A stream of the Responses API as a chat stream. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.translate.chat_to_responses.writer import ChatWriter
from proxy.protocols.translate.encoded import encoded
from proxy.protocols.translate.event_data import read_event
from proxy.wire import sse

_DONE = b"data: [DONE]\n\n"


class ChatStream:
    """Translates one stream.

    `model` is the name that chunks have if the response does not say one. `include_usage`: the caller wants the usage.
    `request_id` makes the completion's id if the response has none.
    """

    __slots__ = ("_writer",)

    def __init__(self, model: str, include_usage: bool, request_id: str = "") -> None:
        self._writer = ChatWriter(model, request_id, include_usage)

    @property
    def is_cut(self) -> bool:
        """Whether a stream that ends now has been cut: the upstream has not ended the response."""
        return not self._writer.ended and self._writer.error is None

    @property
    def error(self) -> Any:
        """The upstream's error, None if there is none. Nothing follows it."""
        return self._writer.error

    @property
    def ended(self) -> bool:
        """Whether the completion has ended properly. Nothing follows, so the stream may be closed."""
        return self._writer.ended

    def feed(self, piece: bytes) -> bytes:
        """The chunks for a piece of the response: whole events. Empty if the piece has nothing for the caller."""
        had_ended = self._writer.ended
        for name, data in sse.events(piece + b"\n\n"):
            if (value := read_event(data)) is not None:
                self._writer.add(value, name)
        chunks = b"".join(map(encoded, self._writer.take()))
        return chunks + _DONE if self._writer.ended and not had_ended else chunks

    def end(self) -> bytes:
        """What follows when the upstream's stream has ended: nothing, see `is_cut`."""
        return b""
