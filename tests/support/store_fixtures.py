"""Fixtures for each kind of store, empty. tests/conftest.py makes them known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.redis_rest import TOKEN, rest_server
from tests.support.redis_server import RedisServer, redis_server
from tests.support.stores import Backend


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    # Nothing is to survive here, and waiting for the disk takes most of a test's time.
    with redis_server(tmp_path_factory.mktemp("redis"), "--appendonly", "no") as server:
        yield server


@pytest.fixture(scope="session")
def rest_url(shared_redis: RedisServer) -> Iterator[str]:
    with rest_server(shared_redis.port) as url:
        yield url


@pytest.fixture(params=["sqlite", "redis", "rest"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    if request.param == "sqlite":
        return Backend("sqlite", {"STORE": f"sqlite:{tmp_path / 'budgets.db'}"})
    server: RedisServer = request.getfixturevalue("shared_redis")
    server.ask("FLUSHALL")
    if request.param == "redis":
        return Backend("redis", {"STORE": server.url})
    return Backend("rest", {"STORE": request.getfixturevalue("rest_url"), "STORE_TOKEN": TOKEN})
