"""AWS's own Runtime Interface Emulator, out of the aws-sam-cli wheel, without Docker."""

from __future__ import annotations

import contextlib
import platform
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lock import locked
from tests.support.upstream import CEILING

VERSION = "1.170.0"
PARTS = Path(sys.prefix) / "sluice-parts"


def binary() -> Path:
    """The emulator's path; fetched once per environment. Skips where AWS has none for this system."""
    machine = {"x86_64": "x86_64", "AMD64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine())
    if sys.platform != "linux" or machine is None:
        pytest.skip("AWS's emulator is there for Linux alone")
    path = PARTS / f"aws-lambda-rie-{machine}-{VERSION}"
    PARTS.mkdir(exist_ok=True)
    with locked("rie", PARTS):
        if path.exists():
            return path
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(PARTS)]
        subprocess.run([*pip, f"aws-sam-cli=={VERSION}"], check=True, timeout=300, capture_output=True)
        (wheel,) = PARTS.glob(f"aws_sam_cli-{VERSION}-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            path.write_bytes(archive.read(f"samcli/local/rapid/aws-lambda-rie-{machine}"))
        wheel.unlink()
        path.chmod(0o755)
    return path


@contextlib.contextmanager
def running(command: list[str], folder: Path, **environ: str) -> Iterator[int]:
    """The emulator with a function's command behind it; the port of its front."""
    front, api = _free_port(), _free_port()
    started = subprocess.Popen(
        [
            str(binary()),
            "--runtime-interface-emulator-address",
            f"127.0.0.1:{front}",
            "--runtime-api-address",
            f"127.0.0.1:{api}",
            *command,
        ],
        cwd=folder,
        env={
            "PATH": "/usr/bin:/bin",
            "LAMBDA_TASK_ROOT": str(folder),
            "AWS_LAMBDA_FUNCTION_TIMEOUT": "30",
            "AWS_LAMBDA_FUNCTION_NAME": "sluice",
            "PYTHONPATH": str(folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            **environ,
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + CEILING
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", front), 1):
                break
            assert started.poll() is None and time.monotonic() < until
            time.sleep(0.01)
        yield front
    finally:
        started.kill()
        started.wait(CEILING)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
