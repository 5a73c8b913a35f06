"""Calls that are counted for their key: an endpoint with a store in memory, which can fail, and keys with limits."""

from __future__ import annotations

import asyncio
import json
from itertools import count
from typing import Any

from proxy import startup
from proxy.access import signed_keys
from proxy.access.signed_keys import Key
from proxy.call import Grant
from proxy.host import Host
from proxy.messages import Reply
from proxy.relay import relay
from proxy.store.base import (
    NANO_PER_USD,
    Balance,
    Claim,
    Holder,
    KeyRecord,
    Limits,
    Refusal,
    Row,
    Spending,
    StoreUnavailable,
)
from proxy.upstream import Upstream
from tests.support import fake_clock
from tests.support.core import JSON_HEAD, Listed, request
from tests.support.core import host as make_host
from tests.support.store_model import Model

# gpt-4o-mini: 0.15 and 0.60 US dollars per million tokens.
IN, OUT = 150, 600  # nano-dollars per token
ANSWER = {
    "model": "gpt-4o-mini",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}}],
    "usage": {"prompt_tokens": 8, "completion_tokens": 2, "total_tokens": 10},
}
COST = 8 * IN + 2 * OUT


def whole(answer: Any = ANSWER) -> Listed:
    data = json.dumps(answer).encode()
    return Listed(data, headers=(*JSON_HEAD, ("content-length", str(len(data)))))


SECRET = "s" * 40
HELD = {"OPENAI_API_KEY": "sk-owner-0123456789abcdef", "SIGNING_SECRET": SECRET, "STORE": "redis://127.0.0.1:1/0"}
NEVER = 4_000_000_000


def key(name: str = "alice", key_id: str = "a1b2c3", /, **limits: Any) -> str:
    """A signed key. `budget_usd` is in US dollars."""
    if "budget_usd" in limits:
        limits["budget"] = round(limits.pop("budget_usd") * NANO_PER_USD)
        limits.setdefault("period", "total")
    return signed_keys.mint(Key(name, key_id, NEVER, Grant(**limits)), (SECRET,))


class MemoryStore:
    """The model of a store behind the interface. Operations named in `broken` raise; `done` has those that were asked.

    `lost`: a broken operation is carried out all the same, and only its answer is lost.
    """

    def __init__(self) -> None:
        self.model = Model()
        self.broken: set[str] = set()
        self.lost = False
        self.done: list[str] = []
        self.claims: list[Claim] = []
        self.seconds = 0.0  # that each operation takes
        self.closed = False

    async def reserve(self, holder: Holder, limits: Limits, claim: Claim, now: float) -> Balance | Refusal:
        self.claims.append(claim)
        result: Balance | Refusal = await self._do("reserve", holder, limits, claim, now)
        return result

    async def settle(self, holder: Holder, limits: Limits, claim_id: str, spending: Spending, now: float) -> Balance:
        result: Balance = await self._do("settle", holder, limits, claim_id, spending, now)
        return result

    async def release(self, holder: Holder, claim_id: str, now: float) -> None:
        await self._do("release", holder, claim_id, now)

    async def balance(self, holder_id: str, limits: Limits, now: float) -> Balance:
        result: Balance = await self._do("balance", holder_id, limits, now)
        return result

    async def revoke(self, name_or_id: str, now: float) -> int:
        return self.model.revoke(name_or_id, now)

    async def keys(self) -> list[KeyRecord]:
        return []

    async def spending(self, since: str, until: str, holder_id: str | None = None) -> list[Row]:
        return self.model.spending(since, until, holder_id or "")

    async def note_threshold(self, holder_id: str, period_key: str, percent: int, now: float) -> bool:
        result: bool = await self._do("note_threshold", holder_id, period_key, percent, now)
        return result

    async def aclose(self) -> None:
        self.closed = True

    async def _do(self, name: str, *arguments: Any) -> Any:
        self.done.append(name)
        await asyncio.sleep(self.seconds)
        result = getattr(self.model, name)(*arguments) if name not in self.broken or self.lost else None
        if name in self.broken:
            raise StoreUnavailable("timeout")
        return result


class Endpoint:
    """A server with these settings and a store in memory, and what it has logged."""

    def __init__(self, **settings: str) -> None:
        self.lines: list[str] = []
        self.host: Host = make_host(self.lines)
        ids = count(1)
        self.host.new_id = lambda: f"sl_{next(ids)}"
        self.store = MemoryStore()
        self.host.store = self.store
        self.config = startup.load({**HELD, **settings})

    async def relay(
        self,
        upstream: Upstream,
        body: Any,
        sent: str,
        path: str = "/v1/chat/completions",
        *,
        method: str = "POST",
        deadline: float | None = None,
        header: str = "authorization",
    ) -> Reply:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = (
            (header, f"Bearer {sent}" if header == "authorization" else sent),
            ("content-type", "application/json"),
        )
        return await relay(request(path, data, deadline, headers, method), self.config, upstream, self.host)

    async def call(self, upstream: Upstream, body: Any, sent: str, *arguments: Any, **more: Any) -> tuple[Reply, bytes]:
        """The reply and the whole body of one call."""
        reply = await self.relay(upstream, body, sent, *arguments, **more)
        if isinstance(reply.body, bytes):
            return reply, reply.body
        try:
            return reply, b"".join([piece async for piece in reply.body])
        finally:
            await reply.body.aclose()

    def run(self, upstream: Upstream, body: Any, sent: str, *arguments: Any, **more: Any) -> tuple[Reply, bytes]:
        """`call` in fake time."""
        return fake_clock.run(self.call(upstream, body, sent, *arguments, **more))

    @property
    def line(self) -> dict[str, Any]:
        """The log line of the last call."""
        line: dict[str, Any] = json.loads(self.lines[-1])
        return line

    @property
    def booked(self) -> list[Spending]:
        return [one.spending for one in self.store.model.booked]

    @property
    def reserved(self) -> int:
        """How many reservations are open."""
        return len(self.store.model.live)
