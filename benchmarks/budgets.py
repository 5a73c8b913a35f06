"""What a store of budgets adds to a call: one round trip before it and one after, beside the same call without one.

`python -m benchmarks.budgets` measures this alone.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import alone, load, relays
from benchmarks.cores import Cores
from benchmarks.markdown import markdown, number
from benchmarks.upstream import BURST

ROUNDS, SECONDS = 5, 1.0
_CLIENTS, _EVENTS = 16, 3
# The load's key is one of the server's, so that its calls are counted.
_HELD = {"OPENAI_API_KEY": "sk-of-the-server-0123456789", "PROXY_KEY": "sk-bench"}
_BUDGET = {"KEY_BUDGET_USD": "1000000", "STORE_TIMEOUT_MS": "60000"}
_PRICES = {"models": [{"match": ["bench-1"], "input": 1, "output": 1}]}
NONE, METERED, SQLITE, REDIS = "no store", "no store, METERING=on", "SQLite", "Redis on this machine"


@dataclass
class Added:
    """One kind of store. Times of single calls and of first chunks in milliseconds, CPU in seconds."""

    name: str
    calls: list[float] = field(default_factory=list)
    first_chunks: list[float] = field(default_factory=list)
    cpu_seconds: float = 0.0
    cpu_calls: int = 0


def measure(up: int, rounds: int, seconds: float, cores: Cores) -> list[Added]:
    """Calls one after the other, streams, and calls of many clients, through each kind in every round.

    `up` is the upstream's port. Without redis-server there is no column for Redis.
    """
    redis = shutil.which("redis-server")
    kinds = [NONE, METERED, SQLITE, *([REDIS] if redis else [])]
    measured = [Added(name) for name in kinds]
    for done in range(rounds):
        print(f"budgets, round {done + 1} of {rounds} …", file=sys.stderr, flush=True)
        for added in measured:
            with ExitStack() as stack:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                settings = _settings(added.name, folder)
                if redis and added.name == REDIS:
                    settings["STORE"] = stack.enter_context(_redis(redis, folder))  # on the load's core
                with cores.relay():
                    subject = stack.enter_context(relays.sluice(up, **_HELD, **settings))
                _measure(subject, added, seconds)
    return measured


def _measure(subject: relays.Subject, added: Added, seconds: float) -> None:
    asyncio.run(load.repeat(subject.port, 1, 0.1))  # imports what such calls need
    calls, _ = asyncio.run(load.repeat(subject.port, 1, seconds))
    added.calls += [sample / 1e6 for sample in calls]
    # Members that only this benchmark knows would have no bound.
    prompt = [{"role": "user", "content": BURST.format(_EVENTS)}]
    asked = load.post(subject.port, "/v1/chat/completions", {"model": "bench-1", "stream": True, "messages": prompt})
    streams = asyncio.run(load.take(subject.port, asked, 40, _EVENTS, b'"content":" water"'))
    added.first_chunks += [stream.first() / 1e6 for stream in streams]
    before = subject.cpu()
    calls, _ = asyncio.run(load.repeat(subject.port, _CLIENTS, seconds))
    added.cpu_seconds += subject.cpu() - before
    added.cpu_calls += len(calls)


def _settings(name: str, folder: Path) -> dict[str, str]:
    prices = folder / "prices.json"
    prices.write_text(json.dumps(_PRICES), encoding="utf-8")
    settings = {"PRICES_FILE": str(prices)}
    if name == METERED:
        settings["METERING"] = "on"
    if name in (SQLITE, REDIS):
        settings |= {**_BUDGET, "STORE": f"sqlite:{folder / 'budgets.db'}"}
    return settings


@contextmanager
def _redis(program: str, folder: Path) -> Iterator[str]:
    """A server that writes its file once a second, as most do."""
    port = relays.free_port()
    options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--dir", str(folder)]
    with relays.started([program, "--port", str(port), *options]) as process:
        relays.wait_for(port, process)
        yield f"redis://127.0.0.1:{port}/0"


def told(measured: Sequence[Added]) -> str:
    """The table. The first kind is the one without a store."""
    rows = [["store", "buffered call, p50, ms", "first chunk, p50, ms", f"CPU per call of {_CLIENTS} clients, µs"]]
    for added in measured:
        cpu = added.cpu_seconds / max(added.cpu_calls, 1) * 1e6
        medians = [number(statistics.median(samples)) for samples in (added.calls, added.first_chunks)]
        rows.append([added.name, *medians, number(cpu)])
    return markdown(rows)


if __name__ == "__main__":
    sys.exit(alone.run(ROUNDS, lambda up, cores: told(measure(up, ROUNDS, SECONDS, cores))))
