"""Percentiles, in one place."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def percentile(samples: Sequence[int], share: int) -> float:
    """The value below which `share` per cent of the samples are, in their own unit. One sample is all percentiles.

    Raises statistics.StatisticsError without samples.
    """
    if len(samples) == 1:
        return float(samples[0])
    return statistics.quantiles(samples, n=100, method="inclusive")[share - 1]
