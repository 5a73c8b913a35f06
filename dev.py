"""The project's tasks, with nothing but Python: `python dev.py TASK [more]`.

TASK is run, setup, test, lint, bench, bundle, release, prices, screenshots or lock.

Creates `.venv` in the project's root (or where the variable VENV says) with the interpreter that runs this file, and
installs what the task needs: hashed, pinned, and again only when the list has changed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path

from proxy.cli import child  # which stops an older Python with a sentence

ROOT = Path(__file__).resolve().parent
VENV = ROOT / os.environ.get("VENV", ".venv")
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
MAX_TEST_PROCESSES = 4  # each has its own browser, servers and Worker


def main(arguments: list[str]) -> int:
    """Run one task and return its exit code."""
    tasks = {
        "run": run,
        "setup": setup,
        "test": test,
        "lint": lint,
        "bench": bench,
        "bundle": bundle,
        "release": release,
        "prices": prices,
        "screenshots": screenshots,
        "lock": lock,
    }
    if not arguments or arguments[0] not in tasks:
        print(__doc__)
        return 2
    try:
        return tasks[arguments[0]](arguments[1:])
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


def setup(_: list[str]) -> int:
    """Everything for working on the project."""
    install("requirements-dev.txt")
    return 0


def run(more: list[str]) -> int:
    """Serve on 127.0.0.1:9000."""
    install("requirements.txt")
    return call("python", "-m", "proxy", "serve", *more)


def test(more: list[str]) -> int:
    """Run all tests and check that they cover every line and branch of proxy/; other arguments go to pytest.

    `--again` is for a second Python after a full run. It leaves out the tests for which one Python is enough, tries
    fewer generated inputs, and measures no coverage. Tracing takes a third of the time and would find nothing new: the
    first run reaches 100 % by itself, and lines that only old Pythons run are excluded with a reason.
    """
    install("requirements-dev.txt")
    parallel = ("-n", str(min(os.cpu_count() or 1, MAX_TEST_PROCESSES)), "--dist", "worksteal")
    if more == ["--again"]:
        return call("python", "-m", "pytest", *parallel, "-m", "not any_python", "--hypothesis-profile", "again")
    if more:
        return call("python", "-m", "pytest", *more)
    call("python", "-m", "coverage", "erase")
    failed = call("python", "-m", "coverage", "run", "-m", "pytest", *parallel)
    call("python", "-m", "coverage", "combine", "--quiet")  # what each process has run
    return failed or call("python", "-m", "coverage", "report", "--fail-under=100")


def lint(_: list[str]) -> int:
    """Style, formatting, types, and that imports go one way."""
    install("requirements-dev.txt")
    steps = (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",))
    return max(*[call("python", "-m", *step) for step in steps], call("lint-imports", "--no-logo"))


def bench(more: list[str]) -> int:
    """The benchmark, beside nginx, a bare relay and no relay at all."""
    install("requirements-dev.txt")
    return call("python", "-m", "benchmarks", *more)


def bundle(more: list[str]) -> int:
    """One platform's folder and zip under build/, or every platform's; `--no-tokens` leaves counting out."""
    from proxy.platforms.registry import BUNDLES  # not at the top: few tasks need it

    install("requirements-dev.txt")
    options = [one for one in more if one.startswith("-")]
    names = [one for one in more if not one.startswith("-")] or BUNDLES
    return max([call("python", "-m", "proxy", "bundle", name, *options) for name in names])


def release(_: list[str]) -> int:
    """Every platform's zip and their SHA256SUMS under build/."""
    failed = bundle([])
    if failed:
        return failed
    zips = sorted((ROOT / "build").glob("*.zip"))
    sums = "".join(f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.name}\n" for one in zips)
    (ROOT / "build" / "SHA256SUMS").write_text(sums)
    print(sums, end="")
    return 0


def prices(_: list[str]) -> int:
    """The table of prices, from the newest genai-prices that the list allows; Python 3.11 or newer."""
    install("requirements-dev.txt")
    return call("python", "-m", "tools.prices")


def screenshots(_: list[str]) -> int:
    """The pictures of the console in docs/; needs Chromium and a Chinese font."""
    install("requirements-dev.txt")
    return call("python", "-m", "tools.screenshots")


def lock(_: list[str]) -> int:
    """Pin and hash again what pyproject.toml asks for, for every Python from 3.10 on and every system."""
    install("requirements-dev.txt")  # the old one still brings uv
    for name, chosen in {"requirements.txt": [], "requirements-dev.txt": ["--extra", "dev"]}.items():
        fixed = ["--universal", "--python-version", "3.10", "--generate-hashes", "--quiet", "--no-annotate"]
        header = ["--custom-compile-command", "python dev.py lock"]
        if code := call("uv", "pip", "compile", "pyproject.toml", *chosen, *fixed, *header, "--output-file", name):
            return code
    return 0


def install(requirements: str) -> None:
    """Make the environment hold `requirements`. Quick when it does already; exits when it cannot.

    An environment whose set-up was interrupted, or whose Python is gone, is made anew.
    """
    wanted = sys.version.split()[0] + hashlib.sha256((ROOT / requirements).read_bytes()).hexdigest()
    done = VENV / f"{requirements}.installed"
    begun = VENV / "dev.py.unfinished"
    if done.exists() and done.read_text() == wanted and PYTHON.exists() and not begun.exists():
        return
    remake = VENV.exists() and (begun.exists() or not has_pip())
    if remake and not begun.exists() and not (VENV / "pyvenv.cfg").exists() and any(VENV.iterdir()):
        sys.exit(f"{VENV} exists and is not a Python environment. Set VENV to another folder, or remove this one.")
    # Until this mark is removed below, the environment counts as unfinished, wherever this is interrupted.
    try:
        VENV.mkdir(parents=True, exist_ok=True)
        begun.touch()
    except OSError as error:  # a checkout that only somebody else may write to, or a read-only disk
        sys.exit(f"Cannot write to {VENV}: {error.strerror}. Set VENV to a folder of your own: VENV=~/.sluice make run")
    for path in list(VENV.iterdir()) if remake else ():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path != begun:
            path.unlink()
    if not (VENV / "pyvenv.cfg").exists():
        print(f"Creating {VENV.name} …", flush=True)
        try:
            venv.create(VENV, with_pip=True)
        except subprocess.CalledProcessError:  # Debian and Ubuntu split Python, and this part may be missing
            shutil.rmtree(VENV)
            sys.exit(
                "This Python cannot make an environment with pip. On Debian and Ubuntu: sudo apt install python3-venv"
            )
    print(f"Installing {requirements} …", flush=True)
    if code := call("python", "-m", "pip", "install", "--quiet", "--require-hashes", "-r", requirements):
        if (variable := socks_variable(os.environ)) is not None:
            print(
                f"pip cannot use the SOCKS proxy that {variable} names. Run `unset {variable}`, or set "
                "HTTPS_PROXY=http://host:port (with Clash, the same port), and try again.",
                file=sys.stderr,
            )
        sys.exit(code)
    done.write_text(wanted)
    begun.unlink()


def socks_variable(environ: Mapping[str, str]) -> str | None:
    """The variable that names the proxy for https, if that is a SOCKS proxy: pip brings nothing to speak to one."""
    names = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
    used = next((name for name in names if environ.get(name)), None)
    return used if used is not None and environ[used].lower().startswith("socks") else None


def has_pip() -> bool:
    """Whether the environment's Python starts, is of this version, and can install packages."""
    asked = [str(PYTHON), "-I", "-c", "import sys, pip; print(sys.version.split()[0])"]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    except OSError:  # not there, or a link to nothing
        return False
    return told.strip() == sys.version.split()[0]


def call(program: str, *arguments: str) -> int:
    """Run a program of the environment in the project's root and return its exit code."""
    environ = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONPATH": str(ROOT)}
    environ["COVERAGE_FILE"] = str(VENV / ".coverage")  # two environments may be tested at once
    return child.run([str(BIN / program), *arguments], cwd=ROOT, env=environ)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
