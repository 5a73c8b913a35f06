"""Which modules of proxy/ a module needs, found in the sources without importing anything.

Imports inside functions count; imports under TYPE_CHECKING do not. A module that calls `import_module` with a computed
name writes the possible names as strings, in full (`"proxy.cost.metering"`), and they count as imports. Where only the
last part of a name is computed (`f"proxy.protocols.{name}"`), every module of that package counts.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable
from pathlib import Path


def modules(root: Path) -> dict[str, Path]:
    """Every module of the folder proxy/ in `root`, by its dotted name."""
    by_name = {}
    for path in sorted((root / "proxy").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        by_name[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return by_name


def closure(root: Path, start: Iterable[str], without: Collection[str] = ()) -> dict[str, Path]:
    """The modules that `start` needs, directly and through others, and their packages.

    A module in `without` is left out, and so is what only it needs. Raises KeyError where `start` names no module.
    """
    known = modules(root)
    closed: dict[str, Path] = {}
    waiting = {name: known[name] for name in start}
    while waiting:
        name, path = waiting.popitem()
        closed[name] = path
        needed = imported(path.read_text(encoding="utf-8")) | {name.rpartition(".")[0]}
        needed |= {module for module in known if f"{module.rpartition('.')[0]}.*" in needed}
        waiting |= {module: known[module] for module in needed & known.keys() - closed.keys() if module not in without}
    return closed


def imported(source: str) -> set[str]:
    """The dotted names that a module's source may import: `from a.b import c` gives `a.b` and `a.b.c`.

    `a.b.*` stands for every module of the package `a.b`.
    """
    finder = _Finder()
    finder.visit(ast.parse(source))
    return finder.names | (finder.strings if finder.by_name else set())


class _Finder(ast.NodeVisitor):
    """Collects a module's imports, its strings, and whether it imports by name."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.strings: set[str] = set()
        self.by_name = False

    def visit_If(self, node: ast.If) -> None:
        for_types = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for child in node.orelse if for_types else ast.iter_child_nodes(node):
            self.visit(child)

    def visit_Import(self, node: ast.Import) -> None:
        self.names |= {alias.name for alias in node.names}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.names |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}

    def visit_Call(self, node: ast.Call) -> None:
        self.by_name |= ast.unparse(node.func).endswith("import_module")
        self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        start = node.values[0].value if node.values and isinstance(node.values[0], ast.Constant) else None
        if isinstance(start, str) and start.startswith("proxy.") and start.endswith("."):
            self.strings.add(f"{start}*")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self.strings.add(node.value)
