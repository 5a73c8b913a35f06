"""`python -m proxy …` as people run it: a process of its own, with the settings of a test and no others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.paths import ROOT

SECONDS = 120  # a ceiling: starting Python may take long on a busy machine
_KEPT = ("PATH", "SYSTEMROOT", "HOME", "COVERAGE")


def run(
    *arguments: str, stdin: str = "", folder: Path | str = ROOT, **settings: str
) -> subprocess.CompletedProcess[str]:
    """What the command printed, and its exit code, in a `folder` whose `.env` it reads."""
    clean = {name: value for name, value in os.environ.items() if name.startswith(_KEPT)}
    return subprocess.run(
        [sys.executable, "-m", "proxy", *arguments],
        cwd=folder,
        env={**clean, "PYTHONUTF8": "1", "PYTHONPATH": str(ROOT), **settings},
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
