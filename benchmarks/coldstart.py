"""Cold start: from a fresh process to its first relayed answer, in CPU and in wall time.

Each process says itself how much CPU it has used when the answer is there, and the wall time ends when it says so.
The time that an interpreter takes to end counts for none of them.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field

from benchmarks.cores import Cores
from benchmarks.relays import ROOT, environment

CEILING = 30.0  # seconds that one process may take
_BODY = '{"model": "bench-1", "messages": [{"role": "user", "content": "What is a sluice?"}]}'


@dataclass
class Cold:
    """All starts of one kind, in seconds."""

    name: str
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def medians(self) -> tuple[float, float]:
        """CPU and wall time in seconds."""
        return statistics.median(self.cpu), statistics.median(self.wall)


def measure(up: int, starts: int, cores: Cores) -> tuple[Cold, Cold, Cold]:
    """So many starts of each: a bare interpreter, the standard library, Sluice; in turn, so that all share the noise.

    `up` is the upstream's port. One start of each comes first that is not counted: it writes the .pyc files.
    """
    environ = environment(OPENAI_BASE_URL=f"http://127.0.0.1:{up}/v1", LOG_LEVEL="off")
    commands = (
        ["-c", "import time; print(time.process_time(), flush=True)"],
        [str(ROOT / "benchmarks" / "cold_stdlib.py"), _BODY, str(up)],
        [str(ROOT / "benchmarks" / "cold_sluice.py"), _BODY],
    )
    kinds = Cold("bare interpreter"), Cold("standard library"), Cold("Sluice")
    with cores.relay():
        for counted in [False] + starts * [True]:
            for kind, command in zip(kinds, commands, strict=True):
                cpu, wall = _start(command, environ)
                if counted:
                    kind.cpu.append(cpu)
                    kind.wall.append(wall)
    return kinds


def _start(command: list[str], environ: dict[str, str]) -> tuple[float, float]:
    begun = time.perf_counter()
    with subprocess.Popen([sys.executable, *command], env=environ, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            told = process.stdout.readline()
            wall = time.perf_counter() - begun
            process.wait(CEILING)
        finally:
            process.kill()
    return float(told), wall
