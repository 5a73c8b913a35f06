"""The built Worker under real Pyodide and the real SDK, in Node: one process, any number of isolates."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.support import node
from tests.support.client import call
from tests.support.lock import locked
from tests.support.upstream import CEILING

# What the runtime's own Python is; the SDK's wheel says that it wants 3.12 at least.
_SDK = ("--no-deps", "--require-hashes", "--only-binary", ":all:", "--python-version", "3.13")


def install_sdk() -> Path:
    """The folder with Cloudflare's SDK, which is made when it is not there."""
    sdk = (node.HERE / "python_modules").resolve()  # Pyodide mounts no symbolic link
    with locked("workers-sdk"):
        if sdk.exists():
            return sdk
        node.pip_install(*_SDK, "--target", str(sdk), "-r", str(node.HERE / "requirements.txt"))
    return sdk


class Workers:
    """A running host. `at` gives the port of a Worker with these variables."""

    def __init__(self, folder: Path, trace: bool) -> None:
        """`folder` holds the bundle."""
        environ = node.packages()
        sdk = install_sdk()
        self.folder = folder
        command = [node.node(environ), "workers_host.mjs", str(self.folder / "src"), str(sdk), *(["trace"] * trace)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, cwd=node.HERE, env=environ, stdin=pipe, stdout=pipe)
        assert self._process.stdout is not None
        self.pid = self._process.pid
        self._control: int = json.loads(self._process.stdout.readline())["port"]
        self._ports: dict[str, int] = {}

    def at(
        self, env: dict[str, Any], cf: dict[str, Any] | None = None, wrapped: bool = False, entry: str = "entry"
    ) -> int:
        """The port of the Worker with these variables; `cf` is what Cloudflare's network knows of a call.

        `wrapped` hands the SDK's Request over, as some versions of the runtime do. `entry` is the module to import.
        """
        asked = json.dumps({"env": env, "cf": cf, "wrapped": wrapped, "entry": entry}, sort_keys=True)
        if asked not in self._ports:
            told = call(self._control, "POST", "/", (), asked.encode()).json()
            assert "port" in told, told
            self._ports[asked] = told["port"]
        return self._ports[asked]

    def printed(self) -> list[str]:
        """Every line that Python has printed so far."""
        lines: list[str] = call(self._control, "GET", "/").json()
        return lines

    def line(self, request_id: str | None) -> dict[str, Any]:
        """The log line of one call, which may come a moment after its last byte."""
        until = time.monotonic() + CEILING
        while time.monotonic() < until:
            for text in self.printed():
                if request_id and request_id in text and "ending" in (line := json.loads(text)):
                    found: dict[str, Any] = line
                    return found
            time.sleep(0.01)
        raise AssertionError(f"no log line for {request_id} in {self.printed()[-5:]}")

    def arcs(self) -> dict[str, list[tuple[int, int]]]:
        """For each file of the bundle, by its path there, which line has run behind which."""
        found: dict[str, list[tuple[int, int]]] = call(self._control, "GET", "/arcs").json()
        return found

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(CEILING)
        self._process.stdout.close()
