"""Reading a body that something is decided by: JSON or a form that every reader takes for the same thing.

A body that two readers could take for different things is refused.
"""

from __future__ import annotations

import re
from typing import Any

from proxy.call import Call
from proxy.errors import BadRequest, UnsupportedMedia
from proxy.messages import Request, media_type
from proxy.wire import path_table, safe_json, work
from proxy.wire.json_edit import Document

# Top-level members that something is decided by; no other spelling of them is accepted where it is.
WATCHED = frozenset(
    "audio background best_of container conversation fallbacks file_ids functions input instructions "
    "max_completion_tokens max_output_tokens max_tokens mcp_servers messages modalities model models moderation "
    "moderation_level n prediction previous_response_id prompt reasoning response_format service_tier store stream "
    "stream_options suffix system text tool_choice tools truncation".split()
)
MAX_MODEL_LENGTH = 256  # characters of a model's name, which becomes a key of caches
_JSON = re.compile(r'application/json[ \t]*(?:;[ \t]*charset[ \t]*=[ \t]*"?utf-?8"?[ \t]*)?;?[ \t]*', re.IGNORECASE)


async def read(call: Call, why: str) -> None:
    """Read the body strictly, unless that has been done. `why` ends the sentence that refuses it.

    Raises UnsupportedMedia, BadRequest and TooComplex.
    """
    edited = call.body.document
    if edited is None or edited.value is None:
        await _read(call, why)
    if edited is not None and call.body.document is not None:  # what stages have removed stays removed
        names = {member.name for member in edited.members}
        removed = [member.name for member in call.body.document.members if member.name not in names]
        call.body.document = call.body.document.without(removed)


def object_of(call: Call) -> dict[str, Any]:
    """The request's JSON, which has been read strictly. Raises BadRequest where it is a form."""
    document = call.body.document
    if document is None or document.value is None:
        raise BadRequest(
            "The request body must be one JSON object: this endpoint has to read what it asks for.",
            code="unreadable_body",
        )
    return document.value


async def _read(call: Call, why: str) -> None:
    request, data = call.request, call.body.received
    row = path_table.endpoint(call.path)
    if not data and row is None:
        return  # a call such as cancelling a batch, for those whom the path is open to
    if sum(name == "content-type" for name, _ in request.headers) > 1:
        raise UnsupportedMedia(f"The request has two Content-Types. Send one: {why}.")
    if any(name == "content-encoding" and value.strip().lower() != "identity" for name, value in request.headers):
        raise UnsupportedMedia(f"The request body is compressed. Send it as it is: {why}.")
    if is_form(request):
        check_form_is_taken(call)
        from proxy.wire import multipart  # few calls are forms

        call.body.form = await work.run(multipart.read(request.headers, data), call.host.clock)
        return
    kind = request.headers.get("content-type")
    if kind is not None and not _JSON.fullmatch(kind.strip()):
        raise UnsupportedMedia(
            "Send the request as JSON in UTF-8, with Content-Type: application/json and no other parameter than "
            f"charset=utf-8: {why}."
        )
    found = await work.run(safe_json.read(data, WATCHED), call.host.clock)
    call.body.document = Document(data, tuple(found.members), found.value)


def check_form_is_taken(call: Call) -> None:
    """Raise UnsupportedMedia where the call's path takes no form."""
    if not path_table.takes_form(call.path):
        raise UnsupportedMedia(f"/v1/{call.path} takes no form. Send JSON, with Content-Type: application/json.")


def is_form(request: Request) -> bool:
    """Whether the body says that it is a form."""
    return media_type(request.headers) == "multipart/form-data"
