"""The direction from the Responses API to chat completions. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.translate.answer_stream import AnswerStream, written
from proxy.protocols.translate.chat_providers import ChatProvider
from proxy.protocols.translate.direction import Asked, Direction, Stream
from proxy.protocols.translate.errors import TranslatedError
from proxy.protocols.translate.openai_errors import translated_error
from proxy.protocols.translate.responses_to_chat.request import to_chat
from proxy.protocols.translate.responses_to_chat.writer import ResponseWriter
from proxy.protocols.translate.translated import Translated


class ResponsesToChat(Direction):
    """Codex on providers that only have chat completions."""

    path = "chat/completions"
    protocol = "chat"

    def request(self, request: dict[str, Any], provider: ChatProvider, reasons: bool) -> Translated:
        return to_chat(request, provider, reasons)

    def stream(self, asked: Asked) -> Stream:
        return AnswerStream(ResponseWriter(asked))

    def answer(self, answer: dict[str, Any], asked: Asked) -> dict[str, Any] | None:
        writer = ResponseWriter(asked)
        if not written(writer, answer):
            return None
        response: dict[str, Any] = writer.take()[-1]["response"]
        return response

    def error(self, status: int, error: Any, request_id: str) -> TranslatedError:
        return translated_error(status, error)


DIRECTION = ResponsesToChat()
