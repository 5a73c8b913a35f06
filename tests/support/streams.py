"""Recorded streams."""

from __future__ import annotations

from pathlib import Path

from tests.support.paths import SHARED, TESTS


def recorded() -> list[Path]:
    here = TESTS / "streams"
    shared = SHARED / "data" / "streams"
    return sorted([*here.glob("*.sse"), *shared.glob("*.sse")])
