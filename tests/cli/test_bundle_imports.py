"""A bundle holds the modules that its adapters need, and finding them misses none."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from proxy.cli.bundle.imports import closure, imported, modules
from proxy.cli.bundle.sources import chosen
from proxy.platforms.registry import BUNDLES, FUNCTIONS, adapters
from proxy.protocols import registry
from proxy.protocols.translate import directions
from proxy.settings.parsers import MODERATORS
from proxy.stages import STAGES
from tests.support.paths import ROOT

TREE = {
    "proxy/__init__.py": "",
    "proxy/start.py": """
        from typing import TYPE_CHECKING
        from proxy.a import b
        from proxy import c
        if TYPE_CHECKING:
            from proxy import types
        else:
            from proxy import m
        def later():
            import proxy.d.e
    """,
    "proxy/types.py": "",
    "proxy/a/__init__.py": "from proxy.f import name",
    "proxy/a/b.py": "TEXT = 'proxy.types'",
    "proxy/c.py": """
        from importlib import import_module
        import_module({"g": "proxy.g"}["g"])
    """,
    "proxy/d/__init__.py": "",
    "proxy/d/e.py": "import json, proxy.start",
    "proxy/f.py": "",
    "proxy/g.py": "from proxy import h",
    "proxy/m.py": "",
    "proxy/h.py": """
        import importlib
        def get(name):
            return importlib.import_module(f"proxy.i.{name}")
    """,
    "proxy/i/__init__.py": "",
    "proxy/i/j.py": "",
    "proxy/i/k/__init__.py": "",
    "proxy/i/k/l.py": "",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in TREE.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(line.removeprefix("        ") for line in text.splitlines()))
    return tmp_path


def test_the_closure_follows_every_kind_of_import_but_those_for_types(tree: Path) -> None:
    names = {"", ".a", ".a.b", ".c", ".d", ".d.e", ".f", ".g", ".h", ".i", ".i.j", ".i.k", ".m", ".start"}
    assert closure(tree, ["proxy.start"]).keys() == {f"proxy{name}" for name in names}


def test_what_is_lacking_takes_along_what_only_it_needs(tree: Path) -> None:
    left = closure(tree, ["proxy.start"]).keys() - closure(tree, ["proxy.start"], ["proxy.g"]).keys()
    assert left == {"proxy.g", "proxy.h", "proxy.i", "proxy.i.j", "proxy.i.k"}


def test_an_adapter_that_does_not_exist_is_named(tree: Path) -> None:
    with pytest.raises(KeyError, match=r"proxy\.adapters\.none"):
        closure(tree, ["proxy.adapters.none"])


def test_every_module_is_reached_from_an_adapter() -> None:
    """One that is not is dead, or imported by a name that no module spells out."""
    reached = closure(ROOT, [function.adapter for function in FUNCTIONS.values()]).keys()
    commands = {"proxy.__main__", *(name for name in modules(ROOT) if name.startswith("proxy.cli"))}
    assert modules(ROOT).keys() - reached - commands == set()


def test_modules_that_are_imported_by_name_are_found() -> None:
    by_name = {
        name
        for name, path in modules(ROOT).items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module")
        if not isinstance(node.args[0], ast.Constant)
    }
    needed = {
        "proxy.stages": {stage.module for stage in STAGES},
        "proxy.moderation.checkers": {f"proxy.moderation.checkers.{name}" for name in MODERATORS},
        "proxy.protocols.registry": {f"proxy.protocols.{name}" for name in registry.MODULES},
        "proxy.protocols.translate.directions": set(directions.MODULES.values()),
    }
    assert by_name == needed.keys(), "say here what the new one imports"
    for name, names in needed.items():
        found = imported(modules(ROOT)[name].read_text(encoding="utf-8"))
        assert names and {one for one in names if not {one, f"{one.rpartition('.')[0]}.*"} & found} == set(), name


def test_the_handler_imports_adapters_alone() -> None:
    """So a bundle's closure can begin at its own adapters, although the handler names all."""
    names = {name for name in imported((ROOT / "handler.py").read_text(encoding="utf-8")) if name in modules(ROOT)}
    assert names and names <= {function.adapter for function in FUNCTIONS.values()}


@pytest.mark.parametrize("name", BUNDLES)
def test_a_bundle_has_no_adapter_of_another_platform(name: str) -> None:
    files = set(chosen(BUNDLES[name], ROOT))
    known = modules(ROOT)
    others = {one.adapter for one in FUNCTIONS.values()} - {*adapters(name), "proxy.adapters.asgi"}  # some build on it
    assert {known[one] for one in adapters(name)} <= files and not {known[one] for one in others} & files
