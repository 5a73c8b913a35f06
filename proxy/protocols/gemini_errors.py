"""Errors in Google's format (google.rpc.Status as JSON; cloud.google.com/apis/design/errors, read 2026-11-26). Pure."""

from __future__ import annotations

import json
from typing import Any

from proxy.errors import ProxyError, UpstreamRefused

_NAMES = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}
_INFO, _RETRY = (f"type.googleapis.com/google.rpc.{name}" for name in ("ErrorInfo", "RetryInfo"))


def body(error: ProxyError) -> bytes:
    """The body of an answer that is an error. The upstream's own passes unchanged."""
    return error.body() if isinstance(error, UpstreamRefused) and error.has_body else _encoded(error)


def line(error: ProxyError) -> bytes:
    """The error as the last line of a stream."""
    return _encoded(error) + b"\n"


def _encoded(error: ProxyError) -> bytes:
    # The Python SDK recognises an error by its first member. Lone surrogates are JSON, but not UTF-8.
    return json.dumps({"error": _status(error)}, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _status(error: ProxyError) -> dict[str, Any]:
    if isinstance(error, UpstreamRefused) and _is_google_error(error.error):
        names = ("code", "message", "status")
        status = {name: error.error[name] for name in names}
        details = error.error.get("details")
        details = list(details) if isinstance(details, list) else []
    else:
        # The SDKs raise their error only for such a code.
        code = error.status if 400 <= error.status < 600 else 500
        name = _NAMES.get(code, "INVALID_ARGUMENT" if code < 500 else "INTERNAL")
        status = {"code": code, "message": error.explained, "status": name}
        own = error.fields()["code"]
        reason = own if isinstance(own, str) else error.code
        details = [{"@type": _INFO, "reason": reason.upper(), "domain": "sluice"}]
    retry_after = error.retry_after
    if retry_after is not None and not any(isinstance(one, dict) and one.get("@type") == _RETRY for one in details):
        details.append({"@type": _RETRY, "retryDelay": f"{round(retry_after, 3):.15g}s"})
    return {**status, "details": details} if details else status


def _is_google_error(error: dict[str, Any]) -> bool:
    code = error.get("code")
    is_status = isinstance(code, int) and 400 <= code < 600
    return is_status and all(isinstance(error.get(name), str) for name in ("message", "status"))
