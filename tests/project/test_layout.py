"""The tests' own order: where they stand, what they may import, and what a second Python may leave out."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT, TESTS

# Subjects without a folder in proxy/, and what is no test.
OTHERS = {"agents", "benchmarks", "contract", "deploy", "project", "sdk", "security", "support"}
DATA = {"clients", "edgeone", "events", "node", "sam", "streams", "vercel", "wrangler"}
# Folders of proxy/ without tests of their own: data, and errors, which are tested where they are raised.
UNTESTED = {"data", "errors"}


def folders(place: Path) -> set[str]:
    """The folders in `place` that hold something; caches of what is gone may still be there."""
    named = [path for path in place.iterdir() if path.is_dir() and not path.name.startswith(("_", "."))]
    return {path.name for path in named if any(entry.name != "__pycache__" for entry in path.iterdir())}


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{one.name}" for one in node.names)


def test_tests_follow_the_folders_of_the_code() -> None:
    assert folders(TESTS) - OTHERS - DATA == folders(ROOT / "proxy") - UNTESTED
    for path in TESTS.glob("test_*.py"):
        assert (ROOT / "proxy" / path.name.removeprefix("test_")).exists(), path.name


def test_no_module_imports_a_test() -> None:
    sources = [*TESTS.rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py"), *(ROOT / "tools").rglob("*.py")]
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources
        if not {"node_modules", "python_modules"} & set(path.parts)
        for name in imported(path)
        if name.startswith("tests.") and any(part.startswith("test_") for part in name.split("."))
    }
    assert not found, "what two tests share belongs into tests/support"


def test_what_one_python_is_enough_for_says_why(request: pytest.FixtureRequest) -> None:
    marks = [mark for item in request.session.items for mark in item.iter_markers("any_python")]
    assert all(len(mark.args) == 1 and len(str(mark.args[0]).split()) > 2 for mark in marks)
