"""Opens the store that STORE names for one command, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypeVar, cast

from proxy import store, transports
from proxy.adapters.asyncio_host import make_host
from proxy.cli import own_settings
from proxy.errors import ConfigError, ProxyError
from proxy.settings.config import Config
from proxy.store.base import Store, StoreUnavailable

T = TypeVar("T")
SETTINGS = ("STORE", "STORE_TOKEN", "STORE_TIMEOUT_MS", "UPSTREAM_ENGINE")
# A person waits longer than a call may, and may be far from the store: opening a TLS connection to another continent
# takes longer than the 500 ms of STORE_TIMEOUT_MS.
_PATIENT_MS = 10_000
_FILE = "sqlite:"


def settings(environ: Mapping[str, str]) -> Config:
    """What `run` needs, from the environment or sluice.toml; `store` is None without STORE. Raises ConfigError."""
    loaded = own_settings.read(environ, *SETTINGS)
    changed = {"demo": False, "providers": (), "store_timeout_ms": max(loaded.store_timeout_ms, _PATIENT_MS)}
    return Config(**{**vars(loaded), **changed})


def run(config: Config, work: Callable[[Store], Awaitable[T]]) -> T:
    """What `work` returns for the store, which is open until then. `config` is what `settings` returned.

    Raises StoreUnavailable, and ConfigError if STORE is not set, cannot work here, or names a file that does not exist:
    a new one would hide that the path is wrong.
    """
    if (address := config.store) is None:
        raise ConfigError(
            "STORE is not set. Set it as it is set on the endpoint, in the environment or in sluice.toml: sqlite:FILE, "
            "redis://…, or https://… with STORE_TOKEN. Without a store, add the name or the id of a key to "
            "REVOKED_KEYS on the endpoint to revoke it.",
            param="STORE",
        )
    if address.startswith(_FILE) and _is_missing(Path(address.removeprefix(_FILE))):
        raise ConfigError(
            f"STORE names the file {address.removeprefix(_FILE)}, which does not exist. Check the path, and that this "
            "is the machine that the endpoint runs on; the endpoint makes the file at its first call.",
            param="STORE",
        )
    return asyncio.run(_within_loop(config, work))


def explain(error: ProxyError) -> str:
    """What to tell whoever ran the command: of a store that cannot be reached, the advice for its owner."""
    return error.advice if isinstance(error, StoreUnavailable) else error.message


def _is_missing(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # it may be there: the store says what is wrong with it
        return False
    return False


async def _within_loop(config: Config, work: Callable[[Store], Awaitable[T]]) -> T:
    host = make_host(platform="command", streams=True, body_limit=None)
    upstream = transports.make(config, host)  # what carries the calls to a store over HTTPS
    try:
        opened = cast("Store", store.make(config, upstream, host.clock))  # STORE is set
        try:
            return await work(opened)
        finally:
            await opened.aclose()
    finally:
        await upstream.aclose()
