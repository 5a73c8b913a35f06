"""Runs one measurement by itself, as `python -m benchmarks.NAME`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from benchmarks import load, relays
from benchmarks.cores import Cores
from benchmarks.noise import Others


def run(rounds: int, measured: Callable[[int, Cores], str]) -> int:
    """Print the table that `measured` returns for an upstream's port; 1 with the reason on stderr if that fails."""
    cores, others = Cores(), Others()
    try:
        with cores.load(), relays.upstream() as up:
            table = measured(up.port, cores)
    except (load.LoadError, relays.StartError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{time.strftime('%Y-%m-%d')} · {rounds} rounds · {others.told()}\n\n{table}")
    return 0
