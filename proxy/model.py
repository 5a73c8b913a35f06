"""Which model a call names, wherever it may stand: in JSON, in a form's field, in the path. The stricter reading.

Used where the model decides something (a minted key's restriction, the upstream to go to): what could be read in two
ways by us and by the upstream is refused.
"""

from __future__ import annotations

import json
from urllib.parse import quote, unquote

from proxy import body, form, nesting
from proxy.auth import is_listing
from proxy.call import Call, media_type

LISTED = "models/"


def named(call: Call) -> str | None:
    """The call's model, None where it names none that can be read. Raises BadRequest where it names one twice."""
    path = call.route.path if call.route else ""
    if is_listing(call.request.method, path):
        return unquote(path.removeprefix(LISTED)) if path.startswith(LISTED) else None
    headers = call.request.headers
    if "content-encoding" in headers or call.request.method in ("GET", "HEAD", "DELETE"):
        return None
    if media_type(headers) == "multipart/form-data":
        field = form.field(call.request.headers, call.body, "model")
        return field.text if field else None
    found = body.members(call.body)
    if found is None:
        return None
    body.unique(found)
    value = next((call.body[one.value : one.end] for one in found if one.name == "model"), b"null")
    try:
        model = nesting.loads(value)
    except (ValueError, RecursionError):
        return None
    return model if isinstance(model, str) else None


def rename(call: Call, path: str, data: bytes, name: str) -> tuple[str, bytes]:
    """The call's path and body with `name` for its model. The body is one that `named` has read."""
    if path.startswith(LISTED) and is_listing(call.request.method, path):
        return LISTED + quote(name, safe=""), data
    if media_type(call.request.headers) == "multipart/form-data":
        field = form.field(call.request.headers, data, "model")
        return path, data if field is None else b"".join([data[: field.start], name.encode(), data[field.end :]])
    edited = body.setting(data, {"model": json.dumps(name).encode()})
    return path, data if edited is None else edited
