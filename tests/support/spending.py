"""A store in which some keys have spent something, and calls to an endpoint that uses it at noon of 2026-11-27."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from proxy import startup, store
from proxy.access import signed_keys
from proxy.call import Grant
from proxy.messages import Reply
from proxy.relay import relay
from proxy.store.base import NANO_PER_USD, Holder, Spending
from tests.support import core, fake_clock
from tests.support.core import Listed
from tests.support.fake_clock import FakeClock
from tests.support.stores import NOW, UNLIMITED, claim, opened

DAY = 86_400.0
SECRET = "0123456789abcdef0123456789abcdef"
PROXY_KEY, ADMIN_KEY = "pk-0123456789abcdef", "admin-0123456789abcdef"
HELD = {"OPENAI_API_KEY": "sk-server", "SIGNING_SECRET": SECRET, "PROXY_KEY": PROXY_KEY, "ADMIN_KEY": ADMIN_KEY}
BUDGET = Grant(budget=5 * NANO_PER_USD, period="month", rpm=20, tpm=100_000, parallel=2)
EXPIRES = int(NOW + 30 * DAY)


class Noon(FakeClock):
    """The wall clock stands still."""

    def wall(self) -> float:
        return NOW


class Spent(NamedTuple):
    """One booking, `ago` days before `now`. `nano` is in nano-dollars."""

    name: str
    nano: int
    model: str = "gpt-5"
    ago: int = 0
    input: int = 10
    output: int = 5


def key(name: str = "alice", grant: Grant = BUDGET, expires: int = EXPIRES) -> str:
    """The signed key of a holder."""
    return signed_keys.mint(signed_keys.Key(name, f"id-{name}", expires, grant), [SECRET])


def bearer(sent: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {sent}"),)


def filled(
    path: Path, booked: Iterable[Spent], now: float = NOW, revoked: str | None = None, expires: int = EXPIRES
) -> dict[str, str]:
    """The settings of a SQLite store at `path` with these bookings."""
    settings = {"STORE": f"sqlite:{path}", "STORE_TIMEOUT_MS": "60000"}

    async def book() -> None:
        async with opened(settings) as made:
            for number, one in enumerate(booked):
                holder = Holder(one.name if one.name.startswith("proxy-key") else f"id-{one.name}", one.name, expires)
                spending = Spending(one.nano, one.input, one.output, one.model)
                await made.settle(holder, UNLIMITED, f"claim-{number}", spending, now - one.ago * DAY)
            if revoked is not None:
                await made.revoke(revoked, now)

    with ThreadPoolExecutor(1) as thread:  # while Playwright's driver runs, no loop can start in this one
        thread.submit(lambda: asyncio.run(book())).result()
    return settings


def asked(
    settings: dict[str, str],
    path: str,
    query: str = "",
    sent: str | None = None,
    method: str = "GET",
    upstream: Listed | None = None,
    reserved: int = 0,
    body: bytes = b"",
) -> tuple[Reply, Any]:
    """The endpoint's reply at noon, and its body as a value; `reserved` nano-dollars of alice's are claimed before."""
    headers = (*(bearer(sent) if sent else ()), *((("content-type", "application/json"),) if body else ()))

    async def go() -> tuple[Reply, bytes]:
        host, config, up = core.host(), startup.load(settings), upstream or Listed(b"")
        host.clock = Noon()
        try:
            if reserved:
                made = store.of(config, up, host)
                assert made is not None
                await made.reserve(Holder("id-alice", "alice", EXPIRES), UNLIMITED, claim("c", reserved), NOW)
            request = core.request(path, body, headers=headers, method=method)
            request.query = query
            reply = await relay(request, config, up, host)
            if isinstance(reply.body, bytes):
                return reply, reply.body
            data = b"".join([piece async for piece in reply.body])
            await reply.body.aclose()  # the call is booked
            return reply, data
        finally:
            if host.store is not None:
                await host.store.aclose()

    reply, data = fake_clock.run(go())
    return reply, json.loads(data)
