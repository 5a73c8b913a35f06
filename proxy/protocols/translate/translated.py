"""A translated request. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple


class Translated(NamedTuple):
    """A translated request.

    `dropped` names what was left out and may be missed. `names` has the tools whose names had to be changed, each new
    name with its original: the answer needs it.
    """

    request: dict[str, Any]
    dropped: list[str]
    names: dict[str, str]
