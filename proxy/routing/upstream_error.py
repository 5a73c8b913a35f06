"""An upstream's error as the caller gets it: unchanged if it is JSON, in its protocol's form otherwise, no secrets."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

from proxy.access import headers, redaction
from proxy.call import Call
from proxy.errors import UpstreamRefused
from proxy.messages import media_type, read_up_to
from proxy.protocols.members import error_in
from proxy.settings import regions
from proxy.upstream import Answer
from proxy.wire import content_encoding

_MAX_BYTES = 1_000_000
# A longer error, decompressed, is not searched for secrets. It is replaced if it may contain one.
MAX_SEARCHED_BYTES = 65_536
_MAX_TEXT_LENGTH = 2_000  # characters of an error in plain text
# Headers that describe a body, and so do not fit one that replaces it.
_BODY_HEADERS = ("content-type", "content-encoding", "content-disposition", "content-range", "accept-ranges", "etag")


async def refusal(call: Call, answer: Answer, secrets: tuple[str, ...]) -> UpstreamRefused:
    """Return the upstream's error with `secrets` redacted.

    Plain text becomes the message of an error. A page, such as a gateway's, is replaced.
    """
    # Part of an error is not valid JSON, and megabytes of one help nobody.
    body = await read_up_to(answer.body, _MAX_BYTES) or b""
    reply_headers = headers.downward(answer.headers, call.own_key, call.api)
    status = answer.status
    plain = content_encoding.decoded(body, content_encoding.encoding(answer.headers), _MAX_BYTES)
    value = redaction.parse_json(plain)
    error = _error_object(value)
    if error.get("code") == regions.REFUSED:
        call.outcome.details["hint"] = (
            f"The upstream does not serve the region that this call came from. {regions.advice(call.host.platform)}"
        )
    retry_after = _seconds(answer.headers.get("retry-after"))
    text = "" if value is not None else _text(plain)
    is_json = media_type(answer.headers).endswith(("/json", "+json"))
    if secrets:
        reply_headers = [(name, redaction.redact(text, secrets)) for name, text in reply_headers]
        text = redaction.redact(text, secrets)
        if value is None or len(plain) > MAX_SEARCHED_BYTES:
            body, plain, error = b"", b"", {}
        elif (redacted := redaction.redact_body(plain, value, secrets)) is not None:
            reply_headers = [pair for pair in reply_headers if pair[0] not in ("content-encoding", "etag")]
            body = plain = redacted
            error = redaction.redact_json(error, secrets)
    if call.request.method == "HEAD" or (is_json and body) or plain.lstrip()[:1] in (b"{", b"["):
        return UpstreamRefused(status, reply_headers, body, error, retry_after)
    reply_headers = [pair for pair in reply_headers if pair[0] not in _BODY_HEADERS]
    reply_headers.append(("content-type", "application/json; charset=utf-8"))
    return UpstreamRefused(status, reply_headers, None, _replacement(status, text), retry_after)


def from_event(error: Any, secrets: tuple[str, ...] = ()) -> UpstreamRefused:
    """Return an error that came as an event or with status 200. It gets the status that it names, or 502."""
    members = error if isinstance(error, dict) else {"message": str(error)}
    if secrets:
        members = redaction.redact_json(members, secrets)
    candidates = [members.get(name) for name in ("status", "status_code", "code")]
    status = next((value for value in candidates if isinstance(value, int) and 400 <= value < 600), 502)
    headers = [("content-type", "application/json; charset=utf-8")]
    # A text instead of an object, which has no form in other APIs, stays one.
    body = None if isinstance(error, dict) else json.dumps({"error": members["message"]}).encode()
    return UpstreamRefused(status, headers, body, members, None)


def from_answer(call: Call, body: bytes, secrets: tuple[str, ...]) -> UpstreamRefused | None:
    """Return the error if a whole JSON answer is one, None if it is not or cannot be read."""
    value = redaction.parse_json(body)
    if isinstance(value, list) and value:  # Gemini's compatible endpoint wraps the error in a list
        value = value[0]
    error = error_in(value) if isinstance(value, dict) else None
    return None if error is None else from_event(error, secrets)


def _text(body: bytes) -> str:
    """Return an error in plain text, "" for a page or binary data."""
    try:
        text = body.decode("utf-8").strip()
    except UnicodeDecodeError:
        return ""
    return "" if text.startswith("<") or "<html" in text[:1_000].lower() else text[:_MAX_TEXT_LENGTH]


def _replacement(status: int, text: str) -> dict[str, Any]:
    may_recover = status in (408, 429) or status >= 500
    page = f"The upstream answered with status {status} but no JSON, probably with a gateway's error page. " + (
        "Try again in a moment." if may_recover else "Check the base URL and the path."
    )
    code = f"upstream_status_{status}"
    return {"message": text or page, "type": "upstream_error", "param": None, "code": code}


def _error_object(value: Any) -> dict[str, Any]:
    """Return the `error` member of OpenAI-compatible errors: an object, a text, or else the whole body."""
    if isinstance(value, list) and value:  # Gemini's compatible endpoint wraps the error in a list
        value = value[0]
    if not isinstance(value, dict):
        return {}
    error = value.get("error", value)
    return error if isinstance(error, dict) else {"message": error, "code": value.get("code")}


def _seconds(value: str | None) -> float | None:
    try:
        seconds = float(value) if value else None
        return seconds if seconds is None or isfinite(seconds) else None
    except ValueError:  # an HTTP date: rare, and the value is only a hint
        return None
