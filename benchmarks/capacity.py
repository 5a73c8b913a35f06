"""How many streams one core carries, and what a chunk of them costs the relay."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from benchmarks.crowd import Crowd, Window, raise_descriptor_limit
from benchmarks.load import LoadError
from benchmarks.relays import Subject

MAX_DELAY_SECONDS = 0.020  # that a chunk may take at p99
MAX_LATE_SECONDS = 0.010  # that the instrument may be behind its own plan at p99
MAX_INSTRUMENT_BUSY = 0.95  # of its core; a relay may then wait for it
MAX_WAITED = 0.03  # of the time, for the relay's core
MIN_ARRIVED = 0.95  # of what is written meanwhile
MAX_STREAMS = 4096
START_STREAMS = 64
SPARE_DESCRIPTORS = 200
WINDOWS = 3  # one disturbance by another program must not decide
SETTLE_SECONDS = 0.3


class Verdict(Enum):
    """Whether a number of streams was carried, and where not, by whose fault."""

    CARRIED = "carried"
    RELAY = "the relay falls behind"
    INSTRUMENT = "the instrument falls behind"
    OTHERS = "other programs disturb the relay"


@dataclass(frozen=True)
class Capacity:
    """So many streams were carried. `at_least` is set where the limit was not the relay's."""

    streams: int
    at_least: bool


def judge(window: Window) -> Verdict:
    """What a window says about the relay. Nothing good either, where the instrument has written less than planned."""
    if window.late_p99 > MAX_LATE_SECONDS:
        return Verdict.INSTRUMENT
    if window.delay_p99 <= MAX_DELAY_SECONDS and window.arrived >= MIN_ARRIVED * window.written:
        return Verdict.CARRIED
    if window.relay_waited > MAX_WAITED:
        return Verdict.OTHERS
    return Verdict.INSTRUMENT if window.instrument_busy > MAX_INSTRUMENT_BUSY else Verdict.RELAY


def describe(window: Window) -> str:
    """What decided on a window, in a line."""
    return (
        f"p99 {window.delay_p99 * 1e3:.1f} ms, {window.arrived} of {window.written} chunks arrived, "
        f"instrument busy {window.instrument_busy:.0%}, relay waited {window.relay_waited:.0%}"
    )


def search(attempt: Callable[[int], Verdict], precision: float, most: int = MAX_STREAMS) -> Capacity:
    """The largest number of streams that `attempt` says is carried: doubling, then bisection.

    The next larger number that was not carried is at most `precision` (a share of it) above the result. 0 streams
    where not even one is carried.
    """
    low, high = 0, most + 1
    limit = Verdict.INSTRUMENT  # what made `high` fail; nothing has tried more than `most`
    streams = min(START_STREAMS, most)
    while high - low > max(1.0, precision * low):
        verdict = attempt(streams)
        if verdict is Verdict.CARRIED:
            low = streams
        else:
            high, limit = streams, verdict
        streams = min(2 * low, most) if high > most else (low + high) // 2
    return Capacity(low, limit is not Verdict.RELAY)


def measure(crowd: Crowd, subject: Subject, precision: float, seconds: float) -> Capacity:
    """Search with this subject, whose upstream is the crowd. Each window of a trial takes `seconds`."""

    def attempt(streams: int) -> Verdict:
        verdict = Verdict.RELAY
        try:
            with crowd.streaming(subject.port, streams):
                for _ in range(WINDOWS):
                    crowd.observe(SETTLE_SECONDS, subject)
                    window = crowd.observe(seconds, subject)
                    verdict = judge(window)
                    print(f"  {streams} streams: {verdict.value} ({describe(window)})", file=sys.stderr, flush=True)
                    if verdict is Verdict.CARRIED:
                        break
        except LoadError as error:
            print(f"  {streams} streams: {error}", file=sys.stderr, flush=True)
        return verdict

    # Each stream has two ends here, and two in the relay.
    return search(attempt, precision, min(MAX_STREAMS, (raise_descriptor_limit() - SPARE_DESCRIPTORS) // 2))


def cpu_per_chunk(crowd: Crowd, subject: Subject, streams: int, seconds: float, *, in_step: bool = False) -> float:
    """Seconds of the relay's CPU per chunk while it has so many streams. Raises LoadError when one ends."""
    with crowd.streaming(subject.port, streams, in_step=in_step):
        crowd.observe(SETTLE_SECONDS, subject)
        return crowd.observe(seconds, subject).relay_cpu_per_chunk
