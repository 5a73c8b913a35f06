"""Which model a call names, in JSON, in a form field or in the path.

Routing and the limits of signed keys depend on it. request_body refuses a body that Sluice and the upstream could read
differently.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from proxy.call import Call
from proxy.wire import path_table
from proxy.wire.path_table import is_listing

if TYPE_CHECKING:
    from proxy.wire.multipart import Field

MODELS_PREFIX = "models/"


def requested_model(call: Call) -> str | None:
    """Return the call's model, None if it names none that can be read."""
    path = call.path
    if (model := path_table.path_model(path)) is not None:
        return model
    if is_listing(call.request.method, path):
        return unquote(path.removeprefix(MODELS_PREFIX)) if path.startswith(MODELS_PREFIX) else None
    if call.body.form is not None:
        field = _form_field(call)
        return field.text(call.body.received) if field else None
    model = call.body.document.get("model") if call.body.document else None
    return model if isinstance(model, str) else None


def is_single_name(name: str | None) -> bool:
    """Whether `name` stands for one model. Some gateways read a name with commas as a list (LiteLLM)."""
    return name is None or ("," not in name and name.isprintable())


def rename_path(call: Call, path: str, name: str) -> str:
    """Return the call's path with `name` in place of the model in it, if there is one."""
    if path_table.path_model(path) is not None:
        return path_table.with_model(path, quote(name, safe=""))
    has_model = path.startswith(MODELS_PREFIX) and is_listing(call.request.method, path)
    return MODELS_PREFIX + quote(name, safe="") if has_model else path


def rename_form(call: Call, name: str) -> bytes:
    """Return the call's form with `name` as its model."""
    field, data = _form_field(call), call.body.received
    return data if field is None else b"".join([data[: field.start], name.encode(), data[field.end :]])


def _form_field(call: Call) -> Field | None:
    return next((part for part in call.body.form or () if part.name == "model"), None)
