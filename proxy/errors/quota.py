"""What a key may no longer use: its calls of this minute, or its budget. 429, as providers answer."""

from __future__ import annotations

from proxy.errors.caller import CallerError


class RateLimited(CallerError):
    """A repeat succeeds in `seconds` at the earliest. `kind` is OpenAI's type of such an error: requests or tokens."""

    status = 429
    code = "rate_limit_exceeded"
    retryable = True
    is_expected = True

    def __init__(self, message: str, kind: str, seconds: float) -> None:
        super().__init__(message)
        self.type, self.retry_after = kind, seconds


class QuotaSpent(CallerError):
    """The budget of the key does not cover the call. It starts again in `seconds`; None if it never does."""

    status = 429
    type = code = "insufficient_quota"  # OpenAI's word, which SDKs and apps look for
    is_expected = True

    def __init__(self, message: str, seconds: float | None) -> None:
        super().__init__(message)
        self.retry_after = seconds
