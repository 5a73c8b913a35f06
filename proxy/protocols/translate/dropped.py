"""What of a request has no equal at the upstream. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from proxy.errors import BadRequest

_NAME = re.compile(r"[a-z][a-z0-9_.]{0,39}")
_MAX_NAMES = 16


class Dropped:
    """The names of what was left out, in order, for a header: bounded, and never with a caller's text in them."""

    __slots__ = ("names",)

    def __init__(self) -> None:
        self.names: list[str] = []

    def add(self, name: str) -> None:
        """Add a name, once. One that does not fit in a header is left out."""
        if name not in self.names and len(self.names) < _MAX_NAMES and _NAME.fullmatch(name):
            self.names.append(name)


# What becomes of a member of a request: it has an equal; it means nothing to the upstream, so that nothing is lost; it
# is left out and named, as is every member that a table does not list; or the request is refused.
MAPPED, SILENT, NAMED, REFUSED = "mapped", "silent", "named", "refused"


def name_others(
    request: dict[str, Any], members: Mapping[str, str], defaults: Mapping[str, tuple[Any, ...]], dropped: Dropped
) -> None:
    """Name the members of a request that are left out. `defaults` are values that change nothing."""
    for name, value in request.items():
        if members.get(name, NAMED) == NAMED and value is not None and value not in defaults.get(name, ()):
            dropped.add(name)


def refused(message: str, param: str) -> BadRequest:
    """The error for a request that the upstream cannot serve; `message` says what to change."""
    return BadRequest(message, code="not_translatable", param=param)


def quoted(value: Any) -> str:
    """A short form of a caller's value, for an error message."""
    return repr(value)[:60] if isinstance(value, str) else f"a {type(value).__name__}"
