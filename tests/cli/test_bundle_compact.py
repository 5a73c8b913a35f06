"""Sources without comments and docstrings do the same, on the same lines."""

from __future__ import annotations

import ast

import pytest

from proxy.cli.bundle.compact import compact
from proxy.cli.bundle.imports import modules
from tests.support.paths import ROOT

SOURCE = '''"""What it is."""

import re  # a reason

TEXT = """# no comment
"""  # a comment


class Shape:
    """Only words."""


def area(size):
    """The area.

    Of a square.
    """
    # why
    return size * size  # times itself


def mark(): "inline"; return "#"
'''


def statements(source: str) -> list[tuple[str, int]]:
    """Each statement but docstrings and the dots that stand for them, with its line."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]
    return [(ast.dump(node), node.lineno) for node in ast.walk(tree) if isinstance(node, ast.stmt)]


def test_comments_and_docstrings_go_and_texts_stay() -> None:
    small = compact(SOURCE)
    assert "reason" not in small and "Of a square" not in small and "# no comment" in small and '"#"' in small
    space: dict[str, object] = {}
    exec(small, space)
    assert space["area"](3) == 9 and space["mark"]() == "#" and space["Shape"]  # type: ignore[operator]
    assert small.count("\n") == SOURCE.count("\n")


@pytest.mark.parametrize("name", sorted(modules(ROOT)))
def test_every_module_stays_what_it_is_line_by_line(name: str) -> None:
    source = modules(ROOT)[name].read_text(encoding="utf-8")
    assert statements(compact(source)) == statements(source)
