"""What is measured: the upstream, nginx, a bare relay and Sluice, each started on a free port and stopped again."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
CEILING = 10.0  # seconds that anything here has for starting or stopping
_LINUX = sys.platform == "linux"
_NGINX = """
daemon off;
pid {folder}/nginx.pid;
worker_processes 1;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream bench {{
        server 127.0.0.1:{upstream};
        keepalive 128;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        keepalive_requests 1000000000;
        location / {{
            proxy_pass http://bench;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
}}
"""


class StartError(Exception):
    """Something has not begun to serve."""


@dataclass
class Subject:
    """One way to the upstream: a port to call, and the process behind it, or None where there is no relay."""

    port: int
    process: psutil.Process | None = None

    def cpu(self) -> float:
        """Seconds of CPU, user and system, that the process and its children have used; 0.0 without one."""
        return sum(_cpu_seconds(process) for process in self._family)

    def waited(self) -> float:
        """Seconds for which the process and its children were ready to run while others had their core.

        Of several threads only the first counts. 0.0 where the kernel does not tell.
        """
        total = 0
        for process in self._family:
            with contextlib.suppress(OSError):
                total += int(Path(f"/proc/{process.pid}/schedstat").read_text(encoding="ascii").split()[1])
        return total / 1e9

    def memory(self) -> int:
        """Resident bytes of the process and its children; 0 without one."""
        return sum(process.memory_info().rss for process in self._family)

    @functools.cached_property
    def _family(self) -> list[psutil.Process]:
        # Looked for once: the search reads all processes of the system, which takes longer than a chunk.
        return [self.process, *self.process.children(recursive=True)] if self.process is not None else []


def _cpu_seconds(process: psutil.Process) -> float:
    if _LINUX:
        # clock_getcpuclockid(3): the kernel counts in nanoseconds there, psutil in steps of 10 ms.
        return time.clock_gettime((~process.pid << 3) | 2)
    return sum(process.cpu_times()[:2])


def environment(**settings: str) -> dict[str, str]:
    """An environment with these settings of Sluice's and none that the caller's shell happens to have."""
    kept = {name: value for name, value in os.environ.items() if name.upper() in ("PATH", "HOME", "SYSTEMROOT")}
    return {**kept, "PYTHONPATH": str(ROOT), "CONFIG_FILE": os.devnull, **settings}


@contextlib.contextmanager
def upstream() -> Iterator[Subject]:
    """The benchmark's own upstream, which is also what is called directly."""
    with started([sys.executable, "-m", "benchmarks.upstream"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield Subject(int(process.stdout.readline()))


@contextlib.contextmanager
def sluice(up: int, **settings: str) -> Iterator[Subject]:
    """`python -m proxy serve` in front of the upstream at port `up`: callers bring their own key."""
    port = free_port()
    settings = {"OPENAI_BASE_URL": f"http://127.0.0.1:{up}/v1", **settings}
    command = [sys.executable, "-m", "proxy", "serve", "--port", str(port)]
    with started(command, environment(**settings)) as process:
        wait_for(port, process)
        yield Subject(port, psutil.Process(process.pid))


@contextlib.contextmanager
def bare(up: int) -> Iterator[Subject]:
    """The bare relay in front of the upstream at port `up`."""
    port = free_port()
    with started([sys.executable, "-m", "benchmarks.bare", str(port), str(up)]) as process:
        wait_for(port, process)
        yield Subject(port, psutil.Process(process.pid))


def nginx_program() -> str | None:
    """Where nginx is installed, or None."""
    return shutil.which("nginx") or shutil.which("/usr/sbin/nginx")


@contextlib.contextmanager
def nginx(program: str, up: int) -> Iterator[Subject]:
    """One worker of nginx with kept connections both ways, which passes everything on unbuffered."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "nginx.conf"
        settings.write_text(_NGINX.format(folder=folder, upstream=up, port=port), encoding="utf-8")
        with started([program, "-p", folder, "-c", str(settings), "-e", "stderr"]) as process:
            wait_for(port, process)
            yield Subject(port, psutil.Process(process.pid))


@contextlib.contextmanager
def started(
    command: list[str], environ: dict[str, str] | None = None, stdout: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[str]]:
    """The process, which is gone with all its children when this is left, however that happens."""
    process = subprocess.Popen(command, cwd=ROOT, env=environ or environment(), stdout=stdout, text=True)
    try:
        yield process
    finally:
        family = [psutil.Process(process.pid)] if process.poll() is None else []
        family += [child for parent in family for child in parent.children(recursive=True)]
        process.terminate()
        _, alive = psutil.wait_procs(family, CEILING)
        for one in alive:
            one.kill()
        process.wait(CEILING)
        if process.stdout is not None:
            process.stdout.close()


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens at just now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def wait_for(port: int, process: subprocess.Popen[str], ceiling: float = CEILING) -> None:
    """Return when something listens at `port`. Raises StartError when the process ends or takes over `ceiling` s."""
    until = time.monotonic() + ceiling
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise StartError(f"{process.args!r} has not begun to serve.")
