"""Errors of an upstream in the form of OpenAI's APIs. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.translate.errors import OVERFLOW_CODE, TranslatedError, failure

_OVERLOADED, _UNAVAILABLE = 529, 503  # only Anthropic's API has the first one
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_FIRST_SERVER_ERROR = 500


def translated_error(status: int, error: Any) -> TranslatedError:
    """An error that an upstream answered with. `error` is its body or the body's member `error`."""
    status, message, members, is_overflow = failure(status, error)
    status = _UNAVAILABLE if status == _OVERLOADED else status
    kind, code, param = members.get("type"), members.get("code"), members.get("param")
    default = "server_error" if status >= _FIRST_SERVER_ERROR else _TYPES.get(status, "invalid_request_error")
    fields = {
        "message": message,
        "type": kind if isinstance(kind, str) and kind and kind != "error" else default,
        "param": param if isinstance(param, str) else None,
        # Codex shortens its history after this one.
        "code": OVERFLOW_CODE if is_overflow else code if isinstance(code, str) else None,
    }
    return TranslatedError(status, {"error": fields})
