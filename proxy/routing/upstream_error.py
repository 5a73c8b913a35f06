"""An upstream's error as the caller gets it: unchanged if it is JSON, in OpenAI's shape otherwise, without secrets."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

from proxy.access import headers, redaction
from proxy.call import Call
from proxy.errors import UpstreamRefused
from proxy.messages import media_type, read_up_to
from proxy.settings import regions
from proxy.upstream import Answer
from proxy.wire import content_encoding

_MAX_BYTES = 1_000_000
# A longer error, decompressed, is not searched for secrets. It is replaced if it may contain one.
MAX_SEARCHED_BYTES = 65_536
# Headers that describe a body, and so do not fit one that replaces it.
_BODY_HEADERS = ("content-type", "content-encoding", "content-disposition", "content-range", "accept-ranges", "etag")


async def refusal(call: Call, answer: Answer, secrets: tuple[str, ...]) -> UpstreamRefused:
    """Return the upstream's error with `secrets` redacted. One without JSON, such as a gateway's page, is replaced."""
    # Part of an error is not valid JSON, and megabytes of one help nobody.
    body = await read_up_to(answer.body, _MAX_BYTES) or b""
    reply_headers = headers.downward(answer.headers, call.own_key)
    status = answer.status
    plain = content_encoding.decoded(body, content_encoding.encoding(answer.headers), _MAX_BYTES)
    value = redaction.parse_json(plain)
    error = _error_object(value)
    if error.get("code") == regions.REFUSED:
        call.outcome.details["hint"] = (
            f"The upstream does not serve the region that this call came from. {regions.advice(call.host.platform)}"
        )
    retry_after = _seconds(answer.headers.get("retry-after"))
    is_json = media_type(answer.headers).endswith(("/json", "+json"))
    if secrets:
        reply_headers = [(name, redaction.redact(text, secrets)) for name, text in reply_headers]
        if value is None or len(plain) > MAX_SEARCHED_BYTES:
            body, plain, error = b"", b"", {}
        elif (redacted := redaction.redact_body(plain, value, secrets)) is not None:
            reply_headers = [pair for pair in reply_headers if pair[0] not in ("content-encoding", "etag")]
            body = plain = redacted
            error = redaction.redact_json(error, secrets)
    if call.request.method == "HEAD" or (is_json and body) or plain.lstrip()[:1] in (b"{", b"["):
        return UpstreamRefused(status, reply_headers, body, error, retry_after)
    error = _replacement(status)
    reply_headers = [pair for pair in reply_headers if pair[0] not in _BODY_HEADERS]
    reply_headers.append(("content-type", "application/json; charset=utf-8"))
    return UpstreamRefused(status, reply_headers, json.dumps({"error": error}).encode(), error, retry_after)


def _replacement(status: int) -> dict[str, Any]:
    may_recover = status in (408, 429) or status >= 500
    return {
        "message": f"The upstream answered with status {status} but no JSON, probably with a gateway's error page. "
        + ("Try again in a moment." if may_recover else "Check the base URL and the path."),
        "type": "upstream_error",
        "param": None,
        "code": f"upstream_status_{status}",
    }


def _error_object(value: Any) -> dict[str, Any]:
    """Return the `error` member of OpenAI-compatible errors: an object, a text, or else the whole body."""
    if isinstance(value, list) and value:  # Gemini's compatible endpoint wraps the error in a list
        value = value[0]
    if not isinstance(value, dict):
        return {}
    error = value.get("error", value)
    return error if isinstance(error, dict) else {"message": error}


def _seconds(value: str | None) -> float | None:
    try:
        seconds = float(value) if value else None
        return seconds if seconds is None or isfinite(seconds) else None
    except ValueError:  # an HTTP date: rare, and the value is only a hint
        return None
