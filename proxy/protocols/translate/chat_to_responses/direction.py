"""The direction from chat completions to the Responses API. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.translate.chat_providers import ChatProvider
from proxy.protocols.translate.chat_to_responses.answer import to_completion
from proxy.protocols.translate.chat_to_responses.request import to_responses
from proxy.protocols.translate.chat_to_responses.stream import ChatStream
from proxy.protocols.translate.direction import Asked, Direction, Stream
from proxy.protocols.translate.errors import TranslatedError
from proxy.protocols.translate.openai_errors import translated_error
from proxy.protocols.translate.translated import Translated


class ChatToResponses(Direction):
    """Clients of chat completions on models that take tools through the Responses API only."""

    path = "responses"
    protocol = "responses"

    def request(self, request: dict[str, Any], provider: ChatProvider, reasons: bool) -> Translated:
        return to_responses(request)

    def stream(self, asked: Asked) -> Stream:
        return ChatStream(asked.model, asked.wants_usage, asked.request_id)

    def answer(self, answer: dict[str, Any], asked: Asked) -> dict[str, Any] | None:
        return to_completion(answer, asked.model, asked.request_id)

    def error(self, status: int, error: Any, request_id: str) -> TranslatedError:
        return translated_error(status, error)


DIRECTION = ChatToResponses()
