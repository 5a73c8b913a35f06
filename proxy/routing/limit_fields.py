"""The members of a request that limit its answer, at the top level or, in Google's API, one level below. Pure.

A name such as `generationConfig.maxOutputTokens` leads to a member of a member. Google's servers also accept
snake_case (protobuf.dev/programming-guides/json, read 2026-11-26).
"""

from __future__ import annotations

import json
import re
from typing import Any

from proxy.errors import BadRequest

_UPPER = re.compile("[A-Z]")


def value_at(request: dict[str, Any], name: str) -> Any:
    """Return the member's value, None if there is none. Raises BadRequest if it is there in both spellings."""
    value: Any = request
    for part in name.split("."):
        value = value.get(_spelling(value, part)) if isinstance(value, dict) else None
    return value


def setting(request: dict[str, Any], name: str, value: int) -> dict[str, bytes]:
    """Return the top-level member with this member set to `value`, as JSON."""
    holder, dot, member = name.partition(".")
    if not dot:
        return {name: b"%d" % value}
    holder = _spelling(request, holder)
    before = request.get(holder)
    before = before if isinstance(before, dict) else {}
    return {holder: json.dumps({**before, _spelling(before, member): value}, separators=(",", ":")).encode()}


def _spelling(owner: dict[str, Any], name: str) -> str:
    """Return the name as the owner spells it, or `name` itself if it is not there."""
    snake = _UPPER.sub(lambda letter: f"_{letter[0].lower()}", name)
    if snake == name or snake not in owner:
        return name
    if name in owner:
        raise BadRequest(f"The request has both {name} and {snake}. Send one of them.", param=name)
    return snake
