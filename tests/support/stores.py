"""Stores of budgets as an instance makes them, and the holders and limits that tests use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from proxy import startup, store
from proxy.adapters.asyncio_host import AsyncioClock
from proxy.host import Clock
from proxy.store.base import Claim, Holder, Limits, Spending, Store
from proxy.transports.direct import DirectUpstream

T = TypeVar("T")
NOW = 1_795_780_800.0  # 2026-11-27, noon UTC
PATIENT = {"STORE_TIMEOUT_MS": "60000"}  # for what must not fail on a busy machine
UNLIMITED = Limits(None, "total", None, None, None)


def holder(name: str = "alice", key: str | None = None, expires: float = NOW + 86_400) -> Holder:
    return Holder(key or f"id-of-{name}", name, int(expires))


def limits(
    budget: int | None = None,
    period: str = "total",
    requests: int | None = None,
    tokens: int | None = None,
    parallel: int | None = None,
) -> Limits:
    return Limits(budget, period, requests, tokens, parallel)


def claim(name: str = "c1", cost: int = 10, tokens: int = 0, seconds: float = 100.0) -> Claim:
    return Claim(name, cost, tokens, seconds)


def spending(cost: int = 5, input: int = 1, output: int = 2, model: str = "gpt-5") -> Spending:  # noqa: A002
    return Spending(cost, input, output, model)


@asynccontextmanager
async def opened(settings: dict[str, str], clock: Clock | None = None) -> AsyncIterator[Store]:
    """The store of these settings, closed in the end."""
    clock = clock or AsyncioClock()
    upstream = DirectUpstream(clock.wall, secure=False)
    made = store.make(startup.load({**PATIENT, **settings}), upstream, clock)
    assert made is not None
    try:
        yield made
    finally:
        await made.aclose()
        await upstream.aclose()


@dataclass
class Backend:
    """One kind of store that is empty when a test begins."""

    name: str
    settings: dict[str, str] = field(repr=False)

    def run(self, test: Callable[[Store], Awaitable[T]], clock: Clock | None = None, **more: str) -> T:
        """What `test` returns for an open store."""

        async def go() -> T:
            async with opened({**self.settings, **more}, clock) as made:
                return await test(made)

        return asyncio.run(go())
