"""The packages of a bundle: locked wheels for the platform's Python, without what no function runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from proxy.cli.bundle.sources import ROOT
from proxy.errors import ConfigError
from proxy.platforms.platform import Bundle

# Folders and files of packages that no function runs, and what records how a wheel was installed here.
_LEFT_OUT = ("tests", "test", "testing", "__pycache__", "bin")
_LEFT_OUT_FILES = (
    *("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "entry_points.txt", "WHEEL"),
    *("py.typed", ".lock", "pytest_plugin.py"),
    *("_main.py", "_trio.py"),  # the httpx command; anyio on trio
)
_LEFT_OUT_PATHS = ("uvicorn/protocols",)  # our server has connections of its own


def add_packages(bundle: Bundle, folder: Path) -> None:
    """Unpack the locked wheels of the bundle's packages for the platform's Python, whatever runs here.

    Where the platform installs them itself, their locked versions are written down for it instead.
    """
    if bundle.listed:
        locked = subset((ROOT / "requirements.txt").read_text(), bundle.packages)
        (folder / bundle.sources).mkdir(parents=True)
        versions = re.findall(r"^[a-z0-9-]+==[0-9a-z.]+", locked, re.MULTILINE)
        text = "".join(f"{version}\n" for version in versions)
        (folder / bundle.sources / "requirements.txt").write_text(text, encoding="utf-8", newline="\n")
        return
    _install(bundle, bundle.packages, bundle.wheels, folder / bundle.sources)
    for position, system in enumerate(bundle.tiktoken):
        if not position:
            _install(bundle, ("tiktoken",), system, folder)
            continue
        with TemporaryDirectory() as other:  # the second system's compiled file beside the first's
            _install(bundle, ("tiktoken",), system, Path(other))
            for compiled in Path(other, "tiktoken").glob("*.so"):
                shutil.copyfile(compiled, folder / "tiktoken" / compiled.name)
    for left_out_path in _LEFT_OUT_PATHS:
        shutil.rmtree(folder / bundle.sources / left_out_path, ignore_errors=True)
    # Where only modules are uploaded, a package's description never arrives, and `.txt` would count as a module.
    modules_only = bundle.sources != "."
    left_out = (*_LEFT_OUT_FILES, "METADATA") if modules_only else _LEFT_OUT_FILES
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and path.name in _LEFT_OUT:
            shutil.rmtree(path)
        elif path.is_file() and (path.name in left_out or path.suffix == ".pyi"):
            path.unlink()
        elif modules_only and path.suffix == ".txt":  # a licence
            path.rename(path.with_suffix(""))


def _install(bundle: Bundle, packages: tuple[str, ...], system: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    chosen = folder.parent / f"{bundle.name}.requirements"
    chosen.write_text(subset((ROOT / "requirements.txt").read_text(), packages))
    command = [_uv(), "pip", "install", "--quiet", "--target", str(folder), "-r", str(chosen), "--no-deps"]
    command += ["--require-hashes", "--only-binary", ":all:", "--link-mode", "copy"]
    command += ["--python-platform", system, "--python-version", bundle.python or "3.13"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 — our own arguments
    finally:
        chosen.unlink()
    if done.returncode:
        raise ConfigError(f"The packages could not be installed: {explained(done.stderr.strip())}")


def explained(failure: str) -> str:
    """What uv said, and where it met a certificate authority that it does not know, what to set: pip knows others."""
    if "certificate" not in failure:
        return failure
    return f"{failure}\nIf your network has a certificate authority of its own, set SSL_CERT_FILE to its file."


def subset(requirements: str, names: tuple[str, ...]) -> str:
    """The entries of `names` out of a locked list, hashes and all. Raises ConfigError when one is missing."""
    entries = dict(re.findall(r"^([a-z0-9-]+)(==.*?)(?=^[a-z#]|\Z)", requirements, re.MULTILINE | re.DOTALL))
    # Only Pythons that need them have these in their list; the marker in the entry decides.
    missing = [name for name in names if name not in entries and name not in ("sniffio", "exceptiongroup")]
    if missing:
        raise ConfigError(f"requirements.txt has no {missing[0]}; run `make lock`.")
    return "".join(f"{name}{entries[name]}" for name in names if name in entries)


def _uv() -> str:
    beside = Path(sys.executable).parent / ("uv.exe" if os.name == "nt" else "uv")
    program = str(beside) if beside.exists() else shutil.which("uv")
    if program is None:
        raise ConfigError("uv is not installed. `make setup` installs it, or: pip install uv")
    return program
