"""Servers in processes of their own, above all `python -m proxy serve` as people run it."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.client import call
from tests.support.paths import ROOT
from tests.support.upstream import CEILING

MODULE = (sys.executable, "-m", "proxy")


@contextmanager
def killed_after(seconds: float, process: subprocess.Popen[Any]) -> Iterator[None]:
    """Kill the process unless the `with` ends before, so that whoever reads what it prints does not wait for ever."""
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def served(
    *arguments: str, folder: Path | str = ROOT, program: Sequence[str] = MODULE, **environ: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and what it has printed before it serves; it reads the `.env` of `folder`."""
    clean = {
        name: value for name, value in os.environ.items() if name.startswith(("PATH", "SYSTEMROOT", "HOME", "COVERAGE"))
    }
    process = subprocess.Popen(
        [*program, "serve", "--port", "0", *arguments],
        cwd=folder,
        env={**clean, "PYTHONUNBUFFERED": "1", **({"PYTHONPATH": str(ROOT)} if program is MODULE else {}), **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )
    assert process.stdout is not None
    printed = ""
    try:
        with killed_after(CEILING, process):
            while "Ctrl-C" not in printed:
                line = process.stdout.readline()
                assert line, printed
                printed += line
        yield process, printed
    finally:
        process.kill()
        process.wait(CEILING)
        process.stdout.close()


def port_of(printed: str) -> int:
    match = re.search(r"http://127\.0\.0\.1:(\d+)/v1", printed)
    assert match
    return int(match[1])


def listening(port: int) -> bool:
    """Whether a connection to the port is taken."""
    with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), CEILING):
        return True
    return False


def wait_until_up(port: int) -> None:
    until = time.monotonic() + CEILING
    while call(port, "GET", "/healthz").status != 200:
        assert time.monotonic() < until


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def process(command: list[str], port: int, **more: object) -> Iterator[subprocess.Popen[bytes]]:
    """A server that is up, until the end of the `with`."""
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)  # type: ignore[call-overload]
    try:
        until = time.monotonic() + CEILING
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert started.poll() is None and time.monotonic() < until, started.stdout.read() if started.stdout else ""
            time.sleep(0.01)
        assert started.poll() is None, "another program has taken the port"
        yield started
    finally:
        started.terminate()
        try:
            started.wait(CEILING)
        finally:
            started.kill()
            started.wait(CEILING)
            if started.stdout:
                started.stdout.close()
