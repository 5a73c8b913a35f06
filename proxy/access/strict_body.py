"""The strict reader of request bodies that a decision depends on: JSON, or a form, that all readers read alike.

A body that two readers could read differently is refused.
"""

from __future__ import annotations

import re
from typing import Any

from proxy.call import Call
from proxy.errors import BadRequest, UnsupportedMedia
from proxy.messages import Request, media_type
from proxy.wire import path_table, safe_json, work
from proxy.wire.json_edit import Document

# Top-level members that decisions depend on. Other spellings of these names are refused.
WATCHED = frozenset(
    "audio background best_of container conversation fallbacks file_ids functions input instructions "
    "max_completion_tokens max_output_tokens max_tokens mcp_servers messages modalities model models moderation "
    "moderation_level n prediction previous_response_id prompt reasoning response_format service_tier store stream "
    "stream_options suffix system text tool_choice tools truncation".split()
)
MAX_MODEL_LENGTH = 256  # characters of a model's name, which is a cache key
_JSON = re.compile(r'application/json[ \t]*(?:;[ \t]*charset[ \t]*=[ \t]*"?utf-?8"?[ \t]*)?;?[ \t]*', re.IGNORECASE)


async def read(call: Call, why: str) -> None:
    """Read the body strictly, unless that has been done. `why` completes the sentence of a refusal.

    Raises UnsupportedMedia, BadRequest and TooComplex.
    """
    edited = call.body.document
    if edited is None or edited.value is None:
        await _read(call, why)
    if edited is not None and call.body.document is not None:  # members that stages removed stay removed
        names = {member.name for member in edited.members}
        removed = [member.name for member in call.body.document.members if member.name not in names]
        call.body.document = call.body.document.without(removed)


def object_of(call: Call) -> dict[str, Any]:
    """Return the request's JSON, after `read`. Raises BadRequest if the body is a form."""
    document = call.body.document
    if document is None or document.value is None:
        raise BadRequest(
            "This endpoint has to read the request body. Send one JSON object.",
            code="unreadable_body",
        )
    return document.value


async def _read(call: Call, why: str) -> None:
    request, data = call.request, call.body.received
    row = path_table.endpoint(call.path)
    if not data and row is None:
        return  # such as cancelling a batch, if ALLOW_PATHS opens that
    if sum(name == "content-type" for name, _ in request.headers) > 1:
        raise UnsupportedMedia(f"The request has more than one Content-Type. Send one: {why}.")
    if any(name == "content-encoding" and value.strip().lower() != "identity" for name, value in request.headers):
        raise UnsupportedMedia(f"The request body is compressed. Send it uncompressed: {why}.")
    if is_form(request):
        check_form_accepted(call)
        from proxy.wire import multipart  # few calls are forms

        call.body.form = await work.run(multipart.read(request.headers, data), call.host.clock)
        return
    kind = request.headers.get("content-type")
    if kind is not None and not _JSON.fullmatch(kind.strip()):
        raise UnsupportedMedia(
            "Send the request as JSON in UTF-8, with Content-Type: application/json and no parameter except "
            f"charset=utf-8: {why}."
        )
    parsed = await work.run(safe_json.read(data, WATCHED), call.host.clock)
    call.body.document = Document(data, tuple(parsed.members), parsed.value)


def check_form_accepted(call: Call) -> None:
    """Raise UnsupportedMedia if the call's path does not accept forms."""
    if not path_table.takes_form(call.path):
        raise UnsupportedMedia(
            f"/v1/{call.path} does not accept forms. Send JSON, with Content-Type: application/json."
        )


def is_form(request: Request) -> bool:
    """Whether the Content-Type declares a form."""
    return media_type(request.headers) == "multipart/form-data"
