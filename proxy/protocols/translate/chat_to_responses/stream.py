"""A stream of the Responses API as a chat stream. Pure."""

from __future__ import annotations

from proxy.protocols.translate.chat_to_responses.writer import ChatWriter
from proxy.protocols.translate.encoded import encoded
from proxy.protocols.translate.event_stream import EventStream

_DONE = b"data: [DONE]\n\n"


class ChatStream(EventStream[ChatWriter]):
    """Translates a stream of the Responses API.

    `model` is the name that chunks have if the response does not say one. `include_usage`: the caller wants the usage.
    `request_id` makes the completion's id if the response has none.
    """

    def __init__(self, model: str, include_usage: bool, request_id: str = "") -> None:
        super().__init__(ChatWriter(model, request_id, include_usage))
        self._has_done = False

    @property
    def is_cut(self) -> bool:
        return not self.ended and self.error is None

    def _taken(self) -> bytes:
        chunks = b"".join(map(encoded, self._writer.take()))
        if not self.ended or self._has_done:
            return chunks
        self._has_done = True
        return chunks + _DONE
