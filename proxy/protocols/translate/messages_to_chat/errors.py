"""Errors of a chat upstream in the form of the Messages API. Pure."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from proxy.protocols.members import json_of
from proxy.protocols.messages_state import error_type

_OVERFLOW_CODES = ("context_length_exceeded", "model_context_window_exceeded")
_OVERFLOW = re.compile(
    r"context[ _]length|context[ _]window|prompt is too long|prompt too long|input is too long|maximum prompt length"
    r"|input token count exceeds|range of input length|exceeded model token limit|too many input tokens",
    re.IGNORECASE,
)
_OVERFLOW_STATUSES = (400, 413, 422)
_WINDOW = re.compile(r"(?:context (?:length|window)|token limit|limit)\D{0,20}(\d{3,9})", re.IGNORECASE)
_NUMBER = re.compile(r"\d{3,9}")
# Errors within a stream have no status. Words in their type or code tell it.
_STATUSES = (("rate_limit", 429), ("quota", 429), ("overloaded", 529), ("timeout", 504), ("invalid_request", 400))
_MAX_MESSAGE = 4_000  # characters


class TranslatedError(NamedTuple):
    """The status of an error, and its body."""

    status: int
    body: dict[str, Any]


def translated_error(status: int, error: Any, request_id: str = "") -> TranslatedError:
    """An error that a chat upstream answered with. `error` is its body or the body's member `error`."""
    if isinstance(error, dict) and error.get("error"):
        error = error["error"]
    code = error.get("code") if isinstance(error, dict) else None
    message = _message(error)
    if status in _OVERFLOW_STATUSES and (code in _OVERFLOW_CODES or _OVERFLOW.search(message)):
        # Claude Code shortens its history when it reads these words.
        status, message = 400, f"prompt is too long: {_sizes(message)}{message}"
    fields = {"type": error_type(status), "message": message}
    if isinstance(code, str):
        fields["code"] = code
    return TranslatedError(status, {"type": "error", "error": fields, "request_id": request_id})


def stream_error(error: Any, request_id: str = "") -> dict[str, Any]:
    """The error event for one that came within a chat stream."""
    members = error if isinstance(error, dict) else {}
    status = next((value for name in ("code", "status") if _is_status(value := members.get(name))), 0)
    words = f"{members.get('type')} {members.get('code')}"
    if not status and (members.get("code") in _OVERFLOW_CODES or _OVERFLOW.search(_message(error))):
        status = 400
    status = status or next((number for word, number in _STATUSES if word in words), 500)
    return translated_error(status, error, request_id).body


def _is_status(value: Any) -> bool:
    return isinstance(value, int) and 400 <= value < 600


def _message(error: Any) -> str:
    if isinstance(error, dict):
        for name in ("message", "detail"):
            if isinstance(text := error.get(name), str) and text:
                return text[:_MAX_MESSAGE]
    text = error if isinstance(error, str) else json_of(error)
    return text[:_MAX_MESSAGE] or "The upstream failed and did not say why."


def _sizes(message: str) -> str:
    """The size of the prompt and of the window in the words of Anthropic's API, if the message has both."""
    window = _WINDOW.search(message)
    prompt = max(map(int, _NUMBER.findall(message)), default=0)
    if window is None or prompt <= int(window[1]):
        return ""
    return f"{prompt} tokens > {window[1]} maximum. "
