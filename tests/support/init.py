"""Runs `init` in a folder of the test's own, with answers from a pipe, and reads the file that it writes."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from proxy.cli.arguments import parser
from proxy.cli.init import command
from proxy.cli.init.options import options_of
from tests.support.paths import ROOT

KEY = "sk-canary-5d1f90"
MANIFESTS = ("serverless.yml", "s.yaml", "template.yaml", "template.pass-through.yaml", "template.signed-keys.yaml")


@dataclass(frozen=True)
class Outcome:
    """What a run of `init` printed, its exit code, and the folder in which it wrote."""

    code: int
    out: str
    err: str
    folder: Path

    @property
    def env(self) -> dict[str, str]:
        """The settings in .env, as a reader sees them that knows only lines and single quotes."""
        lines = (self.folder / ".env").read_text(encoding="utf-8").splitlines()
        pairs = [line.split("=", 1) for line in lines if line and not line.startswith("#")]
        return {name: value[1:-1] if value[:1] == "'" else value for name, value in pairs}

    @property
    def wrote(self) -> bool:
        """Whether there is anything in the folder that was not there before."""
        return bool({path.name for path in self.folder.iterdir()} - {*MANIFESTS, "handler.py", "docs"})


def run(folder: Path, *arguments: str, answers: str = "", **environ: str) -> Outcome:
    """Run `init` with these arguments; `answers` are the lines that are typed."""
    for name in MANIFESTS:
        shutil.copy(ROOT / name, folder)
    (folder / "handler.py").touch()
    options = options_of(parser().parse_args(["init", *arguments]))
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(err):
        code = command.run(environ, options, io.StringIO(answers), out, folder)
    return Outcome(code, out.getvalue(), err.getvalue(), folder)


def write(folder: Path, *arguments: str, **environ: str) -> Outcome:
    """Run `init --yes` without a call to the provider; the key comes from a pipe. It must succeed."""
    outcome = run(folder, "--yes", "--no-check", "--key", "-", *arguments, answers=f"{KEY}\n", **environ)
    assert outcome.code == 0, outcome.err
    return outcome


def by_shell(path: Path) -> dict[str, str]:
    """The variables that a POSIX shell has after it has read a file."""
    script = 'set -a; . "$1"; env -0'
    done = subprocess.run(
        ["sh", "-c", script, "sh", str(path)], env={"PATH": os.environ["PATH"]}, capture_output=True, check=True
    )
    pairs = (entry.split("=", 1) for entry in done.stdout.decode().split("\0") if entry)
    return {name: value for name, value in pairs if name not in ("PATH", "PWD", "OLDPWD", "SHLVL", "_")}
