"""How large a function's JSON schema gets when it is written out for a model: references followed, types repeated.

Sixteen hundred bytes of definitions that refer to each other twice become gigabytes. Here each definition is measured
once, and nothing is written out. Pure, in slices.
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

MOST = 50_000_000  # bytes; no provider takes as much
_SCHEMAS = ("parameters", "input_schema", "schema")
_NUMBER_BYTES = 24
_INDEX_DIGITS = 8


class _Frame:
    """One value that is being measured: what is left of it, and what it has come to; `times` is how often it counts.

    `rest` has each member's value with what its name comes to, `units` the work of making this.
    """

    def __init__(self, value: Any, root: dict[str, Any]) -> None:
        self.value = value
        self.size = 2
        self.times = self.units = 1
        self.rest: Iterator[tuple[int, Any]]
        if isinstance(value, list):
            self.rest = zip(repeat(0), value)
            return
        kinds, title, reference = value.get("type"), value.get("title"), value.get("$ref")
        # Each of several types is told with all of the schema, and a title twice.
        self.times = len(kinds) if isinstance(kinds, list) and kinds else 1
        self.size += len(title) if isinstance(title, str) else 0
        self.rest = ((len(name) + 4, one) for name, one in value.items())
        if isinstance(reference, str):
            self.units += len(reference) // UNIT
            found = _resolved(reference, root)
            self.rest = chain(self.rest, [(0, found)] if found is not None else [])


def added(request: dict[str, Any]) -> Slices[int | None]:
    """How many bytes the schemas of a request have more when they are written out; None beyond MOST."""
    more = units = 0
    inner: set[int] = set()  # objects inside of a schema: what has a schema's name there is measured with all of it
    for name, value, owner, _ in walk(request):
        units += 1
        if units >= SLICE:
            yield units
            units = 0
        if not isinstance(value, dict):
            continue
        if id(owner) in inner:
            inner.add(id(value))
        elif name in _SCHEMAS:
            inner.add(id(value))
            size, units = yield from written(value, units)
            if size is None:
                return None
            more += size
    return more


def written(root: dict[str, Any], units: int = 0) -> Slices[tuple[int | None, int]]:
    """The bytes of one schema, written out, where that is more than it has; else 0. None beyond MOST.

    `units` is the work since the last yield, before and, in what is returned, after this. A definition that leads back
    to itself is told once: without an end nobody can write it out.
    """
    known: dict[int, int] = {}
    frames = [_Frame(root, root)]
    active = {id(root)}
    repeats = False
    while True:
        if units >= SLICE:
            yield units
            units = 0
        frame = frames[-1]
        for named, value in frame.rest:
            frame.size += named
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
            if size > MOST:
                return None, units
            known[id(frame.value)] = size
            active.discard(id(frame.value))
            frames.pop()
            if not frames:
                return size if repeats else 0, units
            frames[-1].size += size


def _resolved(reference: str, root: dict[str, Any]) -> dict[str, Any] | None:
    """What a `$ref` names in its own schema, None where that is nothing."""
    found: Any = root
    # Nothing that is nested more deeply has been read, so no longer path leads anywhere.
    path = unquote(reference).removeprefix("#").strip("/")
    for part in path.split("/", LEVELS) if path else ():
        if isinstance(found, list) and part.isdecimal() and len(part) < _INDEX_DIGITS:
            found = found[int(part)] if int(part) < len(found) else None
        else:
            found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        if found is None:
            return None
    return found if isinstance(found, dict) else None
