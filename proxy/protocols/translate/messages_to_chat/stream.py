"""A chat stream as a stream of the Messages API. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from proxy.protocols.translate.messages_to_chat.writer import MessageWriter
from proxy.wire import bounded_json, sse

_NO_NAMES: Mapping[str, str] = MappingProxyType({})


class MessagesStream:
    """Translates one stream.

    `model` is the name that the caller asked for, `input_tokens` an estimate of the prompt for the start of the
    message, `names` what `Translated.names` says. `request_id` makes the message's id if the message begins before the
    upstream's first chunk. `cumulative`: the provider repeats a call's arguments with each piece of them.
    """

    __slots__ = ("_writer",)

    def __init__(
        self,
        model: str,
        input_tokens: int = 0,
        names: Mapping[str, str] = _NO_NAMES,
        request_id: str = "",
        cumulative: bool = False,
    ) -> None:
        self._writer = MessageWriter(model, input_tokens, names, request_id, cumulative)

    @property
    def is_cut(self) -> bool:
        """Whether a stream that ends now has been cut: the upstream has not said why the answer ends."""
        return not (self._writer.ended or self._writer.has_error or self._writer.finish_reason)

    @property
    def has_error(self) -> bool:
        """Whether the upstream has sent an error, which was translated."""
        return self._writer.has_error

    @property
    def has_begun(self) -> bool:
        """Whether the message has begun."""
        return self._writer.has_begun

    @property
    def ended(self) -> bool:
        """Whether the message has ended properly. Nothing follows, so the stream may be closed."""
        return self._writer.ended

    def start(self) -> bytes:
        """The start of the message, if it has not been sent: needed before a ping."""
        if not self._writer.has_error:
            self._writer.start()
        return self._taken()

    def feed(self, piece: bytes) -> bytes:
        """The events for a piece of the chat stream: whole events. Empty if the piece has nothing for the caller."""
        for name, data in sse.events(piece + b"\n\n"):
            if data.strip() == b"[DONE]":
                # The end of the protocol is an end even for providers that send no finish reason.
                if self._writer.finish_reason or self._writer.has_begun:
                    self._writer.finish()
                continue
            value = bounded_json.parse(data)
            if isinstance(value, dict):
                self._writer.add(value, name)
        return self._taken()

    def end(self) -> bytes:
        """The end of the message, when the upstream's stream has ended. Empty if it has been cut, see `is_cut`."""
        if self._writer.finish_reason:
            self._writer.finish()
        return self._taken()

    def _taken(self) -> bytes:
        return b"".join(map(_encoded, self._writer.take()))


def _encoded(event: dict[str, Any]) -> bytes:
    """An event with its name, which SDKs require."""
    try:
        return sse.event(event, event["type"])
    except UnicodeEncodeError:  # half of a surrogate pair: the other half is in the next event
        return f"event: {event['type']}\ndata: {json.dumps(event, separators=(',', ':'))}\n\n".encode()
