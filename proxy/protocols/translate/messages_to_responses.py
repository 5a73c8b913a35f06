"""The direction from the Messages API to the Responses API: by way of chat completions. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.translate.chat_providers import ChatProvider
from proxy.protocols.translate.chat_to_responses.answer import to_completion
from proxy.protocols.translate.chat_to_responses.items import CALL_IDS
from proxy.protocols.translate.chat_to_responses.request import to_responses
from proxy.protocols.translate.chat_to_responses.stream import ChatStream
from proxy.protocols.translate.direction import Asked, Direction, Stream
from proxy.protocols.translate.errors import TranslatedError
from proxy.protocols.translate.messages_to_chat.direction import DIRECTION as TO_CHAT
from proxy.protocols.translate.translated import Translated


class _Stream:
    """Two translations, one after the other."""

    def __init__(self, asked: Asked) -> None:
        self._chat = ChatStream(asked.model, True, asked.request_id)
        self._messages = TO_CHAT.stream(asked)

    @property
    def error(self) -> Any:
        return self._chat.error

    @property
    def is_cut(self) -> bool:
        return self._chat.is_cut

    @property
    def ended(self) -> bool:
        return self._messages.ended

    def feed(self, piece: bytes) -> bytes:
        return self._passed_on(self._chat.feed(piece))

    def end(self) -> bytes:
        last = self._passed_on(self._chat.end())
        return last if self._chat.is_cut else last + self._messages.end()

    def _passed_on(self, chunks: bytes) -> bytes:
        return self._messages.feed(chunks) if chunks else b""


class MessagesToResponses(Direction):
    """Claude Code on models that take tools through the Responses API only."""

    path = "responses"
    protocol = "responses"

    def request(self, request: dict[str, Any], provider: ChatProvider, reasons: bool) -> Translated:
        # The Responses API takes more than a provider of chat completions may.
        takes_all = provider._replace(takes_files=True, call_ids=CALL_IDS, keeps_reasoning=True)
        chat = TO_CHAT.request(request, takes_all, reasons)
        responses = to_responses(chat.request)
        dropped = [*chat.dropped, *(name for name in responses.dropped if name not in chat.dropped)]
        return Translated(responses.request, dropped, chat.names)

    def stream(self, asked: Asked) -> Stream:
        return _Stream(asked)

    def answer(self, answer: dict[str, Any], asked: Asked) -> dict[str, Any] | None:
        completion = to_completion(answer, asked.model, asked.request_id)
        if completion is None or "error" in completion:
            return completion
        return TO_CHAT.answer(completion, asked)

    def error(self, status: int, error: Any, request_id: str) -> TranslatedError:
        return TO_CHAT.error(status, error, request_id)


DIRECTION = MessagesToResponses()
