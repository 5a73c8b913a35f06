"""A translated request. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class Translated(NamedTuple):
    """A translated request.

    - `dropped`: names of what was left out and may be missed.
    - `names`: the functions under which the upstream knows tools of other names or kinds, and what the answer has to
      call them.
    - `echo`: the members of the request that the answer repeats.
    """

    request: dict[str, Any]
    dropped: list[str]
    names: dict[str, Any]
    echo: Mapping[str, Any] = MappingProxyType({})
