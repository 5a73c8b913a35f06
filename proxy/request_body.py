"""Reading a request's body: up to which size, and whether strictly.

Every control that depends on the body (a key's limits, cost limits, the context guard, moderation, aliases, routing by
model) uses the one strict reading made here. Without a control, a body that cannot be read passes unchanged.
"""

from __future__ import annotations

from proxy.access import strict_body
from proxy.call import Call
from proxy.errors import BadRequest
from proxy.messages import Request
from proxy.moderation import stage as moderation
from proxy.platforms.limits import number
from proxy.routing import targets
from proxy.routing.model_field import is_single_name, requested_model
from proxy.wire import safe_json, work
from proxy.wire.json_edit import Document

# The members that the relay itself uses: for the log, for requesting the answer, and for ending it.
FIELDS = frozenset(("model", "stream", "n", "modalities", "audio", "stream_options"))
_SERVER_LIMIT = int(number("server", "http", "request body"))
# The controls, and the reasons that they give in a refusal.
_CONTROLS = {
    "held": "calls go up with a credential that the server holds",
    "limits": "this endpoint's owner limits what calls may cost",
    "context": "its length is checked here before it goes up",
    "moderation": "this server checks prompts",
    "model": "its model decides where it may go",
    "translation": "it is translated for the upstream",
}
# Those for which one model has to be named.
_NEED_ONE_MODEL = frozenset(("model", "limits", "context"))


async def take(call: Call, why: str | None = None) -> None:
    """Read the body into the call. `why` is a reason for strict reading in addition to the controls.

    Raises BodyTooLarge; if it reads strictly also UnsupportedMedia, BadRequest and TooComplex.
    """
    active = controls(call)
    if why is None and active:
        why = _CONTROLS[active[0]]
    call.body.received = await _bytes(call, active)
    call.body.fields = call.protocol.path_fields(call.path, call.request.query)
    if call.body.native is not None or call.request.method in ("GET", "HEAD"):
        return
    if why is not None:
        await strict_body.read(call, why)
    elif may_be_json(call.request) and (scanned := await work.run(safe_json.scan(call.body.received), call.host.clock)):
        call.body.document = Document(call.body.received, tuple(scanned.members))
    document = call.body.document
    if document is not None:
        fields = {member.name: document.get(member.name) for member in document.members if member.name in FIELDS}
        call.body.fields = {**fields, **call.body.fields}
    model = requested_model(call)
    if model is not None and len(model) > strict_body.MAX_MODEL_LENGTH:
        if why is not None:
            raise BadRequest(
                f"The model's name is longer than {strict_body.MAX_MODEL_LENGTH} characters. Send a shorter one.",
                param="model",
            )
        call.body.fields.pop("model", None)
    if not _NEED_ONE_MODEL.isdisjoint(active) and not is_single_name(model):
        raise BadRequest("The model's name has a comma or a control character in it. Name one model.", param="model")


def controls(call: Call) -> list[str]:
    """Return the controls of this configuration and caller that depend on the call's body, as keys of _CONTROLS."""
    active = []
    if call.config.routes_by_model or call.allowed_models:
        active.append("model")
    if call.has_limits or call.has_budget:
        active.append("limits")
    if call.config.context_guard != "off":
        active.append("context")
    if moderation.reads_prompt(call):
        active.append("moderation")
    if call.holds_credential:
        active.append("held")
    if call.config.lacks(call.api) and targets.is_translatable(call):
        active.append("translation")
    return active


async def _bytes(call: Call, active: list[str]) -> bytes:
    """Return the request's body, up to MAX_BODY_MB and the platform's own limit.

    A form or a file that no control reads goes up unread if the platform can do that. It may be larger than the memory.
    """
    request, platform_limit = call.request, call.host.capabilities.body_limit
    configured = int((call.config.max_body_mb or 0) * 1_000_000)
    is_held = "held" in active
    if (
        request.native is not None
        and not call.protocol.known
        and not may_be_json(request)
        and not set(active) - {"held"}
        and (not is_held or (strict_body.is_form(request) and "*" in call.config.allow_references))
        and (not configured or (request.length is not None and request.length <= configured))
    ):
        if is_held:
            strict_body.check_form_accepted(call)
        call.body.native = request.native
        return b""
    limit = configured or platform_limit or _SERVER_LIMIT
    if platform_limit is not None and limit >= platform_limit:
        return await request.read(platform_limit, f"this platform ({call.host.platform})")
    return await request.read(limit)


def may_be_json(request: Request) -> bool:
    """Whether the body may be JSON: its headers do not declare it compressed, a form or a file."""
    if "content-encoding" in request.headers:
        return False
    return "json" in (request.headers.get("content-type") or "json").lower()
