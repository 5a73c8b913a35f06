"""Fixtures that many tests share: one scripted upstream, and servers that stay up for all tests with equal settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings

from proxy.adapters.asgi import App
from tests.support.server import Server
from tests.support.upstream import Upstream

Serve = Callable[..., Server]
# The machine decides how long an example takes, not the code under test.
settings.register_profile("sluice", deadline=None)
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
    for server in servers.values():
        server.close()
