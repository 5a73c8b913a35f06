"""The CPU of a streamed chunk that Sluice translates, beside one that it passes through, in the same run.

`python -m benchmarks.translations` measures this alone.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from benchmarks import alone, load, relays
from benchmarks.cores import Cores
from benchmarks.markdown import markdown, number
from benchmarks.upstream import BURST

ROUNDS, EVENTS = 5, 20_000
WARM_EVENTS = 100


@dataclass(frozen=True)
class Kind:
    """A call in some protocol, answered with a burst of chat chunks.

    `prompt` is the member of the request for its prompt; `mark` is in each event that is made of a chunk, once.
    """

    name: str
    path: str
    prompt: str
    mark: bytes
    more: dict[str, Any] = field(default_factory=dict)


KINDS = (
    Kind("chat completions, passed through", "/v1/chat/completions", "messages", b'"content":" water"'),
    Kind("Messages, translated", "/v1/messages", "messages", b'"text":" water"', {"max_tokens": 32_000}),
    Kind("Responses, translated", "/v1/responses", "input", b'"delta":" water"'),
)


@dataclass
class Spent:
    """What the chunks of a kind have cost the relay, all rounds together."""

    name: str
    chunks: int = 0
    cpu_seconds: float = 0.0

    @property
    def micros(self) -> float:
        """Microseconds of CPU per chunk."""
        return self.cpu_seconds / self.chunks * 1e6


def measure(up: int, rounds: int, events: int, cores: Cores) -> list[Spent]:
    """A burst of each kind in every round, through a fresh Sluice whose upstream serves nothing but chat completions.

    `up` is the port of that upstream. A short burst comes first, uncounted: it imports what the kind needs.
    """
    chat = {"name": "chat", "base_url": f"http://127.0.0.1:{up}/v1"}
    only_chat = json.dumps([{**chat, "messages": False, "responses": False, "gemini": False}])
    spent = [Spent(kind.name) for kind in KINDS]
    for done in range(rounds):
        print(f"translations, round {done + 1} of {rounds} …", file=sys.stderr, flush=True)
        with ExitStack() as stack:
            with cores.relay():
                # OPENAI_BASE_URL would be a second upstream, and one that may serve Messages.
                subject = stack.enter_context(relays.sluice(up, OPENAI_BASE_URL="", UPSTREAMS=only_chat))
            for kind, one in zip(KINDS, spent, strict=True):
                _burst(subject.port, kind, WARM_EVENTS)
                before = subject.cpu()
                _burst(subject.port, kind, events)
                one.cpu_seconds += subject.cpu() - before
                one.chunks += events
    return spent


def _burst(port: int, kind: Kind, events: int) -> None:
    prompt = [{"role": "user", "content": BURST.format(events)}]
    asked = load.post(port, kind.path, {"model": "bench-1", "stream": True, **kind.more, kind.prompt: prompt})
    asyncio.run(load.take(port, asked, 1, events, kind.mark))


def told(spent: Sequence[Spent]) -> str:
    """The table. The first kind is the one that is passed through."""
    rows = [["chunks of a chat stream, in a burst", "relay's CPU per chunk, µs", "of one passed through"]]
    least = spent[0].micros
    rows += [[one.name, number(one.micros), f"{one.micros / least:.1f}"] for one in spent]
    return markdown(rows)


if __name__ == "__main__":
    sys.exit(alone.run(ROUNDS, lambda up, cores: told(measure(up, ROUNDS, EVENTS, cores))))
