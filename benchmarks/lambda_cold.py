"""The cold start of the built Lambda bundle: `python -m benchmarks.lambda_cold`, after `python dev.py bundle aws`.

A fresh process of the bundle's Python with nothing but the bundle, against a Runtime API on this machine: from its
start to its first answered invocation, which relays one buffered call. The buffered function runs under awslambdaric,
as on Lambda. CPU is counted in steps of 10 ms.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.relays import ROOT
from proxy.cli.bundle.bytecode import find_python
from proxy.cli.lambda_simulator import Invocation, RuntimeApiServer

STARTS = 15


async def first_answer(command: list[str], environ: dict[str, str], event: Any) -> tuple[float, float]:
    """CPU and wall time in seconds of one fresh process, up to the end of its first answer."""
    api = RuntimeApiServer()
    address = await api.start()
    invocation = Invocation(json.dumps(event).encode(), time.time() + 60)
    api.waiting.put_nowait(invocation)
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(*command, env={"AWS_LAMBDA_RUNTIME_API": address, **environ})
    answer = b""
    while (piece := await invocation.pieces.get()) is not None:
        answer += piece
    wall = time.perf_counter() - begun
    times = psutil.Process(process.pid).cpu_times()
    process.kill()
    await process.wait()
    api.close()
    assert b'"statusCode": 200' in answer, answer[:300]
    return times.user + times.system, wall


def client_alone(folder: Path) -> Path:
    """A folder with awslambdaric and what it needs, and nothing else that is installed here."""
    for name in ("awslambdaric", "simplejson", "snapshot_restore_py", "runtime_client"):
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            source = Path(spec.origin)
            source = source.parent if source.name == "__init__.py" else source
            (folder / source.name).symlink_to(source)
    return folder


def main() -> int:
    """Print the table; 1 where a part is missing."""
    python = find_python("3.13")
    built = ROOT / "build" / "aws"
    if python is None or not built.exists():
        print("This needs Python 3.13 and the bundle: python dev.py bundle aws", file=sys.stderr)
        return 1
    event = json.loads((ROOT / "tests" / "events" / "aws-function-url.json").read_text(encoding="utf-8"))
    event["body"] = '{"model": "bench-1", "messages": []}'
    up = subprocess.Popen([sys.executable, "-m", "benchmarks.upstream"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert up.stdout is not None
    with tempfile.TemporaryDirectory() as scratch:
        try:
            environ = {"OPENAI_BASE_URL": f"http://127.0.0.1:{up.stdout.readline().strip()}/v1", "LOG_LEVEL": "off"}
            bare = Path(scratch) / "without"
            shutil.copytree(built, bare, ignore=shutil.ignore_patterns("__pycache__"))
            client = Path(scratch) / "client"
            client.mkdir()
            client_alone(client)
            print("| function | `.pyc` | CPU, ms | wall, ms |\n|---|---|---|---|")
            for folder, compiled in ((built, "yes"), (bare, "no")):
                streaming = [str(folder / "aws_bootstrap"), python]
                buffered = [python, "-S", "-m", "awslambdaric", "handler.lambda_handler"]
                for name, command in (("streaming", streaming), ("buffered", buffered)):
                    more = {
                        "LAMBDA_TASK_ROOT": str(folder),
                        "PYTHONPATH": f"{folder}:{client}",
                        "PYTHONDONTWRITEBYTECODE": "1",
                        "PATH": "/usr/bin:/bin",
                    }
                    found = [asyncio.run(first_answer(command, {**environ, **more}, event)) for _ in range(STARTS)]
                    cpu, wall = (statistics.median(column) * 1000 for column in zip(*found, strict=True))
                    print(f"| {name} | {compiled} | {cpu:.0f} | {wall:.0f} |", flush=True)
        finally:
            up.terminate()
            up.wait()
            up.stdout.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
