"""EdgeOne Pages' own tool from npm, what it makes out of a project, and what the platform adds to requests."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.support import node, parts
from tests.support.case import Ask
from tests.support.lock import locked
from tests.support.paths import TESTS
from tests.support.process import free_port, process

# The newest that the registry had on 2026-11-27. npm would install 760 packages with it; package.json names the few
# that it loads here, and the tool itself is unpacked beside them.
VERSION = "1.4.9"
INTEGRITY = "PpWrrZgbzf1OGBw9yBcMVTAiPL4xAcPKc0f/MuMM4vEou0+Qnfdq0P87qPbrXHHimACp3csz2aFV7EmYjS+21A=="
HERE = TESTS / "edgeone"
TOOL = HERE / "node_modules" / "edgeone"
PYTHON = "3.10"  # what its tool calls the server's
# Tencent's headers of SCF, and EdgeOne's own, by the runtimes that its tool writes.
ADDED = (
    ("X-Scf-Request-Id", "made-up"),
    ("Eo-Pages-Host", "sluice.example.com"),
    ("Eo-Connecting-Ip", "192.0.2.7"),
    ("Eo-Log-Uuid", "canary-uuid"),
    ("X-Forwarded-For", "192.0.2.7"),
    ("X-Forwarded-Proto", "https"),
)


def passed_on(ask: Ask) -> Ask:
    """The call as it arrives at the function."""
    return replace(ask, headers=(*ask.headers, *ADDED))


def install() -> dict[str, str]:
    """An environment with Node. Installs the tool where it is not yet."""
    environ = node.packages(HERE)
    with locked("edgeone"), tempfile.TemporaryDirectory() as folder:
        if not TOOL.exists():
            npm = shutil.which("npm", path=environ["PATH"]) or "npm"
            command = [npm, "pack", f"edgeone@{VERSION}", "--silent", "--ignore-scripts"]
            subprocess.run(command, cwd=folder, env=environ, check=True, timeout=600, capture_output=True)
            (archive,) = Path(folder).glob("*.tgz")
            assert base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() == INTEGRITY
            with tarfile.open(archive) as packed:
                packed.extractall(folder, filter="data")
            shutil.move(Path(folder) / "package", TOOL)
    return environ


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the tool in a project's folder, without an account."""
    environ = install()
    beside = str(Path(sys.executable).parent)  # uv
    python = [parts.need_python(PYTHON), "-c", "import sys; print(sys.base_prefix)"]
    own = Path(subprocess.run(python, capture_output=True, text=True, check=True).stdout.strip(), "bin")
    clean = {
        **{name: value for name, value in environ.items() if name != "CI"},  # there it takes pip and pyenv
        "PATH": os.pathsep.join((str(own), beside, environ["PATH"])),
        "HOME": str(folder.parent),
        "UV_PYTHON_DOWNLOADS": "never",
    }
    command = [node.node(environ), str(TOOL / "edgeone-bin" / "edgeone.js"), *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        env=clean,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def build(folder: Path) -> Path:
    """Let the tool build a project as `pages deploy` and the platform do; the folder with the function."""
    done = run(folder, "pages", "build")
    function = folder / ".edgeone" / "cloud-functions" / "api-python"
    assert done.returncode == 0 and (function / "app.py").is_file(), done.stdout + done.stderr
    return function


def routes(function: Path) -> list[dict[str, object]]:
    """The files that the tool takes for functions, with the paths that lead to them."""
    found: list[dict[str, object]] = json.loads((function / "config.json").read_text())["routes"]
    return found


@contextlib.contextmanager
def started(function: Path, **environ: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The process of a function that was built, and its port. It binds to this machine only, not to 0.0.0.0."""
    port = free_port()
    text = (function / "app.py").read_text(encoding="utf-8")
    assert "'host': '0.0.0.0'" in text
    local = function / "app_local.py"
    local.write_text(text.replace("'host': '0.0.0.0'", "'host': '127.0.0.1'"), encoding="utf-8")
    command = [parts.need_python(PYTHON), "-S", "-u", str(local)]
    clean = {"PATH": os.environ["PATH"], "PORT": str(port), "TENCENTCLOUD_REGION": "ap-singapore"}
    with process(command, port, env={**clean, **environ}, cwd=function) as one:
        yield one, port
