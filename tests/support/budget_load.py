"""Many callers on several servers that share one store: what they were answered, and what the servers have logged."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any

import httpx

from proxy.store.base import NANO_PER_USD
from tests.support.budgets import SECRET
from tests.support.process import port_of, served
from tests.support.upstream import CEILING

PROMPT_TOKENS = 8
IN, OUT = 150, 600  # gpt-4o-mini, in nano-dollars per token


def cost(output: int) -> int:
    return PROMPT_TOKENS * IN + output * OUT


@asynccontextmanager
async def upstream() -> AsyncIterator[str]:
    """The address of an upstream whose answers use as many tokens as the request's `seed` says."""
    server = await asyncio.start_server(_answer_all, "127.0.0.1", 0, backlog=1_000)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def _answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            asked = json.loads(await reader.readexactly(length))
            await asyncio.sleep(0.02)  # so that calls run side by side
            writer.write(_answer(asked))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def _answer(asked: dict[str, Any]) -> bytes:
    usage = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": asked["seed"]}
    answer: dict[str, Any] = {"id": "c", "model": asked["model"], "usage": usage}
    if not asked.get("stream"):
        message = {"role": "assistant", "content": "Hi"}
        body = json.dumps({**answer, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()
        return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    delta = {**answer, "usage": None, "choices": [{"index": 0, "delta": {"content": "Hi"}}]}
    events = [json.dumps(delta), json.dumps({**answer, "choices": []}), "[DONE]"]
    body = b"".join(b"data: " + event.encode() + b"\n\n" for event in events)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return head + b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"


class Servers:
    """Running servers and everything that they print."""

    def __init__(self, processes: list[Any], printed: list[str]) -> None:
        self._processes = [process for process, _ in processes]
        self.ports = [port_of(text) for _, text in processes]
        self._printed = printed
        self._readers = [threading.Thread(target=self._read, args=(process,)) for process in self._processes]
        for reader in self._readers:
            reader.start()

    def _read(self, process: Any) -> None:
        self._printed.extend(process.stdout)

    def stop(self) -> None:
        """Stop them as a platform does, and wait until they have."""
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            process.wait(2 * CEILING)
        for reader in self._readers:
            reader.join(CEILING)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._printed if line.startswith("{")]

    @property
    def logged(self) -> int:
        """What all calls have cost by the log, in nano-dollars."""
        return sum(round(line.get("cost_usd", 0.0) * NANO_PER_USD) for line in self.lines)


@contextmanager
def servers(count: int, base_url: str, settings: dict[str, str]) -> Iterator[Servers]:
    owner = {"OPENAI_API_KEY": "sk-owner-0123456789abcdef", "OPENAI_BASE_URL": base_url, "SIGNING_SECRET": SECRET}
    with ExitStack() as stack:
        yield Servers([stack.enter_context(served(**owner, **settings)) for _ in range(count)], [])


async def call_all(ports: list[int], sent: str, callers: int, calls: int, **asked: Any) -> Counter[int]:
    """`callers` at each port make so many calls one after the other. Returns how often each status was answered.

    The tokens of an answer are random up to `asked["max_tokens"]`, or the `seed` that is asked for.
    """
    statuses: Counter[int] = Counter()
    headers = {"authorization": f"Bearer {sent}"}

    async def caller(port: int, number: int) -> None:
        chance = random.Random(f"{port}-{number}")
        # A client for each: one client's pool takes most of the time with so many connections.
        async with httpx.AsyncClient(timeout=2 * CEILING, headers=headers, trust_env=False, verify=False) as client:
            for _ in range(calls):
                body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}], **asked}
                body.setdefault("seed", chance.randint(1, asked.get("max_tokens", 1)))
                body["stream"] = chance.random() < 0.5
                answer = await client.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=body)
                statuses[answer.status_code] += 1

    await asyncio.gather(*(caller(port, number) for port in ports for number in range(callers)))
    return statuses
