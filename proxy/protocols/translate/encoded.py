"""An event that is made here as bytes. Pure."""

from __future__ import annotations

import json
from typing import Any

from proxy.wire import sse


def encoded(event: dict[str, Any], name: str | None = None) -> bytes:
    """A server-sent event, with its name if it has one.

    A character outside the basic plane may come in two pieces, each with half of a surrogate pair. Only an escape can
    say that.
    """
    try:
        return sse.event(event, name)
    except UnicodeEncodeError:
        data = json.dumps(event, separators=(",", ":"))
        return (f"event: {name}\n" if name else "").encode() + f"data: {data}\n\n".encode()
