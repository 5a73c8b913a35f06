"""The direction from the Messages API to chat completions. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.translate.chat_providers import ChatProvider
from proxy.protocols.translate.direction import Asked, Direction, Stream
from proxy.protocols.translate.errors import TranslatedError
from proxy.protocols.translate.messages_to_chat.answer import to_message
from proxy.protocols.translate.messages_to_chat.errors import translated_error
from proxy.protocols.translate.messages_to_chat.request import to_chat
from proxy.protocols.translate.messages_to_chat.stream import MessagesStream
from proxy.protocols.translate.translated import Translated


class MessagesToChat(Direction):
    """Claude Code on any provider of chat completions."""

    path = "chat/completions"
    protocol = "chat"

    def request(self, request: dict[str, Any], provider: ChatProvider, reasons: bool) -> Translated:
        return to_chat(request, provider, reasons)

    def stream(self, asked: Asked) -> Stream:
        return MessagesStream(asked.model, asked.input_tokens, asked.names, asked.request_id, asked.cumulative)

    def answer(self, answer: dict[str, Any], asked: Asked) -> dict[str, Any] | None:
        return to_message(answer, asked.model, asked.names, asked.request_id)

    def error(self, status: int, error: Any, request_id: str) -> TranslatedError:
        return translated_error(status, error, request_id)


DIRECTION = MessagesToChat()
