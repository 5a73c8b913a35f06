"""What a chat upstream's error says, whatever its form. Pure."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from proxy.protocols.members import json_of

OVERFLOW_CODE = "context_length_exceeded"
_OVERFLOW_CODES = (OVERFLOW_CODE, "model_context_window_exceeded")
_OVERFLOW = re.compile(
    r"context[ _]length|context[ _]window|prompt is too long|prompt too long|input is too long|maximum prompt length"
    r"|input token count exceeds|range of input length|exceeded model token limit|too many input tokens",
    re.IGNORECASE,
)
_OVERFLOW_STATUSES = (400, 413, 422)
# Errors within a stream have no status. Words in their type or code tell it.
_STATUSES = (("rate_limit", 429), ("quota", 429), ("overloaded", 529), ("timeout", 504), ("invalid_request", 400))
_MAX_MESSAGE = 4_000  # characters


class Failure(NamedTuple):
    """An error. `members` are the error object's own, `is_overflow` says that the prompt was too long."""

    status: int
    message: str
    members: dict[str, Any]
    is_overflow: bool


class TranslatedError(NamedTuple):
    """The status of an error, and its body."""

    status: int
    body: dict[str, Any]


def failure(status: int, error: Any) -> Failure:
    """An error that an upstream answered with. `error` is its body or the body's member `error`.

    A prompt that is too long always has the status 400.
    """
    if isinstance(error, dict) and error.get("error"):
        error = error["error"]
    members = error if isinstance(error, dict) else {}
    message = _message(error)
    is_overflow = status in _OVERFLOW_STATUSES and _is_overflow(members, message)
    return Failure(400 if is_overflow else status, message, members, is_overflow)


def stream_status(error: Any) -> int:
    """The status of an error that came within a stream."""
    members = error if isinstance(error, dict) else {}
    status = next((value for name in ("code", "status") if _is_status(value := members.get(name))), 0)
    words = f"{members.get('type')} {members.get('code')}"
    if not status and _is_overflow(members, _message(error)):
        return 400
    return status or next((number for word, number in _STATUSES if word in words), 500)


def _is_overflow(members: dict[str, Any], message: str) -> bool:
    return members.get("code") in _OVERFLOW_CODES or _OVERFLOW.search(message) is not None


def _is_status(value: Any) -> bool:
    return isinstance(value, int) and 400 <= value < 600


def _message(error: Any) -> str:
    if isinstance(error, dict):
        for name in ("message", "detail"):
            if isinstance(text := error.get(name), str) and text:
                return text[:_MAX_MESSAGE]
    text = error if isinstance(error, str) else json_of(error)
    return text[:_MAX_MESSAGE] or "The upstream failed and did not say why."
