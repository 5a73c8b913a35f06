"""Adapters stay small and apart: each holds what its platform does differently, and nothing else."""

from __future__ import annotations

import ast
import re

import pytest

from tests.support.paths import ROOT

MAX_LINES = 120  # without blank ones
SOURCES = {
    path.stem: path.read_text(encoding="utf-8")
    for path in (ROOT / "proxy" / "adapters").glob("*.py")
    if path.stem != "__init__"
}
SHARED = {  # for all
    *("asyncio_host", "asyncio_pump", "event_fields", "header_limit", "http_rules", "later_work", "log_output"),
}
SERVER = {name for name in SOURCES if name.partition("_")[0] == "server"}  # our HTTP server is not a platform
NAMED = {name for name, source in SOURCES.items() if re.search(r'\bplatform ?= ?"', source)}
PARTS = {*SOURCES} - NAMED - SHARED - SERVER  # what belongs to the adapters whose names begin with the same word
ALSO = {
    "asyncio_host": {"asyncio_pump"},
    "aliyun_fc": {"asgi", "server"},  # it is the app behind our server
    "azure_functions": {"asgi", "server"},
    "cloudrun": {"asgi", "server"},
    "edgeone": {"asgi", "asgi_http"},  # the app behind the platform's own
    "scf_web": {"asgi", "server"},
    "vercel": {"asgi"},  # the app behind the platform's own
    **dict.fromkeys(SERVER, SERVER),
}


def count(source: str) -> int:
    return sum(bool(line.strip()) for line in source.splitlines())


def imported(source: str) -> set[str]:
    """The modules of proxy.adapters that a module imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name.split(".")[2] for name in names if name.startswith("proxy.adapters.")}


def platform_of(name: str) -> str:
    return name.partition("_")[0]


@pytest.mark.parametrize("name", sorted(NAMED | PARTS))
def test_an_adapter_is_small(name: str) -> None:
    assert count(SOURCES[name]) <= MAX_LINES


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_an_adapter_imports_only_its_own_parts_and_what_is_shared(name: str) -> None:
    parts = {part for part in PARTS if platform_of(part) == platform_of(name)}
    allowed = ALSO.get(name, set()) if name in SHARED else SHARED | parts | ALSO.get(name, set())
    assert imported(SOURCES[name]) <= allowed


def test_the_checks_above_see_what_they_check() -> None:
    assert count("a\n\n  \nb\n") == 2
    source = "from proxy.adapters import aws_events\ndef f():\n    import proxy.adapters.asgi\n"
    assert imported(source) == {"aws_events", "asgi"}
    assert {"aliyun_fc", "asgi", "aws_buffered", "aws_stream", "scf_event", "scf_web", "workers"} <= NAMED
    assert {*SOURCES} >= SHARED
    assert {"server", "server_connection", "server_h11", "server_httptools"} <= SERVER
