"""A Dockerfile done by hand: its COPY, RUN and CMD in plain folders, where no container engine is."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.upstream import CEILING


@dataclass(frozen=True)
class Step:
    """One instruction: its name in upper case, and what follows it."""

    name: str
    text: str


def steps(text: str) -> list[Step]:
    """The instructions, each on one line, without comments."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [Step(*line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def exec_form(text: str) -> list[str]:
    """The words of a CMD that no shell stands in front of."""
    words = json.loads(text[text.index("[") :])
    assert isinstance(words, list)
    return [str(word) for word in words]


def ignored(root: Path) -> list[str]:
    """The names at the top that .dockerignore lets into the build."""
    lines = (root / ".dockerignore").read_text().split()
    assert "*" in lines, "what is not named stays out"
    return [line[1:] for line in lines if line.startswith("!")]


@dataclass
class Image:
    """What a build gives: a folder that stands for `/`, and how it is started."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)
    user: str = ""

    def run(self, words: list[str], **environ: str) -> subprocess.Popen[str]:
        """Start a command of the image in its working folder, with its environment and nothing else."""
        kept = {name: value for name, value in os.environ.items() if name == "SYSTEMROOT"}
        return subprocess.Popen(
            [self.inside(word) for word in words],
            cwd=self.root / "app",
            env={**kept, "PATH": "", **self.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )

    def done(self, words: list[str], **environ: str) -> tuple[int, str]:
        """A command's exit code, and all that it has printed."""
        process = self.run(words, **environ)
        printed, _ = process.communicate(timeout=CEILING)
        return process.returncode, printed

    def inside(self, text: str) -> str:
        """A text of the Dockerfile with /app where this image has it."""
        return re.sub(r"(?<![\w.])/app\b", str(self.root / "app"), text)


def build(source: Path, target: Path) -> Image:
    """Do each step of `source`/Dockerfile below `target`, a folder a stage."""
    allowed = ignored(source)
    stages: dict[str, Image] = {}
    image = Image(target)
    for step in steps((source / "Dockerfile").read_text()):
        if step.name == "FROM":
            base, _, name = step.text.partition(" AS ")
            assert re.fullmatch(r"python:3\.\d+-slim-\w+@sha256:[0-9a-f]{64}", base), "the base is pinned by its digest"
            image = stages[name] = Image(target / (name or "final"))
        elif step.name == "WORKDIR":
            Path(image.inside(step.text)).mkdir(parents=True)
        elif step.name == "ENV":
            image.environ |= dict(pair.split("=", 1) for pair in step.text.split())
        elif step.name == "COPY":
            _copy(step.text, source, allowed, image, stages)
        elif step.name == "RUN":
            environ = {**os.environ, "PATH": str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]}
            environ.pop("PYTHONPATH", None)
            subprocess.run(
                image.inside(step.text), shell=True, check=True, cwd=image.root / "app", env=environ, timeout=300
            )
        elif step.name == "HEALTHCHECK":
            image.healthcheck = exec_form(step.text)
        elif step.name == "CMD":
            image.command = exec_form(step.text)
        elif step.name == "USER":
            image.user = step.text
    return image


def _copy(text: str, source: Path, allowed: list[str], image: Image, stages: dict[str, Image]) -> None:
    *names, target = text.split()
    into = Path(image.inside(target)) if target.startswith("/") else image.root / "app" / target
    if names[0].startswith("--from="):
        origin = Path(stages[names.pop(0).partition("=")[2]].inside(names[0]))
        shutil.copytree(origin, into, symlinks=True, dirs_exist_ok=True)
        return
    for name in names:
        assert name in allowed, f"{name} is kept out of the build by .dockerignore"
        if (source / name).is_dir():
            shutil.copytree(source / name, into, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            shutil.copy(source / name, into)
