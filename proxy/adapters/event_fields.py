"""What adapters share that get a request as one event: reading its fields, and building the one value they return.

Events are read with defaults, because documents and platforms differ: names in any case, values of any type.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from proxy.errors import BadRequest, ProxyError, ResponseTooLarge
from proxy.messages import Headers, Request, media_type

if TYPE_CHECKING:
    from proxy.streaming.envelope import Envelope

# What stays as it is in a path and in a query: an encoded one does not change.
_PATH_SAFE = "/%:@!$&'()*+,;=~-._"
# What a decoder writes for bytes that are no UTF-8, and the media types beside text/* that are text.
_LOST = "\ufffd"
_TEXT = re.compile(r"json|xml|yaml|javascript|x-www-form-urlencoded")


@contextmanager
def reading_event() -> Iterator[None]:
    """Raise BadRequest instead of any other exception: an event may only look like a request."""
    try:
        yield
    except ProxyError:
        raise
    except Exception as error:
        raise BadRequest(
            f"The event cannot be read ({type(error).__name__}). Call this function over HTTP.", code="bad_event"
        ) from None


def mapping(value: Any) -> Mapping[str, Any]:
    """`value` if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def pairs(fields: Any) -> list[tuple[str, Any]]:
    """The (name, value) pairs of a mapping whose values may be lists; an empty list for anything else."""
    items = mapping(fields).items()
    return [(str(name), each) for name, value in items for each in (value if isinstance(value, list) else [value])]


def read_headers(fields: Any) -> Headers:
    """The headers in a mapping of names to values or lists of values. Leaves out null values."""
    return Headers((name, str(value)) for name, value in pairs(fields) if value is not None)


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"


def build_query(parameters: Iterable[tuple[str, Any]]) -> str:
    """A query string of decoded parameters; null values become empty ones."""
    return urlencode([(name, "" if value is None else value) for name, value in parameters], errors="replace")


def read_body(body: Any, is_base64: Any) -> bytes:
    """The body in bytes. `is_base64` is true or "true". Raises BadRequest if the body is not base64 after all."""
    if body is None:
        return b""
    if not isinstance(body, str):  # the platform has parsed it
        return json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
    if not _is_true(is_base64):
        return body.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        raise BadRequest("The event's body says that it is base64 and is not.", code="bad_event") from None


def check_intact(headers: Headers, body: Any, is_base64: Any, advice: str) -> None:
    """Raise BadRequest for a binary body that the platform has decoded as text. `advice` says what its owner can do.

    Bytes that are no UTF-8 became U+FFFD there, so the body would go up longer than it was, and broken.
    """
    if not isinstance(body, str) or _is_true(is_base64) or _LOST not in body:
        return
    kind = media_type(headers)
    if "content-encoding" not in headers and (not kind or kind.startswith("text/") or _TEXT.search(kind)):
        return  # a text may hold this character
    raise BadRequest(
        f"The platform has turned this body ({kind or 'compressed'}) into text and lost bytes of it. {advice}",
        code="body_damaged",
    )


def build_request(
    method: str,
    path: str,
    query: str,
    headers: Headers,
    body: Any,
    *,
    is_base64: Any,
    deadline: float | None,
    advice: str = "Send a text.",
) -> Request:
    """The request of an event. Encodes again what the platform has decoded of `path` and `query`.

    `deadline` is the number of seconds left, None if there is no limit. `advice` is for the owner of a door that
    carries text only.

    Raises BadRequest as read_body and check_intact do, and IncompleteBody if the body is shorter than its
    Content-Length.
    """
    check_intact(headers, body, is_base64, advice)
    data = read_body(body, is_base64)
    origin = f"https://{headers.get('host') or ''}"
    path = quote(path, safe=_PATH_SAFE, errors="replace")
    query = quote(query, safe=_PATH_SAFE + "?", errors="replace")
    request = Request(method.upper(), path, query, headers, data, deadline=deadline, origin=origin)
    if body is None or isinstance(body, str):  # a body that the platform has parsed is written in another length
        request.check_complete(len(data))
    headers.remove("content-length")  # it was the length of what the caller sent
    return request


def join_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers as a mapping. Values of the same name are joined with commas (RFC 9110, section 5.3)."""
    joined: dict[str, str] = {}
    for name, value in headers:
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def check_size(answer: dict[str, Any], envelope: Envelope) -> None:
    """Raise ResponseTooLarge before the platform fails the invocation with an error of its own."""
    from proxy.streaming.envelope import fits  # functions that stream do without it

    if not fits(answer, envelope.limit, envelope.escapes):
        raise ResponseTooLarge(envelope.limit, envelope.where)
