"""The prompt of a request, as a content filter reads it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from proxy import body, form, nesting
from proxy.call import Call, media_type
from proxy.errors import BadRequest
from proxy.moderation import Checks
from proxy.moderators import Text
from proxy.moderators.request_texts import request_texts
from proxy.moderators.slices import LENGTH

# Where the prompt usually stands, by the kind of call or its path: what an error names.
_PARAMS = {
    "chat": "messages",
    "completions": "prompt",
    "responses": "input",
    "images/generations": "prompt",
    "images/edits": "prompt",
    "audio/speech": "input",
    "audio/transcriptions": "prompt",
    "audio/translations": "prompt",
}
# Prompts that some servers take as what a model makes of text: nobody can read them here.
_EMBEDDED = "prompt_embeds"
# What a piece costs besides its characters, in characters.
_EACH = 20


async def prompt_of(call: Call) -> list[Text]:
    """All that a model could read of what the caller wrote, as one text, or none; lets others' calls go on meanwhile.

    Raises BadRequest where that cannot be read, for then it cannot be checked either.
    """
    pieces: list[str] = []
    size = 0
    for piece in request_texts(_members(call)):
        pieces.append(piece)
        size += len(piece) + _EACH
        if size > LENGTH or not piece:
            await call.host.clock.sleep(0)
            size = 0
    text = "".join(pieces)
    return [Text(text)] if text and not text.isspace() else []


def param(call: Call, checks: Checks) -> str | None:
    """The name of the request's member that an error about its prompt names."""
    return _PARAMS.get(call.route.path if call.route else "") or _PARAMS.get(checks.kind)


def _members(call: Call) -> Iterable[tuple[str, Any]]:
    """The request's members: of a form its fields of text, else those of a JSON object."""
    headers = call.request.headers
    if media_type(headers) == "multipart/form-data" and "content-encoding" not in headers:
        return form.texts(headers, call.body)
    try:
        request = nesting.loads(call.body, everywhere=True)
    except (ValueError, RecursionError):
        request = None
    found = body.members(call.body)
    if not isinstance(request, dict) or found is None:
        raise BadRequest(
            "The request body must be one JSON object in UTF-8 or a form, not compressed and not nested without end: "
            "this server checks prompts.",
            code="unreadable_body",
        )
    body.unique(found)
    if _EMBEDDED in request:
        raise BadRequest(
            f"{_EMBEDDED} cannot be read, and this server checks prompts. Send the prompt as text.",
            code="unreadable_prompt",
            param=_EMBEDDED,
        )
    return request.items()
