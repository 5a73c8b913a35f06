"""Errors of a chat upstream in the form of the Messages API. Pure."""

from __future__ import annotations

import re
from typing import Any

from proxy.protocols.messages_state import error_type
from proxy.protocols.translate.errors import TranslatedError, failure

_WINDOW = re.compile(r"(?:context (?:length|window)|token limit|limit)\D{0,20}(\d{3,9})", re.IGNORECASE)
_NUMBER = re.compile(r"\d{3,9}")


def translated_error(status: int, error: Any, request_id: str = "") -> TranslatedError:
    """An error that a chat upstream answered with. `error` is its body or the body's member `error`."""
    status, message, members, is_overflow = failure(status, error)
    if is_overflow:
        # Claude Code shortens its history when it reads these words.
        message = f"prompt is too long: {_sizes(message)}{message}"
    fields = {"type": error_type(status), "message": message}
    if isinstance(code := members.get("code"), str):
        fields["code"] = code
    return TranslatedError(status, {"type": "error", "error": fields, "request_id": request_id})


def _sizes(message: str) -> str:
    """The size of the prompt and of the window in the words of Anthropic's API, if the message has both."""
    window = _WINDOW.search(message)
    prompt = max(map(int, _NUMBER.findall(message)), default=0)
    if window is None or prompt <= int(window[1]):
        return ""
    return f"{prompt} tokens > {window[1]} maximum. "
