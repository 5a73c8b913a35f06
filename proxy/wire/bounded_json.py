"""Reading JSON that may be nested without end, also where the interpreter does not survive that. Pure.

CPython gives up in time, with a RecursionError. Under Pyodide each level takes of JavaScript's stack, and some
thousands of them, a body of a few kilobytes, end the whole isolate with every call in it ("Pyodide has suffered a fatal
error. RangeError: Maximum call stack size exceeded").
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

FATAL = sys.platform == "emscripten"
# Requests and answers have some twenty levels, those of a schema among them.
LEVELS = 200
# A JSON text of more bytes is looked at first: one with as many values would hold everybody up for long.
_LARGE, _VALUES = 500_000, 200_000
# A string that has no end is one to the end, or each of its quotation marks would be looked at anew.
_TOKENS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]|[\]}]', re.DOTALL)


def loads(data: str | bytes, everywhere: bool = False) -> Any:
    """As json.loads. Raises RecursionError for what is nested too deeply, on every platform.

    Raises ValueError for what is large and has very many values, as no answer of a model has.
    `everywhere` says that too deeply is more than LEVELS on every platform, and not only where that matters.
    """
    commas = "," if isinstance(data, str) else b","
    if len(data) > _LARGE and _brackets(data) + data.count(commas) > _VALUES:  # type: ignore[arg-type]
        raise ValueError("too many values")
    # In bytes there are no fewer brackets than in what they are decoded to, and nearly always few enough.
    if (FATAL or everywhere) and _brackets(data) > LEVELS:
        check(data if isinstance(data, str) else data.decode(json.detect_encoding(data), "replace"))
    return json.loads(data)


def parse(data: str | bytes, everywhere: bool = False) -> Any:
    """Like `loads`, but returns None for JSON that is invalid or beyond the limits."""
    try:
        return loads(data, everywhere)
    except (ValueError, RecursionError):
        return None


def _brackets(data: str | bytes) -> int:
    return data.count("[") + data.count("{") if isinstance(data, str) else data.count(b"[") + data.count(b"{")


def check(text: str) -> None:
    """Raise RecursionError where `text` has more than LEVELS brackets open at once."""
    if _brackets(text) <= LEVELS:  # nearly always
        return
    depth = 0
    for match in _TOKENS.finditer(text):
        first = match[0][0]
        if first in "[{":
            depth += 1
            if depth > LEVELS:
                raise RecursionError
        elif first in "]}":
            depth -= 1
