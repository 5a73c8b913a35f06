"""The prompt of a request, as a content filter reads it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from proxy.access import strict_body
from proxy.call import Call
from proxy.errors import BadRequest
from proxy.moderation.checks import Checks
from proxy.moderation.request_texts import request_texts
from proxy.moderation.verdict import Text
from proxy.moderation.windows import LENGTH
from proxy.wire import multipart
from proxy.wire.path_table import endpoint, row_of

# Prompts that some servers take as what a model makes of text: nobody can read them here.
_EMBEDDED = "prompt_embeds"
# What a piece costs besides its characters, in characters.
_EACH = 20


async def prompt_of(call: Call) -> list[Text]:
    """All that a model could read of what the caller wrote, as one text, or none; lets others' calls go on meanwhile.

    Raises BadRequest where that cannot be read, for then it cannot be checked either.
    """
    pieces: list[str] = []
    size, is_blank = 0, True
    for piece in request_texts(_members(call)):
        pieces.append(piece)
        size += len(piece) + _EACH
        is_blank = is_blank and (not piece or piece.isspace())
        if size > LENGTH or not piece:
            await call.host.clock.sleep(0)
            size = 0
    text = "".join(pieces)
    return [] if is_blank else [Text(text)]


def param(call: Call, checks: Checks) -> str | None:
    """The name of the request's member that an error about its prompt names."""
    row = endpoint(call.path) or row_of(checks.protocol.name)
    return row.prompt[0] if row and row.prompt else None


def _members(call: Call) -> Iterable[tuple[str, Any]]:
    """The request's members: of a form its fields of text, else those of a JSON object."""
    if call.body.form is not None:
        return multipart.texts(call.body.form, call.body.received)
    request = strict_body.object_of(call)
    if _EMBEDDED in request:
        raise BadRequest(
            f"{_EMBEDDED} cannot be read, and this server checks prompts. Send the prompt as text.",
            code="unreadable_prompt",
            param=_EMBEDDED,
        )
    return request.items()
