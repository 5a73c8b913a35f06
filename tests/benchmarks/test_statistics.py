"""Percentiles, and how samples become a column."""

from __future__ import annotations

import statistics

import pytest

from benchmarks.capacity import Capacity
from benchmarks.measure import FEW, MANY, SOME, Figures, Spending
from benchmarks.samples import percentile


def test_percentiles() -> None:
    samples = list(range(101))
    assert percentile(samples, 50) == 50
    assert percentile(samples, 99) == 99
    assert percentile([7], 99) == 7
    with pytest.raises(statistics.StatisticsError):
        percentile([], 50)


def test_spending_nothing_costs_nothing() -> None:
    assert Spending().each() == 0
    assert Spending(4, 2.0).each() == 0.5


def test_samples_of_all_rounds_become_a_column_in_seconds() -> None:
    figures = Figures("Sluice", rates=[100.0, 300.0, 200.0], memory=5)
    for clients, wait in ((FEW, 1_000_000), (SOME, 2_000_000), (MANY, 3_000_000)):
        figures.waits[clients] += [wait, wait]
        figures.calls[clients] = Spending(10, clients * 10e-6)
    figures.firsts += [4_000_000]
    figures.busy_firsts += [5_000_000]
    figures.delays += [6_000_000]
    figures.streams, figures.bursts, figures.short_bursts = Spending(6, 6e-3), Spending(10, 20e-6), Spending(10, 30e-6)
    figures.in_step += [1e-6]
    figures.paced[SOME] += [5e-6, 9e-6, 7e-6]
    figures.capacity = Capacity(130, at_least=True)

    column = figures.column()

    assert (column.wait_1_p50, column.wait_16_p50, column.wait_64_p99) == (0.001, 0.002, 0.003)
    assert (column.first_p50, column.first_busy_p50, column.delay_p99) == (0.004, 0.005, 0.006)
    assert column.rate_64 == 200
    assert column.call_cpu_16 == pytest.approx(16e-6 * 10 / 10)
    assert column.stream_cpu == pytest.approx(3e-3)
    assert column.burst_cpu == pytest.approx(2e-6)
    assert column.short_burst_cpu == pytest.approx(3e-6)
    assert (column.paced_cpu_16, column.paced_cpu_64, column.in_step_cpu_16) == (7e-6, 0.0, 1e-6)
    assert (column.streams, column.streams_at_least, column.memory) == (130, True, 5)
