"""What an upstream's refusal of a request says about its fields. Pure."""

from __future__ import annotations

from typing import Any

from proxy.errors import UpstreamRefused
from proxy.wire import bounded_json

# Statuses with which upstreams refuse a field: OpenAI's own, and that of validating frameworks.
REFUSALS = (400, 422)
_MOST = 10_000  # bytes of a refusal that are looked into


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
    if len(body) > _MOST or b'"loc"' not in body:
        return []
    try:
        detail = bounded_json.loads(body)["detail"]
        return [one["loc"] for one in detail]
    except (ValueError, RecursionError, LookupError, TypeError):
        return []
