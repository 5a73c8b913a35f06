"""Whether a chat upstream demands the Responses API for a request. Pure."""

from __future__ import annotations

import re
from typing import Any

_STATUS = 400
_PATH = "/v1/responses"
_PARAM = "reasoning_effort"
# "Function tools with reasoning_effort are not supported for gpt-5.4 in /v1/chat/completions. Please use /v1/responses
# instead.", and since gpt-5.6 "To use function tools, use /v1/responses or set reasoning_effort to 'none'."
# (github.com/openai/openai-openapi/issues/541, github.com/danny-avila/LibreChat/issues/14231, read 2026-11-26)
_SENTENCE = re.compile(r"\btools\b.{0,40}\breasoning_effort\b.{0,200}/v1/chat/completions\b.{0,80}/v1/responses\b")
_MAX_MESSAGE = 1_000  # characters


def demands_responses(status: int, error: Any) -> bool:
    """Whether this refusal says that tools together with reasoning need the Responses API.

    `error` is the body of the refusal or its member `error`. Gateways change its other members, so without the
    `param` that OpenAI names, the message has to be OpenAI's; a prompt that is quoted in a message must not count.
    """
    if isinstance(error, dict) and isinstance(error.get("error"), dict):
        error = error["error"]
    if status != _STATUS or not isinstance(error, dict) or not isinstance(message := error.get("message"), str):
        return False
    param, message = error.get("param"), message[:_MAX_MESSAGE]
    if param == _PARAM:
        return _PATH in message and "tools" in message
    return param in (None, "", "tools") and _SENTENCE.search(message) is not None
