"""Taking a request's body in: how much of it, of what type, and what it asks for, as strictly as is decided by it.

Every control that looks into a request (a key's limits, ceilings, the context guard, moderation, aliases, upstreams
chosen by model) asks what is read here, once. Where there is one, a body that two readers could take for different
things is refused; where there is none, what cannot be read passes as it is.
"""

from __future__ import annotations

import re
from typing import Any

from proxy.call import Call, media_type
from proxy.errors import BadRequest, UnsupportedMedia
from proxy.messages import Request
from proxy.moderation import stage
from proxy.platforms.limits import number
from proxy.routing.model_field import is_one_name, named
from proxy.wire import path_table, safe_json, slices
from proxy.wire.json_edit import Document

# Top-level members that something is decided by; no other spelling of theirs is taken where it is.
WATCHED = frozenset(
    "audio background best_of container conversation fallbacks file_ids functions input instructions "
    "max_completion_tokens max_output_tokens max_tokens mcp_servers messages modalities model models moderation "
    "moderation_level n prediction previous_response_id prompt reasoning response_format service_tier store stream "
    "stream_options suffix system text tool_choice tools truncation".split()
)
# What the relay itself looks at in a request: for the log, for the way the answer is asked for, for its last words.
FIELDS = ("model", "stream", "n", "modalities", "audio", "stream_options")
MAX_MODEL = 256  # characters of a model's name, which becomes a key of caches
_JSON = re.compile(r'application/json[ \t]*(?:;[ \t]*charset[ \t]*=[ \t]*"?utf-?8"?[ \t]*)?;?[ \t]*', re.IGNORECASE)
_CONTROLS = {
    "held": "calls go up with a credential that the server holds",
    "limits": "this endpoint's owner limits what one request may cost",
    "context": "its length is checked here before it goes up",
    "moderation": "this server checks prompts",
    "model": "its model decides where it may go",
}


async def take(call: Call, why: str | None = None) -> None:
    """Read the body and what it asks for into the call. `why` says what it is read for, besides the controls.

    Raises BodyTooLarge; where something is decided by it also UnsupportedMedia, BadRequest and TooComplex.
    """
    found = controls(call)
    why = why or next((_CONTROLS[name] for name in found), None)
    call.sent_body = await _bytes(call, found)
    if call.native_body is not None or call.request.method in ("GET", "HEAD"):
        return
    if why is not None:
        await _read_strictly(call, why)
    elif may_be_json(call.request) and (scanned := await slices.run(safe_json.scan(call.sent_body), call.host.clock)):
        call.document = Document(call.sent_body, tuple(scanned.members))
    if call.document is not None:
        call.fields = {name: call.document.get(name) for name in FIELDS if name in call.document}
    model = named(call)
    if model is not None and len(model) > MAX_MODEL:
        if why is not None:
            raise BadRequest(f"The model's name is longer than {MAX_MODEL} characters.", param="model")
        call.fields.pop("model", None)
    if {"model", "limits", "context"}.intersection(found) and not is_one_name(model):
        raise BadRequest("The model's name has a comma or a control character in it. Name one model.", param="model")


def controls(call: Call) -> list[str]:
    """What of this configuration and this caller decides by the call's body: keys of the table above."""
    found = []
    if call.config.routes_by_model or call.allowed_models:
        found.append("model")
    if call.has_limits:
        found.append("limits")
    if call.config.context_guard != "off":
        found.append("context")
    if stage.reads_prompt(call):
        found.append("moderation")
    if call.holds_credential:
        found.append("held")
    return found


def object_of(call: Call) -> dict[str, Any]:
    """The request's JSON, which has been read strictly. Raises BadRequest where it is none, but a form."""
    if call.document is None or call.document.value is None:
        raise BadRequest(
            "The request body must be one JSON object: this endpoint has to read what it asks for.",
            code="unreadable_body",
        )
    return call.document.value


async def _bytes(call: Call, found: list[str]) -> bytes:
    """The request's body, up to MAX_BODY_MB and what the platform's door takes.

    A form or a file that nobody looks into goes up unread where the platform can do that: it may be larger than what
    fits into memory.
    """
    request, door = call.request, call.host.capabilities.body_limit
    chosen = int((call.config.max_body_mb or 0) * 1_000_000)
    if (
        request.native is not None
        and call.protocol == "other"
        and not may_be_json(request)
        and not set(found) - {"held"}
        and ("held" not in found or (_is_form(request) and "*" in call.config.allow_references))
        and (not chosen or (request.length is not None and request.length <= chosen))
    ):
        if "held" in found:
            _check_form_is_taken(call)
        call.native_body = request.native
        return b""
    limit = chosen or door or int(number("server", "http", "request body"))
    if door is not None and limit >= door:
        return await request.read(door, f"this platform ({call.host.platform})")
    return await request.read(limit)


async def read_strictly(call: Call, why: str) -> None:
    """Read a body strictly that has not been so far, because nothing seemed to be decided by it."""
    edited = call.document
    if edited is None or edited.value is None:
        await _read_strictly(call, why)
    if edited is not None and call.document is not None:  # what stages have taken out stays out
        names = {member.name for member in edited.members}
        gone = [member.name for member in call.document.members if member.name not in names]
        call.document = call.document.without(gone)


async def _read_strictly(call: Call, why: str) -> None:
    """Read a body that something is decided by: JSON, or a form where the path takes one."""
    request, data = call.request, call.sent_body
    row = path_table.endpoint(call.path)
    if not data and row is None:
        return  # a call such as cancelling a batch, for those whom the path is open to
    if sum(name == "content-type" for name, _ in request.headers) > 1:
        raise UnsupportedMedia(f"The request has two Content-Types. Send one: {why}.")
    if any(name == "content-encoding" and value.strip().lower() != "identity" for name, value in request.headers):
        raise UnsupportedMedia(f"The request body is compressed. Send it as it is: {why}.")
    if _is_form(request):
        _check_form_is_taken(call)
        from proxy.wire import multipart  # few calls are forms

        call.form = await slices.run(multipart.read(request.headers, data), call.host.clock)
        return
    kind = request.headers.get("content-type")
    if kind is not None and not _JSON.fullmatch(kind.strip()):
        raise UnsupportedMedia(
            "Send the request as JSON in UTF-8, with Content-Type: application/json and no other parameter than "
            f"charset=utf-8: {why}."
        )
    read = await slices.run(safe_json.read(data, WATCHED), call.host.clock)
    call.document = Document(data, tuple(read.members), read.value)


def _check_form_is_taken(call: Call) -> None:
    if not path_table.takes_form(call.path):
        raise UnsupportedMedia(f"/v1/{call.path} takes no form. Send JSON, with Content-Type: application/json.")


def _is_form(request: Request) -> bool:
    return media_type(request.headers) == "multipart/form-data"


def may_be_json(request: Request) -> bool:
    """Whether the body is worth a look: not when it says that it is compressed, a form or a file."""
    if "content-encoding" in request.headers:
        return False
    return "json" in (request.headers.get("content-type") or "json").lower()
