"""Running what works in slices, and looking at how much of it was done at a stretch."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

from proxy.wire import safe_json
from proxy.wire.json_edit import Document

T = TypeVar("T")


def run(slices: Generator[int, None, T]) -> tuple[T, list[int]]:
    """What the slices return, and the units of work between two yields."""
    result: list[T] = []

    def drive() -> Generator[int, None, None]:
        result.append((yield from slices))

    units = list(drive())
    return result[0], units


def scanned(raw: bytes) -> Document | None:
    """The document in `raw`, as it is read where nothing is decided by it."""
    found, _ = run(safe_json.scan(raw))
    return Document(raw, tuple(found.members)) if found else None


def read(raw: bytes) -> Document:
    """The document in `raw`, read strictly. Raises BadRequest."""
    found, _ = run(safe_json.read(raw))
    return Document(raw, tuple(found.members), found.value)
