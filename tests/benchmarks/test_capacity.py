"""The search for the number of streams that one core carries, without any stream."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks.capacity import MAX_STREAMS, Capacity, Verdict, describe, judge, search
from benchmarks.crowd import Window

GOOD = Window(
    streams=100,
    written=4000,
    arrived=3990,
    delay_p50=0.001,
    delay_p99=0.015,
    late_p99=0.001,
    instrument_busy=0.5,
    relay_cpu=0.2,
    relay_waited=0.0,
)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, Verdict.CARRIED),
        ({"delay_p99": 0.021}, Verdict.RELAY),
        ({"arrived": 3700}, Verdict.RELAY),
        ({"delay_p99": 0.021, "instrument_busy": 0.99}, Verdict.INSTRUMENT),
        ({"late_p99": 0.1}, Verdict.INSTRUMENT),
        ({"relay_waited": 0.5}, Verdict.CARRIED),
        ({"relay_waited": 0.5, "delay_p99": 0.021}, Verdict.OTHERS),
    ],
)
def test_a_window_is_carried_or_somebody_is_too_slow(change: dict[str, float], verdict: Verdict) -> None:
    assert judge(dataclasses.replace(GOOD, **change)) is verdict  # type: ignore[arg-type]


def test_a_window_is_described() -> None:
    told = "p99 15.0 ms, 3990 of 4000 chunks arrived, instrument busy 50%, relay waited 0%"
    assert describe(GOOD) == told


def test_the_cost_of_a_chunk() -> None:
    assert GOOD.relay_cpu_per_chunk == pytest.approx(0.2 / 3990)
    assert dataclasses.replace(GOOD, arrived=0, relay_cpu=0.0).relay_cpu_per_chunk == 0


@pytest.mark.parametrize("limit", [1, 2, 5, 33, 63, 64, 65, 130, 512, 1999, MAX_STREAMS - 1])
def test_search_finds_the_limit(limit: int) -> None:
    tried: list[int] = []

    def attempt(streams: int) -> Verdict:
        tried.append(streams)
        return Verdict.CARRIED if streams <= limit else Verdict.RELAY

    found = search(attempt, 0.05)

    assert found.streams <= limit <= max(found.streams * 1.05, found.streams + 1)
    assert not found.at_least
    assert len(tried) == len(set(tried)) <= 14


def test_search_without_bisection() -> None:
    assert search(lambda streams: Verdict.CARRIED if streams < 300 else Verdict.RELAY, 1.0) == Capacity(256, False)


def test_a_relay_that_carries_nothing() -> None:
    assert search(lambda _: Verdict.RELAY, 0.05) == Capacity(0, False)


@pytest.mark.parametrize("limit", [Verdict.INSTRUMENT, Verdict.OTHERS])
def test_search_says_when_the_limit_was_not_the_relay_s(limit: Verdict) -> None:
    assert search(lambda streams: Verdict.CARRIED if streams < 200 else limit, 0.05).at_least


def test_search_says_when_everything_was_carried() -> None:
    assert search(lambda _: Verdict.CARRIED, 0.05, most=1000) == Capacity(1000, True)
    assert search(lambda _: Verdict.CARRIED, 0.05, most=10) == Capacity(10, True)
