"""The optional store of budgets: SQLite, Redis, or Redis over HTTPS. `make` imports the one that STORE names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.errors import ConfigError

if TYPE_CHECKING:
    from proxy.host import Clock, Host
    from proxy.settings.config import Config
    from proxy.store.base import Store
    from proxy.upstream import Upstream


def of(config: Config, upstream: Upstream, host: Host) -> Store | None:
    """The store of this process, made when it is first asked for; None without STORE. Raises ConfigError as `make`."""
    if host.store is None and config.store is not None:
        host.store = make(config, upstream, host.clock)
    store: Store | None = host.store
    return store


def make(config: Config, upstream: Upstream, clock: Clock) -> Store | None:
    """The store that the settings name; None without STORE. Nothing is connected or opened yet.

    `upstream` sends the calls to a store over HTTPS. Raises ConfigError if the store cannot work here.
    """
    address, seconds = config.store, config.store_timeout_ms / 1000
    if address is None:
        return None
    from proxy.store.bounded import BoundedStore

    if address.startswith("sqlite:"):
        try:
            from proxy.store.sqlite import SqliteStore
        except ImportError:
            raise ConfigError(
                "STORE=sqlite:… needs Python's module sqlite3, which this platform lacks. Use an https:// address with "
                "STORE_TOKEN.",
                param="STORE",
            ) from None
        return BoundedStore(SqliteStore(address.removeprefix("sqlite:"), clock, seconds), clock, seconds)
    from proxy.store.redis_store import RedisStore

    if address.startswith(("redis://", "rediss://")):
        try:
            from proxy.store.redis_client import RedisClient
        except ImportError:
            raise ConfigError(
                "STORE=redis://… needs the package redis. Install it with pip install redis, or use an "
                "https:// address with STORE_TOKEN, which needs no package.",
                param="STORE",
            ) from None
        return BoundedStore(RedisStore(RedisClient(address, clock)), clock, seconds)
    if config.store_token is None:
        raise ConfigError("STORE is an https:// address, which needs STORE_TOKEN.", param="STORE_TOKEN")
    from proxy.store.redis_rest import RedisRest

    return BoundedStore(RedisStore(RedisRest(address, config.store_token, upstream, seconds)), clock, seconds)
