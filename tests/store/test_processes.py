"""Several processes spend from one budget at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from proxy.store.base import Balance, Store
from tests.store.worker import BUDGET, LIMITS, WHO
from tests.support.paths import ROOT
from tests.support.stores import NOW, Backend
from tests.support.upstream import CEILING

PROCESSES = 4


def test_four_processes_never_spend_more_than_the_budget(backend: Backend) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.store.worker", str(number)],
            cwd=ROOT,
            env={**os.environ, **backend.settings},
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    printed = [process.communicate(timeout=2 * CEILING)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * PROCESSES
    sums = [json.loads(one) for one in printed]
    cost, calls = sum(one[0] for one in sums), sum(one[1] for one in sums)

    async def test(store: Store) -> None:
        assert await store.balance(WHO.id, LIMITS, NOW) == Balance(cost, 0, BUDGET)
        (row,) = await store.spending("2026-11-27", "2026-11-27")
        assert (row.cost, row.calls) == (cost, calls)

    backend.run(test)
    assert BUDGET * 0.8 < cost <= BUDGET, "it was nearly used up, so the limit was at work"
