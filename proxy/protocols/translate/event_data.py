"""The data of an upstream's event. Pure."""

from __future__ import annotations

from typing import Any

from proxy.wire import bounded_json

# What stands for an event that cannot be read: a part of the answer is missing, so it must not look complete.
_UNREADABLE = {"error": {"message": "The upstream sent an event that is not readable.", "type": "upstream_error"}}


def read_event(data: bytes) -> dict[str, Any] | None:
    """An event's object: None if it is none, an error if it is one that cannot be read.

    Bytes that are no UTF-8 become replacement characters: the rest of their text counts.
    """
    value = bounded_json.parse(data)
    if value is None and data.lstrip().startswith(b"{"):
        value = bounded_json.parse(data.decode("utf-8", "replace").encode())
        value = _UNREADABLE if value is None else value
    return value if isinstance(value, dict) else None
