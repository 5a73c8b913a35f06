"""Which model a call names, wherever it may stand: in JSON, in a form's field, in the path. The stricter reading.

Used where the model decides something (a minted key's restriction, the upstream to go to): request_body has refused
what could be read in two ways by us and by the upstream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from proxy.call import Call
from proxy.wire.path_table import is_listing

if TYPE_CHECKING:
    from proxy.wire.multipart import Field

LISTED = "models/"


def named(call: Call) -> str | None:
    """The call's model, None where it names none that can be read."""
    path = call.path
    if is_listing(call.request.method, path):
        return unquote(path.removeprefix(LISTED)) if path.startswith(LISTED) else None
    if call.body.form is not None:
        field = _field(call)
        return field.text(call.body.received) if field else None
    model = call.body.document.get("model") if call.body.document else None
    return model if isinstance(model, str) else None


def is_one_name(name: str | None) -> bool:
    """Whether `name` stands for one model: some gateways take what has commas for a list of them (LiteLLM)."""
    return name is None or ("," not in name and name.isprintable())


def rename_path(call: Call, path: str, name: str) -> str:
    """The call's path with `name` for the model that stands in it, if one does."""
    return LISTED + quote(name, safe="") if path.startswith(LISTED) and is_listing(call.request.method, path) else path


def rename_form(call: Call, name: str) -> bytes:
    """The call's form with `name` for its model."""
    field, data = _field(call), call.body.received
    return data if field is None else b"".join([data[: field.start], name.encode(), data[field.end :]])


def _field(call: Call) -> Field | None:
    return next((part for part in call.body.form or () if part.name == "model"), None)
