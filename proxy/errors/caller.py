"""Errors that the caller can fix. Each message says how."""

from __future__ import annotations

from proxy.errors.base import ProxyError


class CallerError(ProxyError):
    """The request cannot be served as it is."""

    type = "invalid_request_error"
    retryable = False


class BadRequest(CallerError):
    status = 400
    code = "bad_request"


class IncompleteBody(BadRequest):
    code = "incomplete_body"
    message = "The request body is shorter than its Content-Length. Send the complete body."


class TooComplex(BadRequest):
    """The request has more of something than Sluice reads; `how` completes the sentence "The request …"."""

    code = "request_too_complex"

    def __init__(self, how: str) -> None:
        super().__init__(f"The request {how}. Send a smaller one: this endpoint must read it.")


class ContextTooLong(CallerError):
    """The prompt and the answer do not fit the model's context window.

    `window` is what the model accepts, `prompt` what was sent, `output` what was requested for the answer; all in
    tokens. `certainty` says how reliable `prompt` is: exact, estimate, at_least or at_most.
    """

    status = 400
    code = "context_length_exceeded"  # OpenAI's code: agents look for it and shorten their history
    param = "messages"

    def __init__(self, window: int, prompt: int, output: int, certainty: str) -> None:
        self.window, self.prompt = window, prompt
        qualifier = {"exact": "", "estimate": "about ", "at_least": "at least ", "at_most": "up to "}[certainty]
        answer = f" and {output} for the answer" if output else ""
        super().__init__(
            f"This model's maximum context length is {window} tokens. However, your messages have {qualifier}{prompt} "
            f"tokens{answer}. Shorten the messages or the answer. Nothing was sent upstream, so nothing was spent."
        )


class ContentFiltered(CallerError):
    status = 400
    code = "content_filter"
    message = (
        "This server's content filter refused the prompt. Rephrase it. Nothing was sent upstream, so nothing was spent."
    )


class CostTooHigh(CallerError):
    status = 400
    code = "cost_limit_exceeded"


class KeyMissing(CallerError):
    status = 401
    code = "missing_api_key"


class KeyInvalid(CallerError):
    status = 401
    code = "invalid_api_key"


class NotProtected(CallerError):
    status = 403
    type = "permission_error"
    code = "proxy_not_protected"
    message = (
        "This endpoint holds an upstream key but does not authenticate callers, so it refuses every call: anyone could "
        "spend that key. Its owner should set PROXY_KEY to the output of `openssl rand -hex 16` and give it to "
        "callers, or set ALLOW_ANONYMOUS=1 to let everyone in on purpose."
    )


class PathNotAllowed(CallerError):
    status = 403
    type = "permission_error"
    code = "path_not_allowed"


class ModelNotAllowed(CallerError):
    status = 403
    type = "permission_error"
    code = "model_not_allowed"
    param = "model"


class ReferenceNotAllowed(CallerError):
    """The request refers to something in the owner's account; `param` names the member."""

    status = 403
    type = "permission_error"
    code = "reference_not_allowed"


class UnknownPath(CallerError):
    status = 404
    code = "unknown_path"
    message = (
        "This endpoint does not serve this path. Its base URL ends in /v1, and calls go to paths below it, such as "
        "/v1/chat/completions or /v1/models."
    )


class Telemetry(UnknownPath):
    """A client's telemetry, which is not for this endpoint. Nobody needs a warning about it in the log."""

    is_expected = True


class NoUpstream(CallerError):
    """No upstream serves `model`, the model that the call names; None if it names none that can be read."""

    status = 404
    code = "model_not_found"  # OpenAI's code for a model that does not exist
    param = "model"

    def __init__(self, model: str | None) -> None:
        subject = "a call that names no model" if model is None else f"the model {model[:100]!r}"
        super().__init__(
            f"No upstream of this endpoint serves {subject}. GET /v1/models lists the models that it serves."
        )


class NotServed(CallerError):
    """No upstream serves the `api` of the call's path, by its name in wire.path_table.

    `could_translate`: one could be called in translation, which is off.
    """

    status = 404
    code = "api_not_served"

    def __init__(self, api: str, could_translate: bool = False) -> None:
        setting, name = {
            "messages": ("ANTHROPIC_API_KEY", "Anthropic's Messages API"),
            "gemini": ("GEMINI_API_KEY", "Google's Gemini API"),
            "responses": ("OPENAI_API_KEY", "OpenAI's Responses API"),
        }.get(api, ("OPENAI_API_KEY", "OpenAI's API"))
        super().__init__(
            f"No upstream of this endpoint serves {name}. Use another API; the owner can add an upstream that serves "
            f"this one, with {setting} or in sluice.toml"
            + (", or let Sluice translate its calls with TRANSLATE=auto." if could_translate else ".")
        )


class NotCounted(CallerError):
    """There is no budget or spending to show: no store, or calls that the caller pays for itself."""

    status = 404
    code = "not_counted"
    message = (
        "This endpoint does not count what keys spend, so there is no balance to show. Its owner can set STORE, which "
        "keeps budgets."
    )


class MethodNotAllowed(CallerError):
    status = 405
    code = "method_not_allowed"
    message = "This page supports GET only."


class RequestTimeout(CallerError):
    status = 408
    code = "request_timeout"
    message = "The request was still incomplete after a minute. Send it all at once."


class BodyTooLarge(CallerError):
    """The body is larger than `limit` bytes; `where` names whose limit that is."""

    status = 413
    code = "body_too_large"

    def __init__(self, limit: int, where: str = "this server") -> None:
        super().__init__(
            f"The request body is larger than the {limit / 1_000_000:.10g} MB that {where} accepts. Send fewer or "
            "smaller files, or a shorter history. The server's owner can raise MAX_BODY_MB up to the platform's limit."
        )


class UnsupportedMedia(CallerError):
    """Two parsers could read the body's Content-Type or encoding differently."""

    status = 415
    code = "unsupported_media_type"
    param = "content-type"


class NoWebSocket(CallerError):
    """426 makes clients fall back to HTTP; after any other status they keep retrying."""

    status = 426
    code = "websocket_not_offered"
    is_expected = True
    message = (
        "WebSocket is not offered here. Send this request over plain HTTP, as a POST if it has a body. With "
        '"stream": true the answer arrives as server-sent events.'
    )


class HeadersTooLarge(CallerError):
    status = 431
    code = "headers_too_large"
    message = "The request's target and headers exceed 64 KB in total. Send fewer or shorter headers."


class NotOffered(CallerError):
    status = 501
    code = "not_offered"
    message = (
        "Realtime calls over WebSocket are not offered here. Use /v1/chat/completions or /v1/responses with "
        '"stream": true, or connect to the provider directly.'
    )


class NotInstalled(CallerError):
    status = 501
    code = "tokens_not_installed"
    message = (
        "This deployment has no token vocabularies, so it cannot count tokens. Its owner can rebuild the bundle "
        "without --no-tokens; those for Cloudflare and EdgeOne never have them."
    )
