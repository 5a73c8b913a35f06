"""A chat stream as a stream of the Messages API. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from proxy.protocols.translate.answer_stream import AnswerStream
from proxy.protocols.translate.messages_to_chat.writer import MessageWriter

_NO_NAMES: Mapping[str, str] = MappingProxyType({})


class MessagesStream(AnswerStream):
    """Translates one stream.

    `model` is the name that the caller asked for, `input_tokens` an estimate of the prompt for the start of the
    message, `names` what `Translated.names` says. `request_id` makes the message's id if the message begins before the
    upstream's first chunk. `cumulative`: the provider repeats a call's arguments with each piece of them.
    """

    def __init__(
        self,
        model: str,
        input_tokens: int = 0,
        names: Mapping[str, str] = _NO_NAMES,
        request_id: str = "",
        cumulative: bool = False,
    ) -> None:
        super().__init__(MessageWriter(model, input_tokens, names, request_id, cumulative))
