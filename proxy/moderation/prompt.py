"""The prompt of a request, as the content filter reads it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from proxy.access import strict_body
from proxy.call import Call
from proxy.errors import BadRequest
from proxy.moderation.request_texts import request_texts
from proxy.moderation.verdict import Text
from proxy.moderation.windows import SLICE_LENGTH
from proxy.wire import multipart
from proxy.wire.path_table import endpoint, protocol_below, row_of

# Some servers accept prompts as embeddings, which cannot be read here.
_EMBEDDINGS = "prompt_embeds"
# The fixed cost of a piece, in characters.
_PIECE_COST = 20


async def read_prompt(call: Call) -> list[Text]:
    """Return everything in the request that a model could read, as one text, or an empty list if that is blank.

    It does not block other calls. Raises BadRequest for a prompt that cannot be read, and so not be checked.
    """
    pieces: list[str] = []
    size, is_blank = 0, True
    for piece in request_texts(_members(call)):
        pieces.append(piece)
        size += len(piece) + _PIECE_COST
        is_blank = is_blank and (not piece or piece.isspace())
        if size > SLICE_LENGTH or not piece:
            await call.host.clock.sleep(0)
            size = 0
    text = "".join(pieces)
    return [] if is_blank else [Text(text)]


def error_param(call: Call) -> str | None:
    """Return the `param` of an error about the prompt: the member of the request that holds it."""
    row = endpoint(call.path) or row_of(protocol_below(call.path))
    return row.prompt[0] if row and row.prompt else None


def _members(call: Call) -> Iterable[tuple[str, Any]]:
    """Return the members of the request's JSON object, or the text fields of its form."""
    if call.body.form is not None:
        return multipart.texts(call.body.form, call.body.received)
    request = strict_body.object_of(call)
    if _EMBEDDINGS in request:
        raise BadRequest(
            f"This server checks prompts and cannot read {_EMBEDDINGS}. Send the prompt as text.",
            code="unreadable_prompt",
            param=_EMBEDDINGS,
        )
    return request.items()
