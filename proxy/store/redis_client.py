"""Carries commands over Redis's own protocol with redis-py, to one server or to a cluster.

What is passed to redis-py follows its source, version 8.1.0 (read 2026-11-27). By default it would repeat a failed
command ten times, which is too late for a call that waits, and a time limit of its own would only add work: every
operation has one already.
"""

from __future__ import annotations

import asyncio
from typing import Any

from redis.asyncio import ConnectionPool, Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    InvalidResponse,
    MovedError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from proxy.errors import ConfigError
from proxy.host import Clock
from proxy.store.base import StoreUnavailable
from proxy.store.redis_store import CommandError
from proxy.upstream import IDLE_SECONDS

_MAX_CONNECTIONS = 32
# A server of a cluster answers that a key is elsewhere while slots move, and the client must ask again.
_CLUSTER_RETRIES = 3
# redis-py removes a code that it knows from the error's text.
_CODES: tuple[tuple[type[RedisError], str], ...] = (
    (NoScriptError, "NOSCRIPT"),
    (NoPermissionError, "NOPERM"),
    (ReadOnlyError, "READONLY"),
    (OutOfMemoryError, "OOM"),
    (AuthenticationError, "WRONGPASS"),
    (BusyLoadingError, "LOADING"),
)


class RedisClient:
    """See redis_store.Connection. Connects when it is first used, and belongs to the event loop that runs it then."""

    def __init__(self, url: str, clock: Clock) -> None:
        """Raises ConfigError for an address that redis-py does not understand."""
        self._url, self._clock = url, clock
        self._is_cluster = False
        self._before: Redis | RedisCluster | None = None  # what it used until it knew
        self._places = asyncio.Semaphore(_MAX_CONNECTIONS)  # a pool refuses what is more than it holds
        self._running = 0
        self._used_at = clock.wall()
        try:
            self._client: Redis | RedisCluster = self._made()
        except (ValueError, TypeError):  # TypeError: an unknown option after the question mark
            raise ConfigError(
                "STORE is not an address such as redis://user:password@host:6379/0; percent-encode special characters "
                "in the password.",
                param="STORE",
            ) from None

    async def run(self, commands: list[list[str]]) -> list[Any]:
        """See redis_store.Connection.run."""
        async with self._places:
            await self._refresh()
            self._running += 1
            try:
                return await self._run(commands)
            except InvalidResponse:
                raise StoreUnavailable("malformed") from None
            except (AuthenticationError, BusyLoadingError) as error:  # while it connects
                return [CommandError(_code(error))] * len(commands)
            except ValueError:  # an answer that is no number or no UTF-8
                raise StoreUnavailable("malformed") from None
            except Exception:  # besides RedisError: what asyncio raises when others close a connection
                raise StoreUnavailable("unreachable") from None
            finally:
                self._running -= 1

    async def aclose(self) -> None:
        """See redis_store.Connection.aclose."""
        for client in (self._before, self._client):
            if client is not None:
                await _close(client)

    async def _run(self, commands: list[list[str]]) -> list[Any]:
        results = await self._sent(commands)
        if any(isinstance(result, MovedError) for result in results):
            if not self._is_cluster:
                self._before = self._client  # others may be using it
                self._is_cluster = True
                self._client = self._made()
            # A command for another server was not carried out, and all others may be repeated.
            results = await self._sent(commands)
        return [CommandError(_code(result)) if isinstance(result, ResponseError) else result for result in results]

    async def _sent(self, commands: list[list[str]]) -> list[Any]:
        """The results, with errors in their places."""
        client = self._client
        if isinstance(client, Redis) and len(commands) > 1:
            async with client.pipeline(transaction=False) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                results: list[Any] = await pipeline.execute(raise_on_error=False)
                return results
        await client.initialize()  # until it knows the cluster, it would ask any server (redis/asyncio/cluster.py)
        return [await _result(client, command) for command in commands]

    async def _refresh(self) -> None:
        """Drop connections that were idle for long: while a function was frozen, the server may have closed them."""
        idle, self._used_at = self._clock.wall() - self._used_at, self._clock.wall()
        if idle > IDLE_SECONDS and not self._running:
            old, self._client = self._client, self._made()
            await _close(old)

    def _made(self) -> Redis | RedisCluster:
        # Protocol 2 is understood by every server. Without driver_info, connecting takes no round trip of its own.
        options = {
            "decode_responses": True,
            "protocol": 2,
            "driver_info": None,
            "socket_timeout": None,
            "socket_connect_timeout": None,
            "max_connections": _MAX_CONNECTIONS,
        }
        if self._is_cluster:
            # Follow a moved slot without closing the connections that others are using.
            retry = Retry(NoBackoff(), _CLUSTER_RETRIES)
            return RedisCluster.from_url(self._url, retry=retry, reinitialize_steps=0, **options)
        pool = ConnectionPool.from_url(self._url, retry=Retry(NoBackoff(), 0), **options)
        pool.make_connection()  # type: ignore[no-untyped-call]  # raises TypeError for an option that does not exist
        return Redis.from_pool(pool)


async def _close(client: Redis | RedisCluster) -> None:
    if isinstance(client, RedisCluster):  # after a failure it does not close what it will not use again
        for node in [*client.get_nodes(), *client.nodes_manager.startup_nodes.values()]:
            await node.disconnect()
    await client.aclose()


async def _result(client: Redis | RedisCluster, command: list[str]) -> Any:
    """The result of a command, or the error that the server answered."""
    try:
        return await client.execute_command(*command)
    except ResponseError as error:
        return error


def _code(error: RedisError) -> str:
    return next((code for kind, code in _CODES if isinstance(error, kind)), str(error).partition(" ")[0])
