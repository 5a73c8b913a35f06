"""What a translated chat stream says, for these tests."""

from __future__ import annotations

from typing import Any

from proxy.protocols.translate.messages_to_chat.stream import MessagesStream
from tests.support.translate import DONE, read, stream

USAGE = {"prompt_tokens": 10, "completion_tokens": 3}


def translated(data: bytes, **options: Any) -> dict[str, Any]:
    """The message of a whole chat stream."""
    made = MessagesStream("claude-x", **options)
    return read(made.feed(data) + made.end())


def said(*chunks: Any, **options: Any) -> dict[str, Any]:
    return translated(stream(*chunks) + DONE, **options)
