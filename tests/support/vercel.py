"""Vercel's own parts: its Python runtime (PyPI), in front of a function as the platform starts it; its tool (npm)."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from proxy.platforms.registry import BUNDLES
from tests.support import node, parts
from tests.support.paths import ROOT, TESTS
from tests.support.upstream import CEILING

TOOL = TESTS / "vercel"
# The place of the function in the sources, and what it is called there.
MODULE, VARIABLE = "proxy.adapters.vercel", "app"


def runtime() -> Path:
    """The folder that holds the runtime's package. Skips on a Python that Vercel no longer runs."""
    if tuple(sys.version_info) < (3, 12):
        pytest.skip("Vercel's runtime needs Python 3.12")
    found = find_spec("vercel_runtime")
    assert found is not None and found.origin is not None, "vercel-runtime is in requirements-dev.txt"
    return Path(found.origin).parents[1]


def headers(seconds: float | None = 300, request_id: int = 1) -> tuple[tuple[str, str], ...]:
    """What the platform's proxy adds to a request. The runtime takes the internal ones out again."""
    internal = [("invocation-id", "made-up"), ("request-id", str(request_id)), ("trace-id", "made-up")]
    if seconds is not None:
        end = datetime.now(timezone.utc) + timedelta(seconds=seconds)
        internal.append(("deadline", end.isoformat().replace("+00:00", "Z")))
    return (
        *((f"x-vercel-internal-{name}", value) for name, value in internal),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-proto", "https"),
        ("x-real-ip", "192.0.2.1"),
        ("x-vercel-id", "hkg1::iad1::made-up"),
        ("x-vercel-oidc-token", "canary-identity"),
    )


class Function:
    """A process of the runtime. `command` starts it in `folder`; by default it runs the sources' adapter.

    `messages` is what it has told the platform: that it is up, what each call has logged, and that calls have ended.
    """

    def __init__(self, environ: Mapping[str, str], command: list[str] | None = None, folder: Path = ROOT) -> None:
        self.messages: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        package = runtime()
        self._place = tempfile.mkdtemp(prefix="vercel")
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(os.path.join(self._place, "ipc.sock"))
        listening.listen(1)
        listening.settimeout(CEILING)
        clean = {name: value for name, value in os.environ.items() if name.startswith(("PATH", "COVERAGE", "HOME"))}
        self._process = subprocess.Popen(
            command or [sys.executable, "-c", "import vercel_runtime.vc_init"],
            cwd=folder,
            env={
                **clean,
                "PYTHONPATH": os.pathsep.join((str(folder), str(package))),
                "PYTHONDONTWRITEBYTECODE": "1",
                "VERCEL_IPC_PATH": listening.getsockname(),
                "__VC_HANDLER_MODULE_NAME": MODULE,
                "__VC_HANDLER_ENTRYPOINT": f"{MODULE.replace('.', '/')}.py",
                "__VC_HANDLER_ENTRYPOINT_ABS": str(folder / f"{MODULE.replace('.', '/')}.py"),
                "__VC_HANDLER_VARIABLE_NAME": VARIABLE,
                **environ,
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self._errors = threading.Thread(target=self._drain, daemon=True)
        self._errors.start()
        self.errors = b""
        with listening:
            self._socket = listening.accept()[0]
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port: int = self.wait_for("server-started")["httpPort"]

    def wait_for(self, kind: str, count: int = 1) -> Any:
        """The payload of the message of this kind that came as number `count`."""

        def found() -> list[Any]:
            return [one["payload"] for one in self.messages if one["type"] == kind][count - 1 : count]

        with self._changed:
            assert self._changed.wait_for(found, CEILING), self.errors.decode(errors="replace")
            return found()[0]

    @property
    def log(self) -> str:
        """What all calls have logged."""
        with self._changed:
            written = [one["payload"]["message"] for one in self.messages if one["type"] == "log"]
        return "".join(base64.b64decode(one).decode() for one in written)

    def close(self) -> None:
        """Stop it as the platform does, with a signal that it may still answer."""
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(CEILING)
        self._process.kill()
        self._process.wait(CEILING)
        self._reader.join(CEILING)
        self._errors.join(CEILING)
        self._socket.close()
        if self._process.stderr is not None:
            self._process.stderr.close()
        shutil.rmtree(self._place)

    def _read(self) -> None:
        rest = b""
        with contextlib.suppress(OSError):
            while piece := self._socket.recv(65_536):
                *whole, rest = (rest + piece).split(b"\0")
                with self._changed:
                    self.messages += [json.loads(one) for one in whole]
                    self._changed.notify_all()

    def _drain(self) -> None:
        assert self._process.stderr is not None
        while piece := self._process.stderr.read1(65_536):  # type: ignore[attr-defined]
            self.errors += piece


@contextlib.contextmanager
def running(**environ: str) -> Iterator[Function]:
    """The sources' function with these settings for the length of a `with`."""
    function = Function(environ)
    try:
        yield function
    finally:
        function.close()


def build(folder: Path) -> Path:
    """Let `vercel build` make a function out of a project, as the platform does; the folder with what it has made.

    It asks for no account in a folder that is linked to a project, even if there is no such project. It installs
    the runtime from PyPI, once: a cache keeps it.
    """
    environ = node.packages(TOOL)
    settings = {"projectId": "prj_made_up", "orgId": "team_made_up", "settings": {}}
    (folder / ".vercel").mkdir()
    (folder / ".vercel" / "project.json").write_text(json.dumps(settings))
    beside = str(Path(sys.executable).parent)  # uv
    python = [parts.need_python(BUNDLES["vercel"].python), "-c", "import sys; print(sys.base_prefix)"]
    own = Path(subprocess.run(python, capture_output=True, text=True, check=True).stdout.strip(), "bin")
    tool = str(TOOL / "node_modules" / "vercel" / "dist" / "vc.js")
    done = subprocess.run(
        [node.node(environ), tool, "build", "--prod", "--standalone"],
        cwd=folder,
        env={
            **environ,
            "PATH": os.pathsep.join((str(own), beside, environ["PATH"])),
            "HOME": str(folder.parent),
            "CI": "1",
            "VERCEL_TELEMETRY_DISABLED": "1",
            "UV_CACHE_DIR": str(ROOT / "build" / "vercel-tool"),
            "UV_PYTHON_DOWNLOADS": "never",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / ".vercel" / "output"
