"""Upstreams that refuse a member which Sluice added to the request: Sluice retries without it, and remembers."""

from __future__ import annotations

from typing import Any

from proxy.call import Call, Retry
from proxy.errors import UpstreamRefused
from proxy.wire import bounded_json
from proxy.wire.json_edit import Document

# What the host remembers of one kind of refusal: by upstream and model, the time until which it counts.
Lessons = dict[tuple[str, str], float]

# Statuses with which upstreams refuse a member: OpenAI's, and that of validation frameworks.
REFUSALS = (400, 422)
_MAX_BYTES = 10_000  # bytes of a refusal that is parsed


def retry(call: Call, original: Document, added: tuple[str, ...], lessons: Lessons) -> Retry:
    """Return the retry for an upstream that refuses `added`. `original` is the request without these members."""
    return Retry(original, added, lessons, _model(call))


def was_refused(call: Call, lessons: Lessons) -> bool:
    """Whether the first target has refused this before, for the call's model."""
    return call.host.knows(lessons, call.plan.targets[0].name, _model(call))


def may_concern(error: UpstreamRefused, added: tuple[str, ...]) -> bool:
    """Whether the upstream may have refused a member that Sluice added.

    Some validation frameworks name the member only within a text of their own.
    """
    if error.status not in REFUSALS:
        return False
    return names_field(error, added) or b"stream_options" in error.body()


def names_field(error: UpstreamRefused, fields: tuple[str, ...]) -> bool:
    """Whether a refusal names one of `fields` as its cause: in `param`, or as the location of a validation error.

    The name within a text proves nothing, because the text may quote the caller.
    """
    if error.fields()["param"] in fields:
        return True
    # The form of FastAPI and pydantic: {"detail": [{"loc": ["body", "stream_options"], …}]}.
    return any(["body", name] == location for name in fields for location in _locations(error.body()))


def _model(call: Call) -> str:
    return str(call.body.fields.get("model"))


def _locations(body: bytes) -> list[Any]:
    if len(body) > _MAX_BYTES or b'"loc"' not in body:
        return []
    try:
        detail = bounded_json.loads(body)["detail"]
        return [entry["loc"] for entry in detail]
    except (ValueError, RecursionError, LookupError, TypeError):
        return []
