"""`json.loads` for untrusted JSON: nesting and the number of values are bounded. Pure.

CPython stops deep nesting with a RecursionError. Under Pyodide each level uses JavaScript's stack, and a few thousand
levels, a body of a few kilobytes, crash the isolate with every call in it ("Pyodide has suffered a fatal error.
RangeError: Maximum call stack size exceeded").
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

# Whether deep nesting crashes the interpreter.
FATAL = sys.platform == "emscripten"
# Real requests and answers have about twenty levels, including those of a schema.
LEVELS = 200
# JSON of more than this many bytes may not have more than this many values: parsing them would block other calls.
_LARGE_BYTES, _MAX_VALUES = 500_000, 200_000
# An unterminated string extends to the end; otherwise each of its quotation marks would be scanned again.
_TOKENS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]|[\]}]', re.DOTALL)


def loads(data: str | bytes, everywhere: bool = False) -> Any:
    """Like json.loads. Raises RecursionError for excessive nesting, on every platform.

    Raises ValueError also for large JSON with very many values, as no model's answer has. With `everywhere`, the limit
    is LEVELS on every platform, not only under Pyodide.
    """
    commas = "," if isinstance(data, str) else b","
    if len(data) > _LARGE_BYTES and _brackets(data) + data.count(commas) > _MAX_VALUES:  # type: ignore[arg-type]
        raise ValueError("too many values")
    # Bytes have at least as many brackets as the decoded text, and nearly always few enough.
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
    """Raise RecursionError if `text` has more than LEVELS brackets open at once."""
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
