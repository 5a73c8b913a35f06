"""The measurements of one subject, and how much of each is done."""

from __future__ import annotations

import asyncio
import statistics
from dataclasses import dataclass, field

from benchmarks import load
from benchmarks.relays import Subject

FEW, SOME, MANY = 1, 16, 64  # clients at a time


@dataclass(frozen=True)
class Effort:
    """How much is done in each of `rounds`: `seconds` of calls, so many streams, paced and burst events.

    `cold` is the number of cold starts of each kind, over all, `stalls` of runs of each kind of benchmarks.stalls.
    """

    rounds: int
    seconds: float
    streams: int
    paced: int
    burst: int
    cold: int
    stalls: int


FULL = Effort(rounds=5, seconds=1.0, streams=40, paced=200, burst=20_000, cold=15, stalls=3)
QUICK = Effort(rounds=1, seconds=0.4, streams=20, paced=100, burst=5_000, cold=3, stalls=0)
PAUSE = 0.005  # seconds between paced events


@dataclass
class Figures:
    """What has been measured of one subject, all rounds together. Times are in nanoseconds unless they say seconds."""

    name: str
    waits: dict[int, list[int]] = field(default_factory=lambda: {FEW: [], SOME: []})
    rates: list[float] = field(default_factory=list)
    calls: int = 0
    calls_cpu_seconds: float = 0.0
    firsts: list[int] = field(default_factory=list)
    delays: list[int] = field(default_factory=list)
    chunks: int = 0
    chunks_cpu_seconds: float = 0.0
    memory_bytes: int = 0

    def rate(self) -> float:
        """Calls answered in a second at 64 clients, the median of the rounds."""
        return statistics.median(self.rates)


def measure(subject: Subject, figures: Figures, effort: Effort) -> None:
    """One round, added to `figures`; the subject is best a fresh one. Raises LoadError when an answer is wrong.

    The measurements with one client come first: connections that are kept from a crowd make some relays slower.
    """
    asyncio.run(load.repeat(subject.port, FEW, effort.seconds / 4))  # unmeasured: the first calls cost more
    figures.waits[FEW] += asyncio.run(load.repeat(subject.port, FEW, effort.seconds))[0]
    figures.firsts += [one.first() for one in asyncio.run(load.stream(subject.port, effort.streams, 3, 0))]
    for one in asyncio.run(load.stream(subject.port, 1, effort.paced, PAUSE)):
        figures.delays += one.delays()
    before = subject.cpu()
    asyncio.run(load.stream(subject.port, 1, effort.burst, 0))
    figures.chunks_cpu_seconds += subject.cpu() - before
    figures.chunks += effort.burst
    figures.waits[SOME] += asyncio.run(load.repeat(subject.port, SOME, effort.seconds))[0]
    before = subject.cpu()
    calls, seconds = asyncio.run(load.repeat(subject.port, MANY, effort.seconds))
    figures.calls_cpu_seconds += subject.cpu() - before
    figures.calls += len(calls)
    figures.rates.append(len(calls) / seconds)
    figures.memory_bytes = max(figures.memory_bytes, subject.memory())
