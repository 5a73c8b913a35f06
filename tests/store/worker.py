"""One of several processes that spend from the same budget: `python -m tests.store.worker NAME`, with STORE set.

Prints how much it has settled, in how many calls. Ends with an error if a budget was ever exceeded.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys

from proxy.store.base import Balance, Claim, Spending, Store
from tests.support.stores import NOW, holder, limits, opened

TASKS, CALLS = 16, 12  # for each process; calls for each task
BUDGET = 1_000  # holds about half of what the tasks would spend
WHO, LIMITS = holder("shared"), limits(budget=BUDGET)


async def main(name: str) -> None:
    async with opened(dict(os.environ)) as store:
        sums = await asyncio.gather(*(spend(store, f"{name}-{task}") for task in range(TASKS)))
    print(json.dumps([sum(cost for cost, _ in sums), sum(calls for _, calls in sums)]))


async def spend(store: Store, name: str) -> tuple[int, int]:
    """The sum that one task has settled, and the number of its calls."""
    chance = random.Random(name)
    settled, calls = 0, 0
    for number in range(CALLS):
        claim = Claim(f"{name}-{number}", chance.randint(1, 20), 0, 1_000.0)
        answer = await store.reserve(WHO, LIMITS, claim, NOW)
        if isinstance(answer, Balance):
            assert answer.spent + answer.reserved <= BUDGET, answer
            if chance.random() < 0.1:
                await store.release(WHO, claim.id, NOW)
                continue
            cost = chance.randint(0, claim.cost)
            answer = await store.settle(WHO, LIMITS, claim.id, Spending(cost, 1, 1, "m"), NOW)
            assert answer.spent + answer.reserved <= BUDGET, answer
            settled, calls = settled + cost, calls + 1
    return settled, calls


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
