"""Everything that can go wrong, as one tree, each class with the status and the words that the caller gets.

    ProxyError
    ├── CallerError             the caller can mend it
    │   ├── BadRequest            400  unreadable path or body
    │   │   └── TooComplex             more values or longer names than are read here
    │   ├── IncompleteBody        400  fewer bytes than Content-Length announced
    │   ├── UnknownPath           404  nothing is relayed under this path
    │   ├── MethodNotAllowed      405  an own page or a limited call, asked in another way
    │   ├── RequestTimeout        408  left half sent
    │   ├── UnsupportedMedia      415  a body that two readers could take for different things
    │   ├── BodyTooLarge          413  above this server's or platform's limit
    │   ├── HeadersTooLarge       431  more than this server reads before it knows the caller
    │   ├── NoWebSocket           426  a path that is there over plain HTTP
    │   ├── NotOffered            501  realtime WebSocket
    │   ├── NotInstalled          501  counting tokens, in a bundle made without
    │   ├── ContextTooLong        400  more tokens than the model takes
    │   ├── ContentFiltered       400  a prompt that the owner's filter refuses
    │   ├── CostTooHigh           400  above the owner's ceiling, or beyond reckoning
    │   ├── KeyMissing, KeyInvalid      401
    │   ├── NotProtected, PathNotAllowed, ModelNotAllowed, ReferenceNotAllowed 403
    │   └── NoUpstream            404  the configuration has no upstream for the model
    ├── UpstreamError           the other side of the relay
    │   ├── UpstreamUnreachable   502  no connection, or none that TLS accepts
    │   ├── UpstreamDisconnected  502  the connection ended before the answer did
    │   ├── UpstreamMalformed     502  what came is no HTTP
    │   ├── UpstreamTimeout       504  silent for too long
    │   ├── UpstreamNotReadable   502  what had to be read in the answer is no JSON
    │   ├── UpstreamNotStreaming  502  a streamed call was answered with something else, too late to pass it on
    │   └── UpstreamRefused       its own status and body, passed on as they are
    ├── ModerationUnavailable     502  a text that could not be checked, where unchecked ones are held back
    ├── ResponseTooLarge          502  above what the platform carries back
    ├── NotCarried                502  bytes that are no text, through a door for text alone
    ├── DeadlineReached           504  the platform is about to stop the function
    ├── ClientGone                499  only ever seen in the log
    ├── ConfigError               500  a setting is wrong; the sentence names it
    └── Unexpected                500  our own mistake

The JSON shape is OpenAI's: `{"error": {"message", "type", "param", "code"}}`, all four always there, because SDKs
read them (platform.openai.com/docs/guides/error-codes, read 2026-11-23).
"""

from __future__ import annotations

import json
import math
from typing import Any


class ProxyError(Exception):
    """The base of all. `again` says whether the same call may succeed when it is simply repeated."""

    status = 500
    type = "server_error"
    code = "internal_error"
    message = "The relay failed in a way that it should not have. The log has the request id of this answer."
    param: str | None = None
    again = True

    def __init__(self, message: str | None = None, *, code: str | None = None, param: str | None = None) -> None:
        if message is not None:
            self.message = message
        if code is not None:
            self.code = code
        if param is not None:
            self.param = param
        super().__init__(self.message)

    def fields(self) -> dict[str, Any]:
        """The four members of OpenAI's `error` object."""
        return {"message": self.message, "type": self.type, "param": self.param, "code": self.code}

    def body(self) -> bytes:
        """The answer's body, UTF-8 JSON."""
        # A message may quote half of a character, which a caller's JSON can hold and UTF-8 cannot.
        return json.dumps({"error": self.fields()}, ensure_ascii=False).encode("utf-8", "replace")

    def headers(self) -> list[tuple[str, str]]:
        """The headers that belong to the body; `x-should-retry: false` keeps SDKs from asking again in vain."""
        pairs = [("content-type", "application/json; charset=utf-8")]
        if not self.again:
            pairs.append(("x-should-retry", "false"))
        return pairs


class CallerError(ProxyError):
    """The caller can mend it, and the message says how."""

    type = "invalid_request_error"
    again = False


class BadRequest(CallerError):
    status = 400
    code = "bad_request"


class IncompleteBody(BadRequest):
    code = "incomplete_body"
    message = "The request's body ended before the length that Content-Length announced. Send all of it."


class RequestTimeout(CallerError):
    status = 408
    code = "request_timeout"
    message = "The request was left half sent for a minute. Send all of it at once."


class UnknownPath(CallerError):
    status = 404
    code = "unknown_path"
    message = (
        "Nothing is relayed under this path. The base URL of this endpoint ends in /v1, and calls go to paths "
        "below it, such as /v1/chat/completions or /v1/models."
    )


class MethodNotAllowed(CallerError):
    status = 405
    code = "method_not_allowed"
    message = "This page is only there for GET."


class TooComplex(BadRequest):
    """`how` completes "The request …": more of something than is read here."""

    code = "request_too_complex"

    def __init__(self, how: str) -> None:
        super().__init__(f"The request {how}. Send less of it: this endpoint has to read what it asks for.")


class UnsupportedMedia(CallerError):
    """The body's type is not one that everybody reads alike."""

    status = 415
    code = "unsupported_media_type"
    param = "content-type"


class BodyTooLarge(CallerError):
    """`limit` is in bytes; `where` names whose limit it is."""

    status = 413
    code = "body_too_large"

    def __init__(self, limit: int, where: str = "this server") -> None:
        super().__init__(
            f"The request body is larger than the {limit / 1_000_000:.10g} MB that {where} takes. Send less: fewer "
            "or smaller files, a shorter history. Whoever runs the server can raise MAX_BODY_MB up to the "
            "platform's own limit."
        )


class NotInstalled(CallerError):
    status = 501
    code = "tokens_not_installed"
    message = (
        "This deployment was made without its token vocabularies, so nothing can be counted here. Its owner can "
        "build the bundle again without --no-tokens."
    )


class ContextTooLong(CallerError):
    """`window` is what the model takes, `prompt` what was sent and `output` what was asked for, all in tokens."""

    status = 400
    code = "context_length_exceeded"  # OpenAI's own, which agents look for to shorten their history
    param = "messages"

    def __init__(self, window: int, prompt: int, output: int, certainty: str) -> None:
        about = {"exact": "", "estimate": "about ", "at_least": "at least ", "at_most": "up to "}[certainty]
        asked = f" and {output} for the answer" if output else ""
        super().__init__(
            f"This model's maximum context length is {window} tokens. However, your messages have {about}{prompt} "
            f"tokens{asked}. Shorten the messages or the answer. Nothing was sent upstream, so nothing was spent."
        )


class CostTooHigh(CallerError):
    status = 400
    code = "cost_limit_exceeded"


class ContentFiltered(CallerError):
    status = 400
    code = "content_filter"
    message = (
        "This server's content filter refused the prompt. Change what it asks for. Nothing was sent upstream, so "
        "nothing was spent."
    )


class HeadersTooLarge(CallerError):
    status = 431
    code = "headers_too_large"
    message = "The request's target and headers are larger than 64 KB together. Send shorter or fewer headers."


class NoWebSocket(CallerError):
    """426 is the status that makes clients fall back to HTTP; on others they try again and again."""

    status = 426
    code = "websocket_not_offered"
    message = (
        "WebSocket is not offered here. Send this request over plain HTTP, as POST where it has a body; with "
        '"stream": true the answer comes as server-sent events.'
    )


class NotOffered(CallerError):
    status = 501
    code = "not_offered"
    message = (
        "Realtime over WebSocket is not relayed here. Use /v1/chat/completions or /v1/responses with "
        '"stream": true, or connect to the provider directly.'
    )


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
        "This endpoint holds an upstream key but asks callers for nothing, so it refuses every call: anyone could "
        "spend that key. Its owner should set PROXY_KEY to what `openssl rand -hex 16` prints and give that to "
        "callers, or set ALLOW_ANONYMOUS=1 to let everybody in on purpose."
    )


class ReferenceNotAllowed(CallerError):
    """`param` names the member that leads into the owner's account."""

    status = 403
    type = "permission_error"
    code = "reference_not_allowed"


class PathNotAllowed(CallerError):
    status = 403
    type = "permission_error"
    code = "path_not_allowed"


class ModelNotAllowed(CallerError):
    status = 403
    type = "permission_error"
    code = "model_not_allowed"
    param = "model"


class NoUpstream(CallerError):
    """`model` is what the call names, None where it names none that can be read."""

    status = 404
    code = "model_not_found"  # OpenAI's own, for a model that is not there
    param = "model"

    def __init__(self, model: str | None) -> None:
        what = "a call that names no model" if model is None else f"the model {model[:100]!r}"
        super().__init__(
            f"No upstream of this endpoint is there for {what}. GET /v1/models lists the models that can be used here."
        )


class UpstreamError(ProxyError):
    """The call went up and no usable answer came down."""

    status = 502
    type = "upstream_error"


class UpstreamUnreachable(UpstreamError):
    code = "upstream_unreachable"
    message = (
        "The upstream could not be reached. Try again; if it stays so, the server's owner should check "
        "OPENAI_BASE_URL and whether the function may use the network."
    )


class UpstreamDisconnected(UpstreamError):
    code = "upstream_disconnected"
    message = "The upstream closed the connection before its answer was complete. Try again."


class UpstreamMalformed(UpstreamError):
    """`how` completes "its answer cannot be used: …"; None where nobody says."""

    code = "upstream_malformed"

    def __init__(self, how: str | None = None) -> None:
        super().__init__(
            f"The upstream's answer is no valid HTTP{f': {how}' if how else ''}. Try again; if it stays so, the "
            "server's owner should check that OPENAI_BASE_URL leads to an API, and with https where it wants that."
        )


class UpstreamTimeout(UpstreamError):
    status = 504
    code = "upstream_timeout"


class UpstreamNotReadable(UpstreamError):
    code = "upstream_not_readable"
    message = "The upstream's answer has no list of models that can be read. Its owner should check the base URL."


class UpstreamNotStreaming(UpstreamError):
    code = "upstream_not_streaming"
    message = 'The upstream did not answer with a stream. Repeat the call with "stream": false.'


class UpstreamRefused(UpstreamError):
    """The upstream's own answer with a status of 400 or more; its body passes untouched.

    `head` are the headers to pass on with it, `retry_after` the number of seconds it asked for, if it did.
    """

    def __init__(
        self,
        status: int,
        head: list[tuple[str, str]],
        body: bytes,
        error: dict[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        error = error or {}
        super().__init__(str(error.get("message") or f"The upstream answered with status {status}."))
        self.status = status
        self.retry_after = retry_after
        self._head = head
        self._body = body
        self._error = error

    def fields(self) -> dict[str, Any]:
        """For the error event of a stream that has already begun, where the status can only be told in words."""
        told: dict[str, Any] = {
            "message": self.message,
            "type": self._error.get("type") or self.type,
            "param": self._error.get("param"),
            "code": self._error.get("code"),
            "status": self.status,
        }
        if self.retry_after is not None:
            told["retry_after"] = self.retry_after
        return told

    def body(self) -> bytes:
        return self._body

    def headers(self) -> list[tuple[str, str]]:
        return self._head


class ModerationUnavailable(ProxyError):
    """`what` is the text that could not be checked. SDKs must not ask again by themselves: an answer costs money."""

    status = 502
    type = "server_error"
    code = "moderation_unavailable"
    again = False

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The {what} could not be checked by this server's content filter, and unchecked texts do not pass here. "
            "Try again later; if it stays so, the server's owner finds the reason in the log."
        )


class ResponseTooLarge(ProxyError):
    """`limit` is in bytes as the platform counts them; `where` names whose limit it is."""

    status = 502
    code = "response_too_large"
    again = False

    def __init__(self, limit: int, where: str) -> None:
        super().__init__(
            f"The answer is larger than the {limit / 1_000_000:.10g} MB that {where} carries back. Ask for less, or "
            "for a stream from the kind of function that streams, which has no such limit."
        )


class NotCarried(ProxyError):
    """`where` names the door that only takes text."""

    status = 502
    code = "binary_not_carried"
    again = False

    def __init__(self, where: str) -> None:
        super().__init__(
            f"The answer is binary (audio, an image, a file), and {where} of an event function only carries text. "
            "Deploy the web function, which carries everything."
        )


class DeadlineReached(ProxyError):
    """`limit` is the function's whole time-out in seconds, where it is known."""

    status = 504
    type = "timeout_error"
    code = "deadline"
    again = False

    def __init__(self, limit: float | None = None) -> None:
        words = "The platform's time limit for this call was about to run out before the upstream had answered."
        if limit is not None and limit <= 5:
            words += f" This function's time-out is {math.ceil(limit)} s; set it to 300."
        else:
            words += ' Use "stream": true, ask for less, or raise the function\'s time-out.'
        super().__init__(words)


class ClientGone(ProxyError):
    status = 499
    code = "client_disconnected"


class ConfigError(ProxyError):
    """A setting cannot be used. The message is one sentence that names it."""

    code = "configuration_error"
    again = False


class Unexpected(ProxyError):
    pass
