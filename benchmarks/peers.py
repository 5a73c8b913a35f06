"""`python -m benchmarks.peers`: other relays that can be installed, beside Sluice and nginx in one run.

Optional, because it installs several hundred megabytes under build/peers (pip and npm). The versions below are what is
compared; each peer is set up as its documents say, with its log off, and does more than relay: say so when quoting.
A peer that cannot be installed or does not answer is named with the reason and left out.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import psutil

from benchmarks import load, relays
from benchmarks.cores import Cores
from benchmarks.load import LoadError
from benchmarks.relays import ROOT, StartError, Subject, environment, free_port, started, wait_for
from proxy.cli.bundle.bytecode import find_python

FOLDER = ROOT / "build" / "peers"
LITELLM, FORWARD, PORTKEY = "1.108.7", "0.8.1", "1.15.2"
START_CEILING = 120.0  # seconds: litellm imports for long
_LITELLM = {
    "LITELLM_LOG": "ERROR",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
}
SECONDS, STREAMS = 3.0, 30


@contextlib.contextmanager
def litellm(up: int) -> Iterator[Subject]:
    """LiteLLM's proxy with one model."""
    python = _installed("litellm", f"litellm[proxy]=={LITELLM}")
    settings = FOLDER / "litellm.json"  # its YAML reader reads JSON too
    model = {"model": "openai/bench-1", "api_base": f"http://127.0.0.1:{up}/v1", "api_key": "sk-bench"}
    listed = [{"model_name": "bench-1", "litellm_params": model}]
    settings.write_text(json.dumps({"model_list": listed, "litellm_settings": {"drop_params": True}}), encoding="utf-8")
    port = free_port()
    command = [str(python.parent / "litellm"), "--config", str(settings), "--host", "127.0.0.1", "--port", str(port)]
    with _running(command, port, environment(**_LITELLM)) as subject:
        yield subject


@contextlib.contextmanager
def forward(up: int) -> Iterator[Subject]:
    """openai-forward with one route and no log."""
    python = _installed(
        "openai-forward", f"openai-forward=={FORWARD}", "pyyaml"
    )  # which it imports and does not ask for
    route = [{"base_url": f"http://127.0.0.1:{up}", "route": "/", "type": "openai"}]
    port = free_port()
    environ = environment(
        FORWARD_CONFIG=json.dumps(route), LOG_GENERAL="false", LOG_OPENAI="false", CACHE_OPENAI="false"
    )
    command = [str(python.parent / "aifd"), "run", f"--port={port}", "--workers=1"]
    with _running(command, port, environ) as subject:
        yield subject


@contextlib.contextmanager
def portkey(up: int) -> Iterator[Subject]:
    """Portkey's gateway, which is told the upstream by headers."""
    npm = shutil.which("npm")
    if npm is None:
        raise StartError("npm is not installed")
    folder = FOLDER / "portkey"
    folder.mkdir(parents=True, exist_ok=True)
    _run([npm, "install", "--silent", "--no-save", "--prefix", str(folder), f"@portkey-ai/gateway@{PORTKEY}"])
    script = folder / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    port = free_port()
    with _running(["node", str(script), f"--port={port}", "--headless"], port, environment()) as subject:
        yield subject


def main() -> int:
    """Measure all and print the table."""
    cores = Cores()
    rows = []
    with cores.load(), relays.upstream() as up:
        base = up.port
        program = relays.nginx_program()
        to_portkey = f"x-portkey-provider: openai\r\nx-portkey-custom-host: http://127.0.0.1:{base}/v1\r\n"
        subjects: list[tuple[str, Callable[[], AbstractContextManager[Subject]], str]] = [
            ("no relay", lambda: contextlib.nullcontext(up), ""),
            ("Sluice", lambda: relays.sluice(base), ""),
            (f"openai-forward {FORWARD}", lambda: forward(base), ""),
            (f"Portkey {PORTKEY}", lambda: portkey(base), to_portkey),
            (f"LiteLLM {LITELLM}", lambda: litellm(base), ""),
        ]
        if program is not None:
            subjects.insert(1, ("nginx", lambda: relays.nginx(program, base), ""))
        for name, subject, headers in subjects:
            print(name, "…", file=sys.stderr, flush=True)
            try:
                with contextlib.ExitStack() as stack:
                    with cores.relay():
                        running = stack.enter_context(subject())
                    rows.append((name, *_figures(running, headers)))
            except (StartError, LoadError, OSError) as error:
                print(f"{name} is left out: {str(error)[:300]}", file=sys.stderr)
    print("| relay | p50, ms | requests/s, 64 clients | CPU a request, µs | first chunk, ms | memory, MB |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(one if isinstance(one, str) else _cell(one) for one in row) + " |")
    return 0


def _cell(value: float) -> str:
    return "–" if math.isnan(value) or not value else f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _figures(subject: Subject, headers: str) -> tuple[float, float, float, float, float]:
    """The columns, in the units of their heads."""
    asyncio.run(load.repeat(subject.port, 1, SECONDS / 2, headers))  # unmeasured: the first calls cost more
    waits, _ = asyncio.run(load.repeat(subject.port, 1, SECONDS, headers))
    try:
        first = statistics.median(asyncio.run(_firsts(subject.port, headers))) / 1e6
    except LoadError as error:
        print(str(error)[:300], file=sys.stderr)
        first = float("nan")
    before = subject.cpu()
    calls, seconds = asyncio.run(load.repeat(subject.port, 64, SECONDS, headers))
    cpu = (subject.cpu() - before) / len(calls)
    return statistics.median(waits) / 1e6, len(calls) / seconds, cpu * 1e6, first, subject.memory() / 1e6


async def _firsts(port: int, headers: str) -> list[int]:
    """Nanoseconds to the first event, each on a connection of its own: peers may write or end them anew."""
    asked = load.request(port, headers, stream=True, events=3, pause=0)
    found = []
    for _ in range(STREAMS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        begun = asyncio.get_running_loop().time()
        writer.write(asked)
        try:
            await asyncio.wait_for(reader.readuntil(b"data:"), load.CEILING)
        except asyncio.IncompleteReadError as error:
            raise LoadError(f"The stream ended before its first event: {error.partial!r}.") from None
        found.append(int((asyncio.get_running_loop().time() - begun) * 1e9))
        writer.close()
    return found


@contextlib.contextmanager
def _running(command: list[str], port: int, environ: dict[str, str]) -> Iterator[Subject]:
    with started(command, environ) as process:
        wait_for(port, process, START_CEILING)
        yield Subject(port, psutil.Process(process.pid))


def _installed(name: str, *requirements: str) -> Path:
    """The interpreter of an environment that has `requirements`; made once, with a Python that they have wheels for."""
    folder = FOLDER / name
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not (folder / "installed").exists():
        _run([find_python("3.11") or sys.executable, "-m", "venv", str(folder)])
        _run([str(python), "-m", "pip", "install", "--quiet", *requirements])
        (folder / "installed").write_text(" ".join(requirements))
    return python


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StartError(f"it cannot be installed: {done.stderr.strip()[-250:]}")


if __name__ == "__main__":
    sys.exit(main())
