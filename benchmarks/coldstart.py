"""Cold start: from a fresh process to its first relayed answer, in CPU and in wall time.

Sluice is measured as it is deployed: the built bundle for AWS, with its own packages and `.pyc` files and nothing else.
Each process says itself how much CPU it has used when the answer is there, and the wall time ends when it says so.
The time that an interpreter takes to end counts for none of them.
"""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.cores import Cores
from benchmarks.relays import ROOT, StartError, environment
from proxy.cli.bundle.bytecode import find_python
from proxy.cli.bundle.command import build_bundle
from proxy.platforms.registry import BUNDLES

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

    `up` is the upstream's port. One start of each comes first that is not counted. Raises StartError without the
    bundle's Python or its packages.
    """
    python = find_python(BUNDLES["aws"].python)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        if python is None or build_bundle("aws", folder):
            raise StartError("The bundle for AWS cannot be built here, and its cold start is what is measured.")
        built = str(Path(folder) / "aws")
        environ = environment(OPENAI_BASE_URL=f"http://127.0.0.1:{up}/v1", LOG_LEVEL="off") | {"PYTHONPATH": built}
        commands = (
            ["-c", "import time; print(time.process_time(), flush=True)"],
            [str(ROOT / "benchmarks" / "cold_stdlib.py"), _BODY, str(up)],
            [str(ROOT / "benchmarks" / "cold_sluice.py"), _BODY],
        )
        kinds = Cold("bare interpreter"), Cold("standard library"), Cold("Sluice")
        with cores.relay():
            for counted in [False] + starts * [True]:
                for kind, command in zip(kinds, commands, strict=True):
                    # -S: what else is installed in that Python, and what it runs at its start, belongs to none of them.
                    cpu, wall = _start([python, "-S", *command], environ)
                    if counted:
                        kind.cpu.append(cpu)
                        kind.wall.append(wall)
    return kinds


def _start(command: list[str], environ: dict[str, str]) -> tuple[float, float]:
    begun = time.perf_counter()
    with subprocess.Popen(command, env=environ, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            told = process.stdout.readline()
            wall = time.perf_counter() - begun
            process.wait(CEILING)
        finally:
            process.kill()
    return float(told), wall
