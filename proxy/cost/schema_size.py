"""How large a function's JSON schema becomes when it is written out for a model: references resolved, types repeated.

Sixteen hundred bytes of definitions that refer to each other twice can grow to gigabytes. This module measures each
definition once and writes nothing out. Pure, in slices.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any
from urllib.parse import unquote

from proxy.wire.bounded_json import LEVELS
from proxy.wire.json_walk import walk
from proxy.wire.json_window import UNIT
from proxy.wire.work import SLICE, Slices

MAX_BYTES = 50_000_000  # no provider accepts as much
# Google's API has two kinds of schemas for parameters, and others for results and answers, in two spellings each
# (ai.google.dev/api/caching#FunctionDeclaration, ai.google.dev/api/generate-content#GenerationConfig, read 2026-11-27).
_SCHEMAS = frozenset(
    "parameters input_schema schema parametersJsonSchema parameters_json_schema response responseJsonSchema "
    "response_json_schema responseSchema response_schema".split()
)
_NUMBER_BYTES = 24
_INDEX_DIGITS = 8


class _Frame:
    """One value that is being measured. `size` is counted in bytes and multiplied by `times` at the end.

    `rest` yields each remaining member's value with the size of its name. `units` is the work of creating the frame.
    """

    def __init__(self, value: Any, root: dict[str, Any]) -> None:
        self.value = value
        self.size = 2
        self.times = self.units = 1
        self.rest: Iterator[tuple[int, Any]]
        if isinstance(value, list):
            self.rest = zip(repeat(0), value)
            return
        types, title, reference = value.get("type"), value.get("title"), value.get("$ref")
        # Providers repeat the whole schema for each of several types, and write a title twice.
        self.times = len(types) if isinstance(types, list) and types else 1
        self.size += len(title) if isinstance(title, str) else 0
        self.rest = ((len(name) + 4, member) for name, member in value.items())
        if isinstance(reference, str):
            self.units += len(reference) // UNIT
            definition = _resolve(reference, root)
            self.rest = chain(self.rest, [(0, definition)] if definition is not None else [])


def added_bytes(request: dict[str, Any]) -> Slices[int | None]:
    """Return how many bytes the request's schemas grow by when they are written out, None above MAX_BYTES."""
    added = units = 0
    in_schema: set[int] = set()  # objects inside a schema: a schema's name there belongs to the outer schema
    for name, value, owner, _ in walk(request):
        units += 1
        if units >= SLICE:
            yield units
            units = 0
        if not isinstance(value, dict):
            continue
        if id(owner) in in_schema:
            in_schema.add(id(value))
        elif name in _SCHEMAS:
            in_schema.add(id(value))
            size, units = yield from expanded_size(value, units)
            if size is None:
                return None
            added += size
    return added


def expanded_size(root: dict[str, Any], units: int = 0) -> Slices[tuple[int | None, int]]:
    """Return the size in bytes of one written-out schema, 0 if writing it out adds nothing, None above MAX_BYTES.

    `units` is the work since the last yield; the second result is its value at the end. A definition that refers to
    itself is counted once, because nobody can write out an endless one.
    """
    known: dict[int, int] = {}
    frames = [_Frame(root, root)]
    active = {id(root)}
    repeats = False
    while True:
        frame = frames[-1]
        for name_size, value in frame.rest:
            frame.size += name_size
            units += 1
            if units >= SLICE:
                yield units
                units = 0
            if isinstance(value, str):
                frame.size += len(value.encode("utf-8", "surrogatepass")) + 2
            elif not isinstance(value, (dict, list)):
                frame.size += _NUMBER_BYTES
            elif (size := known.get(id(value))) is not None:
                repeats = True
                frame.size += size
            elif id(value) in active:
                repeats = True
            else:
                frames.append(_Frame(value, root))
                units += frames[-1].units
                active.add(id(value))
                break
        else:
            size = frame.size * frame.times
            repeats = repeats or frame.times > 1
            if size > MAX_BYTES:
                return None, units
            known[id(frame.value)] = size
            active.discard(id(frame.value))
            frames.pop()
            if not frames:
                return size if repeats else 0, units
            frames[-1].size += size


def _resolve(reference: str, root: dict[str, Any]) -> dict[str, Any] | None:
    """Return the object that a `$ref` names within its own schema, None if there is none."""
    value: Any = root
    # The parser accepts LEVELS levels at most, so a longer path leads nowhere.
    path = unquote(reference).removeprefix("#").strip("/")
    for part in path.split("/", LEVELS) if path else ():
        if isinstance(value, list) and part.isdecimal() and len(part) < _INDEX_DIGITS:
            value = value[int(part)] if int(part) < len(value) else None
        else:
            value = value.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(value, dict) else None
        if value is None:
            return None
    return value if isinstance(value, dict) else None
