"""Errors of the upstream: Sluice sent the call and got no usable answer."""

from __future__ import annotations

import json
from typing import Any

from proxy.errors.base import ProxyError


class UpstreamError(ProxyError):
    """The upstream gave no usable answer."""

    status = 502
    type = "upstream_error"


class UpstreamUnreachable(UpstreamError):
    code = "upstream_unreachable"
    message = (
        "The upstream could not be reached. Try again; if this persists, the server's owner should check "
        "its base URL (OPENAI_BASE_URL or the like) and whether the function has network access."
    )


class UpstreamDisconnected(UpstreamError):
    code = "upstream_disconnected"
    # opencode repeats a call whose stream fails only at certain words, of which "try again in" is one.
    message = "The upstream closed the connection before its answer was complete. Try again in a moment."


class UpstreamMalformed(UpstreamError):
    """The answer is not valid HTTP; `reason` says why, if that is known."""

    code = "upstream_malformed"

    def __init__(self, reason: str | None = None) -> None:
        super().__init__(
            f"The upstream's answer is not valid HTTP{f': {reason}' if reason else ''}. Try again; if this persists, "
            "the server's owner should check that its base URL (OPENAI_BASE_URL or the like) points to an API, with "
            "https if the API requires it."
        )


class UpstreamTimeout(UpstreamError):
    status = 504
    code = "upstream_timeout"


class UpstreamNotReadable(UpstreamError):
    code = "upstream_not_readable"
    message = "The upstream's answer is not a readable list of models. The server's owner should check the base URL."


class UpstreamNotStreaming(UpstreamError):
    code = "upstream_not_streaming"
    message = 'The upstream did not answer with a stream. Repeat the call with "stream": false.'


class UpstreamRedirected(UpstreamError):
    """The upstream answered with a redirect of that status, which SDKs would follow away from Sluice."""

    code = "upstream_redirected"
    retryable = False

    def __init__(self, status: int) -> None:
        super().__init__(
            f"The upstream answered with a redirect ({status}). The server's owner should set its base URL "
            "(OPENAI_BASE_URL or the like) to the address that it redirects to, often the same one with https."
        )


class UpstreamRefused(UpstreamError):
    """The upstream answered with a status of 400 or more; its body is passed on unchanged.

    `body` is None for an error that came in another form than as the answer's body, such as an event.
    `headers` are the headers to pass on. `error` is the body's `error` object, if it has one. `retry_after` is the
    number of seconds that the upstream asked to wait, if it did.
    """

    code = "upstream_refused"

    def __init__(
        self,
        status: int,
        headers: list[tuple[str, str]],
        body: bytes | None,
        error: dict[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        error = error or {}
        super().__init__(str(error.get("message") or f"The upstream answered with status {status}."))
        self.status = status
        self.retry_after = retry_after
        self._headers = headers
        self._body = body
        self._error = error

    @property
    def explained(self) -> str:
        """The upstream's own message, which nothing here explains."""
        return self.message

    @property
    def error(self) -> dict[str, Any]:
        """The body's `error` object, or the whole body where it has none; empty if that is no JSON object."""
        return self._error

    def fields(self) -> dict[str, Any]:
        """The error event of a stream that has already begun: only there can it carry the status."""
        members: dict[str, Any] = {
            "message": self.message,
            "type": self._error.get("type") or self.type,
            "param": self._error.get("param"),
            "code": self._error.get("code"),
            "status": self.status,
        }
        if self.retry_after is not None:
            members["retry_after"] = self.retry_after
        return members

    @property
    def has_body(self) -> bool:
        """Whether the upstream sent a body that is passed on."""
        return self._body is not None

    def body(self) -> bytes:
        return json.dumps({"error": self._error}).encode() if self._body is None else self._body

    def headers(self) -> list[tuple[str, str]]:
        return self._headers
