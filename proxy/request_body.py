"""Taking a request's body in: how much of it, and whether something is decided by what it asks for.

Every control that looks into a request (a key's limits, cost limits, the context guard, moderation, aliases, upstreams
chosen by model) asks what is read here, once and strictly. Where there is no control, a body that cannot be read passes
as it is.
"""

from __future__ import annotations

from proxy.access import strict_body
from proxy.call import Call
from proxy.errors import BadRequest
from proxy.messages import Request
from proxy.moderation import stage as moderation
from proxy.platforms.limits import number
from proxy.routing.model_field import is_single_name, requested_model
from proxy.wire import safe_json, work
from proxy.wire.json_edit import Document

# What the relay itself looks at in a request: for the log, for how the answer is requested, and for its end.
FIELDS = ("model", "stream", "n", "modalities", "audio", "stream_options")
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
    active = controls(call)
    why = why or next((_CONTROLS[name] for name in active), None)
    call.body.received = await _bytes(call, active)
    if call.body.native is not None or call.request.method in ("GET", "HEAD"):
        return
    if why is not None:
        await strict_body.read(call, why)
    elif may_be_json(call.request) and (scanned := await work.run(safe_json.scan(call.body.received), call.host.clock)):
        call.body.document = Document(call.body.received, tuple(scanned.members))
    document = call.body.document
    if document is not None:
        call.body.fields = {name: document.get(name) for name in FIELDS if name in document}
    model = requested_model(call)
    if model is not None and len(model) > strict_body.MAX_MODEL_LENGTH:
        if why is not None:
            raise BadRequest(
                f"The model's name is longer than {strict_body.MAX_MODEL_LENGTH} characters.", param="model"
            )
        call.body.fields.pop("model", None)
    if {"model", "limits", "context"}.intersection(active) and not is_single_name(model):
        raise BadRequest("The model's name has a comma or a control character in it. Name one model.", param="model")


def controls(call: Call) -> list[str]:
    """What of this configuration and this caller decides by the call's body: keys of the table above."""
    active = []
    if call.config.routes_by_model or call.allowed_models:
        active.append("model")
    if call.has_limits:
        active.append("limits")
    if call.config.context_guard != "off":
        active.append("context")
    if moderation.reads_prompt(call):
        active.append("moderation")
    if call.holds_credential:
        active.append("held")
    return active


async def _bytes(call: Call, active: list[str]) -> bytes:
    """The request's body, up to MAX_BODY_MB and what the platform's door takes.

    A form or a file that nobody looks into goes up unread where the platform can do that: it may be larger than what
    fits into memory.
    """
    request, door = call.request, call.host.capabilities.body_limit
    chosen = int((call.config.max_body_mb or 0) * 1_000_000)
    is_held = "held" in active
    if (
        request.native is not None
        and not call.protocol.known
        and not may_be_json(request)
        and not set(active) - {"held"}
        and (not is_held or (strict_body.is_form(request) and "*" in call.config.allow_references))
        and (not chosen or (request.length is not None and request.length <= chosen))
    ):
        if is_held:
            strict_body.check_form_accepted(call)
        call.body.native = request.native
        return b""
    limit = chosen or door or int(number("server", "http", "request body"))
    if door is not None and limit >= door:
        return await request.read(door, f"this platform ({call.host.platform})")
    return await request.read(limit)


def may_be_json(request: Request) -> bool:
    """Whether the body is worth a look: not when it says that it is compressed, a form or a file."""
    if "content-encoding" in request.headers:
        return False
    return "json" in (request.headers.get("content-type") or "json").lower()
