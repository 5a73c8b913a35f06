"""Results that nobody has measured."""

from __future__ import annotations

from benchmarks.budgets import Added
from benchmarks.coldstart import Cold
from benchmarks.results import BARE, DIRECT, NGINX, SILENT, SLUICE, Column, Results
from benchmarks.stalls import Stalls
from benchmarks.translations import Spent


def column(name: str, factor: float, *, streams: int, at_least: bool = False) -> Column:
    """A column in which every figure is `factor` times that of the bare relay."""
    return Column(
        name=name,
        wait_1_p50=0.0001 + 0.0001 * factor,
        wait_1_p99=0.0002 + 0.0002 * factor,
        wait_16_p50=0.001 * factor,
        wait_16_p99=0.002 * factor,
        wait_64_p50=0.004 * factor,
        wait_64_p99=0.008 * factor,
        rate_64=50_000 / (factor or 0.5),
        call_cpu_16=15e-6 * factor,
        call_cpu_64=14e-6 * factor,
        first_p50=0.0002 + 0.0004 * factor,
        first_busy_p50=0.0001 + 0.0002 * factor,
        delay_p50=0.0001 * factor,
        delay_p99=0.0003 * factor,
        paced_cpu_16=60e-6 * factor,
        paced_cpu_64=50e-6 * factor,
        in_step_cpu_16=20e-6 * factor,
        burst_cpu=2e-6 * factor,
        short_burst_cpu=3e-6 * factor,
        stream_cpu=100e-6 * factor,
        memory=int(20e6 * factor),
        streams=streams,
        streams_at_least=at_least,
    )


def results() -> Results:
    """A whole run."""
    return Results(
        facts=["2026-11-27", "Python 3.13.0"],
        columns=[
            column(DIRECT, 0, streams=3000, at_least=True),
            column(NGINX, 0.5, streams=2000, at_least=True),
            column(BARE, 1, streams=1600),
            column(SLUICE, 4, streams=400),
            column(SILENT, 3, streams=500),
        ],
        cold=[
            Cold("bare interpreter", [0.006], [0.007]),
            Cold("standard library", [0.060], [0.061]),
            Cold("Sluice", [0.078, 0.090, 0.080], [0.080, 0.081, 0.082]),
        ],
        translations=[Spent("passed through", 1000, 0.002), Spent("translated", 1000, 0.013)],
        budgets=[
            Added("no store", [0.3, 0.5, 0.4], [1.1], 0.002, 10),
            Added("SQLite", [0.7], [1.6], 0.004, 10),
        ],
        stalls=[Stalls("nobody else", [0.001]), Stalls("60 MB of text", [0.030, 0.034], [0.2, 0.3])],
    )
