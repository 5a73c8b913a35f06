"""Parts that neither pip nor npm can bring. Without them a test is skipped, or fails under REQUIRE_ALL=1."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from proxy.cli.bundle.bytecode import find_python


def need(program: str) -> str:
    """The path of a program."""
    return _found(shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin"), program)


def need_python(version: str) -> str:
    """The path of a Python of this minor version."""
    return _found(find_python(version), f"Python {version}")


def need_chinese_font() -> None:
    """A font with Chinese characters, without which a picture shows boxes."""
    from tools.screenshots import has_chinese_font  # few tests take pictures

    _found("a font" if has_chinese_font() else None, "A Chinese font (fonts-noto-cjk)")


def need_folder(path: Path) -> Path:
    """This folder, which is beside the checkout."""
    _found(str(path) if path.is_dir() else None, f"The folder {path.parent.name}/{path.name} beside the checkout")
    return path


def _found(path: str | None, name: str) -> str:
    if path is None:
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail(f"{name} is missing, and REQUIRE_ALL=1 says that nothing may be")
        pytest.skip(f"{name} is not on this machine")
    return path


def coverage() -> dict[str, str]:
    """What a process that a test starts needs in its environment for its lines to be counted."""
    return {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
