"""Fixtures that many tests share: one scripted upstream, and servers that stay up for all tests with equal settings."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import coverage
import pytest
from hypothesis import settings

from proxy.adapters.asgi import App
from proxy.adapters.scf_web import ScfWebApp
from tests.support.bundles import Bundles
from tests.support.paths import ROOT
from tests.support.server import Server, close_all
from tests.support.store_fixtures import backend, rest_url, shared_redis
from tests.support.upstream import Upstream, whole
from tests.support.workers import Workers

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["backend", "rest_url", "shared_redis"]  # fixtures that are made elsewhere
Serve = Callable[..., Server]
# The machine decides how long an example takes, not the code under test.
settings.register_profile("sluice", deadline=None)
# After a run on another Python, with the same inputs: a fifth of them.
settings.register_profile("again", deadline=None, max_examples=20)
settings.load_profile("sluice")


@pytest.fixture(scope="session")
def _upstream() -> Iterator[Upstream]:
    upstream = Upstream()
    yield upstream
    upstream.close()


@pytest.fixture
def upstream(_upstream: Upstream) -> Upstream:
    """The scripted upstream, with nothing left over from another test."""
    _upstream.choose = None
    return _upstream.play()


@pytest.fixture(scope="session")
def serve(_upstream: Upstream) -> Iterator[Serve]:
    """serve(**settings): a server in front of the scripted upstream, of any kind of ASGI app."""
    servers: dict[tuple[object, ...], Server] = {}

    def start(kind: type[App] = App, **settings: str) -> Server:
        key = (kind, *sorted(settings.items()))
        if key not in servers:
            environ = {"OPENAI_BASE_URL": _upstream.url, **settings}
            servers[key] = Server(environ, "httptools" if kind is App else "h11", kind)
        return servers[key]

    yield start
    close_all(servers.values())


@pytest.fixture(params=["httptools", "h11", "scf-web"])
def relay(request: pytest.FixtureRequest, serve: Serve, upstream: Upstream) -> Iterator[Server]:
    """Sluice behind each parser, and Tencent's web function."""
    upstream.play(whole(b'{"ok":1}'))
    if request.param == "h11":
        running = Server({"OPENAI_BASE_URL": upstream.url}, "h11")
        yield running
        running.close()
        return
    yield serve(App if request.param == "httptools" else ScfWebApp)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Real Chromium. Not for the session: while its driver runs, no other test can start an event loop."""
    from tests.support.browser import chromium  # most tests need no browser

    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    """bundles(name): the folder with that platform's bundle, built once for the whole run."""
    return Bundles(tmp_path_factory)


@pytest.fixture(scope="session")
def workers(bundles: Bundles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    """The built Worker's host."""
    measured = coverage.Coverage.current()
    # A copy, for tests add modules to it.
    folder = shutil.copytree(bundles("cloudflare") / "cloudflare", tmp_path_factory.mktemp("workers") / "cloudflare")
    host = Workers(folder, trace=measured is not None)
    yield host
    if measured is not None:  # coverage itself cannot run under Pyodide, which has no sqlite3
        beside = os.environ.get("COVERAGE_FILE", str(ROOT / ".coverage"))
        data = coverage.CoverageData(beside, suffix=f"workers.{os.getpid()}")
        # What the bundle itself has made has no source here.
        data.add_arcs({str(ROOT / path): arcs for path, arcs in host.arcs().items() if (ROOT / path).exists()})
        data.write()
    host.close()
