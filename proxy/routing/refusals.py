"""Upstreams that refuse a field which Sluice put into the request: asked once more without it, and remembered."""

from __future__ import annotations

from typing import Any

from proxy.call import Call, Retry
from proxy.errors import UpstreamRefused
from proxy.wire import bounded_json
from proxy.wire.json_edit import Document

# What the host keeps of a kind of refusal: until when it counts, by upstream and model.
Lessons = dict[tuple[str, str], float]

# Statuses with which upstreams refuse a field: OpenAI's own, and that of validating frameworks.
REFUSALS = (400, 422)
_MAX_BYTES = 10_000  # bytes of a refusal that are looked into


def retry(call: Call, as_sent: Document, added: tuple[str, ...], lessons: Lessons) -> Retry:
    """What to ask the upstream with after it has refused `added`; `as_sent` is the request without these members."""
    return Retry(as_sent, added, lessons, _model(call))


def is_known(call: Call, lessons: Lessons) -> bool:
    """Whether the first target has refused this before, for the call's model."""
    return call.host.knows(lessons, call.plan.targets[0].name, _model(call))


def may_mind(refused: UpstreamRefused, added: tuple[str, ...]) -> bool:
    """Whether the upstream may have refused a member that Sluice added.

    Those that validate with a framework name it somewhere in a text or a list of their own.
    """
    if refused.status not in REFUSALS:
        return False
    return names(refused, added) or b"stream_options" in refused.body()


def _model(call: Call) -> str:
    return str(call.body.fields.get("model"))


def names(refused: UpstreamRefused, fields: tuple[str, ...]) -> bool:
    """Whether a refusal names one of `fields` as its cause: in `param`, or as the place where validation failed.

    A text that has the name in it proves nothing: it may quote what the caller sent.
    """
    if refused.status not in REFUSALS:
        return False
    if refused.fields()["param"] in fields:
        return True
    # FastAPI's and pydantic's form: {"detail": [{"loc": ["body", "stream_options"], …}]}.
    return any(["body", name] == place for name in fields for place in _places(refused.body()))


def _places(body: bytes) -> list[Any]:
    if len(body) > _MAX_BYTES or b'"loc"' not in body:
        return []
    try:
        detail = bounded_json.loads(body)["detail"]
        return [entry["loc"] for entry in detail]
    except (ValueError, RecursionError, LookupError, TypeError):
        return []
