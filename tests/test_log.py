"""Which log lines are written."""

from __future__ import annotations

import pytest

from proxy import log
from tests.support.core import host


@pytest.mark.parametrize(
    ("least", "level", "written"), [("info", "info", 1), ("warning", "info", 0), ("off", "error", 0)]
)
def test_lines_below_the_level_are_not_written(least: str, level: str, written: int) -> None:
    lines: list[str] = []
    log.line(host(lines), least, level, {"event": "x"})
    assert len(lines) == written
