"""The base class of all errors, and the errors of Sluice itself, of its configuration and of its platform."""

from __future__ import annotations

import json
import math
from typing import Any


class ProxyError(Exception):
    """An error with an HTTP status, a code and a message for the caller.

    `retryable` says whether the same call may succeed when repeated unchanged, `retry_after` in how many seconds at the
    earliest.
    """

    status = 500
    type = "server_error"
    code = "internal_error"
    message = "Sluice failed unexpectedly. Its log has the details under this answer's request ID."
    param: str | None = None
    retryable = True
    retry_after: float | None = None
    # Whether it is part of normal operation, so that the log has no warning.
    is_expected = False

    def __init__(self, message: str | None = None, *, code: str | None = None, param: str | None = None) -> None:
        if message is not None:
            self.message = message
        if code is not None:
            self.code = code
        if param is not None:
            self.param = param
        super().__init__(self.message)

    @property
    def explained(self) -> str:
        """The message for the caller, with the place on this endpoint that explains the error."""
        return f"{self.message} See /help#{self.code} on this endpoint."

    def fields(self) -> dict[str, Any]:
        """The four members of OpenAI's `error` object."""
        return {"message": self.explained, "type": self.type, "param": self.param, "code": self.code}

    def body(self) -> bytes:
        """The answer's body: JSON in UTF-8."""
        # A message may quote a lone surrogate, which JSON can express and UTF-8 cannot.
        return json.dumps({"error": self.fields()}, ensure_ascii=False).encode("utf-8", "replace")

    def headers(self) -> list[tuple[str, str]]:
        """The headers for the body. `x-should-retry: false` stops SDKs from retrying in vain."""
        pairs = [("content-type", "application/json; charset=utf-8")]
        if not self.retryable:
            pairs.append(("x-should-retry", "false"))
        if self.retry_after is not None:
            pairs.append(("retry-after", str(math.ceil(self.retry_after))))
        return pairs


class ModerationUnavailable(ProxyError):
    """The content filter could not check the `subject`, such as "prompt". SDKs must not retry: answers cost money."""

    status = 502
    code = "moderation_unavailable"
    retryable = False

    def __init__(self, subject: str) -> None:
        super().__init__(
            f"This server's content filter could not check the {subject}, and the server blocks unchecked texts. Try "
            "again later; if this persists, the server's owner can find the reason in the log."
        )


class ResponseTooLarge(ProxyError):
    """The answer exceeds `limit`, in bytes as the platform counts them; `where` names whose limit that is."""

    status = 502
    code = "response_too_large"
    retryable = False

    def __init__(self, limit: int, where: str) -> None:
        super().__init__(
            f"The answer is larger than the {limit / 1_000_000:.10g} MB that {where} can return. Ask for a shorter "
            "answer, or for a stream from a function type that streams: streams have no such limit."
        )


class NotCarried(ProxyError):
    """The answer is binary; `where` names the entry point that returns text only."""

    status = 502
    code = "binary_not_carried"
    retryable = False

    def __init__(self, where: str) -> None:
        super().__init__(
            f"The answer is binary (audio, an image, a file), and {where} of an event function returns text only. "
            "Deploy the web function, which returns any content."
        )


class DeadlineReached(ProxyError):
    """The platform is about to stop the function; `limit` is the function's timeout in seconds, if known.

    `is_fixed`: it is a limit of the platform's that no setting raises.
    """

    status = 504
    type = "timeout_error"
    code = "deadline"
    retryable = False

    def __init__(self, limit: float | None = None, is_fixed: bool = False) -> None:
        if is_fixed:
            advice = 'Use "stream": true, or ask for a shorter answer.'
        elif limit is not None and limit <= 5:
            advice = f"This function's time-out is {math.ceil(limit)} s; set it to 300."
        else:
            advice = 'Use "stream": true, ask for a shorter answer, or raise the function\'s time-out.'
        super().__init__(
            f"The platform's time limit for this call was about to expire before the upstream had answered. {advice}"
        )


class ClientGone(ProxyError):
    status = 499
    code = "client_disconnected"


class ConfigError(ProxyError):
    """A setting cannot be used. The message is one sentence that names it."""

    code = "configuration_error"
    retryable = False


class Unexpected(ProxyError):
    """A bug in Sluice. The log has the traceback."""
