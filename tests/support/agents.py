"""Coding agents as their users have them, each run once, headless, in a home of its own and without a network."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import node
from tests.support.agents_settings import AGENTS
from tests.support.lock import locked
from tests.support.paths import TESTS

FOLDER = TESTS / "agents"
CEILING = 60.0  # seconds for one run
LEAST_NODE = (20, 0)  # for Gemini CLI; the others bring programs of their own
# npm scripts of these put the machine's own program in place. No other package's script is run.
_WITH_SCRIPTS = ("@anthropic-ai/claude-code", "opencode-ai")
# Nothing listens there, so what an agent wants from the internet fails at once.
_NOWHERE = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Run:
    """What came of a run: its exit code, the answer and the error that the user sees, all output, and its length."""

    code: int
    text: str
    error: str
    output: str
    seconds: float
    folder: Path

    @property
    def work(self) -> Path:
        """The folder that the agent worked in."""
        return self.folder / "work"


@functools.cache
def install() -> dict[str, str]:
    """An environment that runs the agents, which are installed when they are not."""
    environ = node.packages(FOLDER)
    done = FOLDER / "node_modules" / ".scripts"
    with locked("npm-agents-scripts"):
        if not done.exists():
            npm = [_program("npm", environ), "rebuild", "--ignore-scripts=false", *_WITH_SCRIPTS]
            subprocess.run(npm, cwd=FOLDER, env=environ, check=True, timeout=600, capture_output=True)
            done.touch()
    newer = Path(node.node_at_least(LEAST_NODE, FOLDER)).parent
    return {**environ, "PATH": os.pathsep.join((str(newer), environ["PATH"]))}


def need() -> None:
    """Skip the test where the agents cannot be installed, or fail under REQUIRE_ALL=1."""
    try:
        install()
    except (OSError, subprocess.SubprocessError) as error:
        message = f"the agents cannot be installed: {error}"
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail(message)
        pytest.skip(message)


def run(name: str, folder: Path, url: str, key: str, files: Mapping[str, str]) -> Run:
    """Let an agent answer the prompt, or fail at it. `folder` is new and empty; `url` has no path.

    `files` are in the folder that it works in, by their names.
    """
    agent = AGENTS[name]
    home, work, temporary = folder / "home", folder / "work", folder / "tmp"
    for one in (home, work, temporary):
        one.mkdir(parents=True)
    for file, text in files.items():
        (work / file).write_text(text, encoding="utf-8")
    options, settings = agent.set_up(home, url, key)
    environ = {
        "PATH": install()["PATH"],
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "TERM": "dumb",
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), _NOWHERE),
        **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost"),
        **settings,
    }
    start = time.monotonic()
    command = [str(FOLDER / "node_modules" / ".bin" / agent.program), *options]
    pipe: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(
        command, cwd=work, env=environ, text=True, encoding="utf-8", start_new_session=True, **pipe
    ) as process:
        try:
            output, _ = process.communicate(timeout=CEILING)
        finally:
            with contextlib.suppress(ProcessLookupError):  # what an agent has left behind ends with it
                os.killpg(process.pid, signal.SIGKILL)
    seconds = time.monotonic() - start
    lines = list(_json_lines(output))
    return Run(process.returncode, agent.text(lines), agent.error(lines), output, seconds, folder)


def _json_lines(output: str) -> list[dict[str, Any]]:
    """Every line that is a JSON object. Agents print warnings in between."""
    found = []
    for line in output.splitlines():
        with contextlib.suppress(ValueError):
            if line.startswith("{") and isinstance(value := json.loads(line), dict):
                found.append(value)
    return found


def _program(name: str, environ: dict[str, str]) -> str:
    return str(Path(node.node(environ)).parent / name)
