"""Bundles as they are uploaded, built once for a whole test run: building one takes seconds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from proxy.cli.bundle.command import build_bundle
from tests.support.lock import locked

# Counts a prompt with nothing but the bundle in its first argument.
COUNTING = """
import sys; sys.path[:] = [sys.argv[1], *[one for one in sys.path if "site-packages" not in one and one]]
import time
from proxy import tokens
from proxy.cost import prices
chat = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
count = tokens.count_prompt(chat, [], [], tokens.budget(time.monotonic))
assert sys.modules["tiktoken"].__file__.startswith(sys.argv[1])
print(count.tokens, count.certainty, prices.find("gpt-4o", None).context_window)
"""


class Bundles:
    """`bundles(name)` is the folder that holds `name`/ and `sluice-name.zip`. Tests must not change what is in it."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        base = factory.getbasetemp()
        # pytest-xdist gives each of its workers a folder of its own, in one folder that they share.
        self.folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "bundles"

    def __call__(self, name: str) -> Path:
        done = self.folder / f"{name}.done"
        with locked(name, self.folder):
            if not done.exists():
                assert build_bundle(name, str(self.folder)) == 0
                done.touch()
        return self.folder
