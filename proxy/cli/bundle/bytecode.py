"""The `.pyc` files of a bundle, made by the platform's own Python version where this machine has it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from proxy.errors import ConfigError
from proxy.platforms.platform import Bundle


def compile_all(bundle: Bundle, folder: Path) -> None:
    """Compile for the platform's Python, if there is one here: functions cannot write `.pyc` files of their own.

    The files are never checked against their sources: a zip keeps times to two seconds, so all would count as stale.
    """
    if not bundle.python:
        return
    python = find_python(bundle.python)
    if python is None:
        print(f"      Python {bundle.python} is not on this machine: no .pyc files, so cold starts take twice the CPU")
        return
    modes = ["--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", bundle.prefix]
    # -S and a bare environment: what else runs in that Python (a debugger, coverage) would show in the files' bytes, as
    # does the order of sets.
    command = [python, "-S", "-m", "compileall", "-q", "-f", *modes, str(folder)]
    environ = {"PYTHONHASHSEED": "0", **{name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)  # noqa: S603
    if done.returncode:
        raise ConfigError(f"Compiling failed: {done.stdout.strip()}")


def find_python(version: str) -> str | None:
    """A Python of that minor version: this one, one on the PATH, or one of pyenv's."""
    if f"{sys.version_info[0]}.{sys.version_info[1]}" == version:
        return sys.executable
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    known = sorted(root.glob(f"versions/{version}.*/bin/python"))
    candidates = [str(path) for path in known[-1:]]
    if program := shutil.which(f"python{version}"):
        candidates.append(program)
    for candidate in candidates:  # pyenv's own stand-ins on the PATH are there also for versions that are not
        command = [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.stdout.strip() == version:
            return candidate
    return None
