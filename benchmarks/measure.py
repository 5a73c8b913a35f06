"""The measurements of one subject, and how much of each is done."""

from __future__ import annotations

import asyncio
import statistics
from collections import defaultdict
from dataclasses import dataclass, field

from benchmarks import capacity, load
from benchmarks.capacity import Capacity
from benchmarks.crowd import Crowd
from benchmarks.load import Streamed
from benchmarks.relays import Subject
from benchmarks.results import SHORT_BURST, SHORT_STREAM, Column
from benchmarks.samples import percentile

FEW, SOME, MANY = 1, 16, 64  # clients, or streams, at a time


@dataclass(frozen=True)
class Effort:
    """How much is done in each of `rounds`: `seconds` of calls and of paced streams, and so many of the rest.

    `streams` are taken one after the other, and `rested` streams after a pause each; `paced` and `burst` are events.
    `precision` is that of the search for the number of streams, a share of it; it is done once, and not at all for 0.
    `cold` is the number of cold starts of each kind, over all, `stalls` of runs of each kind of benchmarks.stalls.
    """

    rounds: int
    seconds: float
    streams: int
    rested: int
    paced: int
    burst: int
    precision: float
    cold: int
    stalls: int


FULL = Effort(
    rounds=4,
    seconds=1.0,
    streams=40,
    rested=25,
    paced=200,
    burst=20_000,
    precision=0.05,
    cold=15,
    stalls=3,
)
QUICK = Effort(
    rounds=1,
    seconds=0.3,
    streams=20,
    rested=8,
    paced=100,
    burst=5_000,
    precision=0.0,
    cold=3,
    stalls=0,
)
PAUSE = 0.005  # seconds between paced events of one stream
REST = 0.05  # seconds before a rested call: the last one's clean-up is over by then


@dataclass
class Spending:
    """CPU seconds that so many pieces of work have cost."""

    pieces: int = 0
    seconds: float = 0.0

    def each(self) -> float:
        """Seconds a piece; 0.0 without any."""
        return self.seconds / self.pieces if self.pieces else 0.0


@dataclass
class Figures:
    """What has been measured of one subject, all rounds together. Samples are nanoseconds."""

    name: str
    waits: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    calls: dict[int, Spending] = field(default_factory=lambda: defaultdict(Spending))
    rates: list[float] = field(default_factory=list)
    firsts: list[int] = field(default_factory=list)
    busy_firsts: list[int] = field(default_factory=list)
    delays: list[int] = field(default_factory=list)
    streams: Spending = field(default_factory=Spending)
    bursts: Spending = field(default_factory=Spending)
    short_bursts: Spending = field(default_factory=Spending)
    paced: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    in_step: list[float] = field(default_factory=list)
    memory: int = 0
    capacity: Capacity = field(default_factory=lambda: Capacity(0, False))

    def column(self) -> Column:
        """The results. Raises statistics.StatisticsError before the first round."""
        few, some, many = (self.waits[clients] for clients in (FEW, SOME, MANY))
        return Column(
            name=self.name,
            wait_1_p50=percentile(few, 50) / 1e9,
            wait_1_p99=percentile(few, 99) / 1e9,
            wait_16_p50=percentile(some, 50) / 1e9,
            wait_16_p99=percentile(some, 99) / 1e9,
            wait_64_p50=percentile(many, 50) / 1e9,
            wait_64_p99=percentile(many, 99) / 1e9,
            rate_64=statistics.median(self.rates),
            call_cpu_16=self.calls[SOME].each(),
            call_cpu_64=self.calls[MANY].each(),
            first_p50=percentile(self.firsts, 50) / 1e9,
            first_busy_p50=percentile(self.busy_firsts, 50) / 1e9,
            delay_p50=percentile(self.delays, 50) / 1e9,
            delay_p99=percentile(self.delays, 99) / 1e9,
            paced_cpu_16=statistics.median(self.paced[SOME] or [0.0]),
            paced_cpu_64=statistics.median(self.paced[MANY] or [0.0]),
            in_step_cpu_16=statistics.median(self.in_step or [0.0]),
            burst_cpu=self.bursts.each(),
            short_burst_cpu=self.short_bursts.each(),
            stream_cpu=self.streams.each() * SHORT_STREAM,
            memory=self.memory,
            streams=self.capacity.streams,
            streams_at_least=self.capacity.at_least,
        )


def measure(subject: Subject, figures: Figures, effort: Effort) -> None:
    """One round, added to `figures`; the subject is best a fresh one. Raises LoadError when an answer is wrong.

    The measurements with one client come first: connections that are kept from a crowd make some relays slower.
    """
    port = subject.port
    asyncio.run(load.repeat(port, FEW, effort.seconds / 4))  # unmeasured: the first calls cost more
    asyncio.run(load.stream(port, effort.rested, SHORT_STREAM, 0))
    _calls(subject, figures, FEW, effort.seconds)
    rested = asyncio.run(load.stream(port, effort.rested, SHORT_STREAM, 0, rest=REST))
    figures.firsts += [stream.first() for stream in rested]
    figures.busy_firsts += [
        stream.first() for stream in _streams(subject, figures.streams, effort.streams, SHORT_STREAM)
    ]
    for stream in asyncio.run(load.stream(port, 1, effort.paced, PAUSE)):
        figures.delays += stream.delays()
    _streams(subject, figures.bursts, 1, effort.burst)
    _streams(subject, figures.short_bursts, effort.burst // SHORT_BURST, SHORT_BURST)
    _calls(subject, figures, SOME, effort.seconds)
    figures.rates.append(_calls(subject, figures, MANY, effort.seconds))
    figures.memory = max(figures.memory, subject.memory())


def _calls(subject: Subject, figures: Figures, clients: int, seconds: float) -> float:
    """Returns how many a second were answered."""
    before = subject.cpu()
    waits, lasted = asyncio.run(load.repeat(subject.port, clients, seconds))
    figures.calls[clients].seconds += subject.cpu() - before
    figures.calls[clients].pieces += len(waits)
    figures.waits[clients] += waits
    return len(waits) / lasted


def _streams(subject: Subject, spending: Spending, streams: int, events: int) -> list[Streamed]:
    """So many streams of events without a pause; their CPU is added to `spending`, per event."""
    before = subject.cpu()
    taken = asyncio.run(load.stream(subject.port, streams, events, 0))
    spending.seconds += subject.cpu() - before
    spending.pieces += streams * events
    return taken


def measure_crowd(crowd: Crowd, subject: Subject, figures: Figures, effort: Effort, is_search: bool) -> None:
    """One round of many paced streams, whose upstream is `crowd`. Raises LoadError when a moderate number fails."""
    for streams in (SOME, MANY):
        figures.paced[streams].append(capacity.cpu_per_chunk(crowd, subject, streams, effort.seconds))
    figures.in_step.append(capacity.cpu_per_chunk(crowd, subject, SOME, effort.seconds, in_step=True))
    if is_search and effort.precision:
        figures.capacity = capacity.measure(crowd, subject, effort.precision, effort.seconds)
