"""`python -m benchmarks.soak`: 100,000 calls, then 1,000 streams that their callers leave; memory and descriptors.

Both must be flat: what grows with the number of calls ends a server some night. Prints a table; exit code 1 where
descriptors are left over or memory goes on growing, by more than a tenth from a kind's first fifth to its last.
Settings may follow, such as METERING=on.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import psutil

from benchmarks import load, relays
from benchmarks.relays import Subject

CALLS, STREAMS, STEPS = 100_000, 1_000, 5
AT_ONCE = 64
SETTLE_SECONDS = 10.0


def main() -> int:
    """Run it against `python -m proxy serve`, with the settings of the command line."""
    settings = dict(one.split("=", 1) for one in sys.argv[1:])
    rows: list[tuple[str, float, int]] = []
    with relays.upstream() as up, relays.sluice(up.port, **{"LOG_LEVEL": "off", **settings}) as subject:
        assert subject.process is not None
        asyncio.run(_leave(subject.port, AT_ONCE))  # what is only made once is made now
        asyncio.run(load.repeat(subject.port, AT_ONCE, 1.0))
        rows.append(_row("before", subject, subject.process))
        for step in range(1, STEPS + 1):
            calls = 0
            while calls < CALLS / STEPS:
                calls += len(asyncio.run(load.repeat(subject.port, AT_ONCE, 2.0))[0])
            rows.append(_row(f"{CALLS // STEPS * step:,} calls", subject, subject.process))
        for step in range(1, STEPS + 1):
            asyncio.run(_leave(subject.port, STREAMS // STEPS))
            rows.append(_row(f"{STREAMS // STEPS * step:,} streams left half-way", subject, subject.process))
    print("| after | resident, MB | descriptors |\n|---|---|---|")
    for name, memory, descriptors in rows:
        print(f"| {name} | {memory:.1f} | {descriptors} |")
    grown = any(rows[last][1] > rows[first][1] * 1.1 for first, last in ((1, STEPS), (STEPS + 1, 2 * STEPS)))
    return int(grown or rows[-1][2] > rows[0][2])


async def _leave(port: int, streams: int) -> None:
    """Take the head of each stream, and go."""
    asked = load.request(port, stream=True, events=50, pause=0.05)

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(asked)
        await reader.readuntil(b"data:")
        writer.close()

    for _ in range(0, streams, AT_ONCE):
        await asyncio.gather(*(one() for _ in range(AT_ONCE)))


def _row(name: str, subject: Subject, process: psutil.Process) -> tuple[str, float, int]:
    """Memory and descriptors, once the callers' connections are gone."""
    until = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < until and any(one.laddr.port == subject.port for one in _established(process)):
        time.sleep(0.1)
    return name, subject.memory() / 1e6, process.num_fds()


def _established(process: psutil.Process) -> list[Any]:
    return [one for one in process.net_connections("tcp") if one.status == psutil.CONN_ESTABLISHED]


if __name__ == "__main__":
    sys.exit(main())
