"""The scripts of tests/clients at work: each line that one prints is a JSON value."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.support import node
from tests.support.paths import TESTS
from tests.support.upstream import CEILING

CLIENTS = TESTS / "clients"
_NODE = (22, 0)  # what the newest SDKs ask for


def program() -> str:
    """The path of a Node that is new enough; the packages are installed too."""
    node.packages(CLIENTS)
    return node.node_at_least(_NODE, CLIENTS)


@dataclass
class Running:
    """A script at work."""

    process: subprocess.Popen[str]

    def line(self) -> Any:
        """The next line."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read() if self.process.stderr else ""
        return json.loads(line)

    def lines(self) -> list[Any]:
        """All lines that are still to come."""
        out, errors = self.process.communicate(timeout=CEILING)
        assert errors == ""
        return [json.loads(line) for line in out.splitlines()]


@contextlib.contextmanager
def running(program: str, *arguments: str) -> Iterator[Running]:
    """A script at work: the arguments are those of run.mjs."""
    process = subprocess.Popen(
        [program, "run.mjs", *arguments],
        cwd=CLIENTS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    try:
        yield Running(process)
    finally:
        process.kill()
        process.communicate()


def said(program: str, *arguments: str) -> list[Any]:
    """All that a script prints."""
    with running(program, *arguments) as script:
        return script.lines()
