"""Which model a call names, wherever it may stand: in JSON, in a form's field, in the path. The stricter reading.

Used where the model decides something (a minted key's restriction, the upstream to go to): what could be read in two
ways by us and by the upstream is refused.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from proxy import body, nesting
from proxy.auth import is_listing
from proxy.call import Call, media_type
from proxy.errors import BadRequest

LISTED = "models/"
_BOUNDARY = re.compile(r';\s*boundary=(?:"([^"\\]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_DISPOSITION = re.compile(rb"^content-disposition:[ \t]*(.*)$", re.IGNORECASE | re.MULTILINE)
_FIELD = re.compile(rb'form-data[ \t]*;[ \t]*name=(?:"([^"\\\r\n]*)"|([A-Za-z0-9_.-]+))[ \t]*(?:;[ \t]*filename=.*)?')
_NAME = re.compile(rb";\s*name", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Field:
    """The form field `model`: its text, and where in the body that starts and ends."""

    text: str
    start: int
    end: int


def named(call: Call) -> str | None:
    """The call's model, None where it names none that can be read. Raises BadRequest where it names one twice."""
    path = call.route.path if call.route else ""
    if is_listing(call.request.method, path):
        return unquote(path.removeprefix(LISTED)) if path.startswith(LISTED) else None
    headers = call.request.headers
    if "content-encoding" in headers:
        return None
    if media_type(headers) == "multipart/form-data":
        field = in_form(call)
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
        field = in_form(call)
        return path, data if field is None else b"".join([data[: field.start], name.encode(), data[field.end :]])
    edited = body.setting(data, {"model": json.dumps(name).encode()})
    return path, data if edited is None else edited


def in_form(call: Call) -> Field | None:
    """The form's field `model`. Raises BadRequest where there are two, or where a part's name can be read in two ways.

    Forms are small text around large files, so the body is searched for its boundary and never taken apart as a whole
    (RFC 7578, RFC 2046 section 5.1.1).
    """
    match = _BOUNDARY.search(call.request.headers.get("content-type") or "")
    if match is None:
        return None
    mark = b"--" + (match[1] or match[2]).encode("latin-1")
    data, found = call.body, []
    at = 0 if data.startswith(mark) else data.find(b"\r\n" + mark) + 2
    while at >= 0 and data.startswith(mark, at) and not data.startswith(mark + b"--", at):
        end = data.find(b"\r\n" + mark, at)
        head_end = data.find(b"\r\n\r\n", at)
        if end < 0 or not at < head_end < end:
            return None
        if _name(data[at:head_end]) == b"model":
            text = data[head_end + 4 : end].decode("utf-8", "replace")
            found.append(Field(text, head_end + 4, end))
        at = end + 2
    if len(found) > 1:
        raise BadRequest("The form has the field 'model' twice. Send it once.", code="duplicate_key", param="model")
    return found[0] if found else None


def _name(head: bytes) -> bytes:
    """The name of one part of a form."""
    lines = _DISPOSITION.findall(head.replace(b"\r\n", b"\n"))
    match = _FIELD.fullmatch(lines[0]) if len(lines) == 1 else None
    if match is None or len(_NAME.findall(lines[0])) > 1:
        raise BadRequest(
            'The form has a part whose name cannot be read for certain. Name each part once: form-data; name="…".',
            code="unreadable_body",
        )
    return bytes(match[1] if match[1] is not None else match[2])
