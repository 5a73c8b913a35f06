"""Ways from an agent to the upstream: Sluice as people run it, and as two clouds run it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import parts
from tests.support.agents_upstream import KEY
from tests.support.bundles import Bundles
from tests.support.paths import ROOT
from tests.support.process import free_port, listening
from tests.support.upstream import CEILING
from tests.support.workers import Workers

PROXY_KEY = "pk-gate-0123456789abcdef"
# Where the server has the keys, callers send PROXY_KEY; elsewhere their own key goes up.
ROUTES = ("own-key", "held-key", "lambda", "scf")
WORKER = "worker"
ONLY_CHAT = "-to-chat"
# As held-key, for a key with a budget.
BUDGET = "budget"
HOLDS_KEYS = frozenset({"held-key", "lambda", BUDGET})


@dataclass(frozen=True)
class Route:
    """A running Sluice. `key` is the right key for its callers, `printed` gives every line that it has printed."""

    url: str
    key: str
    printed: Callable[[], list[str]]

    def lines(self) -> list[dict[str, Any]]:
        """The line of each call that has ended."""
        texts = [text for text in self.printed() if text.startswith("{")]
        return [line for line in map(json.loads, texts) if "ending" in line]


def settings(upstream: str, holds_keys: bool, only_chat: bool) -> dict[str, str]:
    """Sluice's settings, with pings as quick as they come. `only_chat`: the upstream serves nothing but chat."""
    if only_chat:
        chat = {"name": "chat", "base_url": f"{upstream}/v1", "messages": False, "responses": False, "gemini": False}
        if holds_keys:
            chat["keys"] = KEY
        found = {"UPSTREAMS": json.dumps([chat]), "KEEPALIVE_FIRST_SECONDS": "1", "KEEPALIVE_SECONDS": "1"}
        return found | ({"PROXY_KEY": PROXY_KEY} if holds_keys else {})
    found = {
        "OPENAI_BASE_URL": f"{upstream}/v1",
        "ANTHROPIC_BASE_URL": upstream,
        "GEMINI_BASE_URL": upstream,
        "KEEPALIVE_FIRST_SECONDS": "1",
        "KEEPALIVE_SECONDS": "1",
    }
    if holds_keys:
        found |= {f"{name}_API_KEY": KEY for name in ("OPENAI", "ANTHROPIC", "GEMINI")}
        found["PROXY_KEY"] = PROXY_KEY
    return found


@contextlib.contextmanager
def route(name: str, upstream: str, folder: Path, bundles: Bundles) -> Iterator[Route]:
    """One of ROUTES, until the end of the `with`. `folder` is new and empty.

    A name that ends with ONLY_CHAT is one to an upstream that serves nothing but chat.
    """
    only_chat = name.endswith(ONLY_CHAT)
    name = name.removesuffix(ONLY_CHAT)
    port, held = free_port(), name in HOLDS_KEYS
    clean = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ} | parts.coverage()
    environ = {**clean, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT), **settings(upstream, held, only_chat)}
    if name == BUDGET:
        environ |= _budget(folder)
    if name == "scf":
        command = [_scf(folder, bundles, port)]
        del environ["PYTHONPATH"]
    else:
        command = [sys.executable, "-m", "proxy", "serve", "--port", str(port)]
        command += ["--as", "lambda-stream"] if name == "lambda" else []
    log = folder / "log"
    with log.open("wb") as file, _running(command, port, log, env=environ, cwd=folder, stdout=file, stderr=file):
        yield Route(_url(port), PROXY_KEY if held else KEY, lambda: log.read_text(encoding="utf-8").splitlines())


def _budget(folder: Path) -> dict[str, str]:
    """The settings of a budget that no test uses up. The upstream's models have no price but this one."""
    prices = folder / "prices.json"
    prices.write_text(json.dumps({"models": [{"match": ["*"], "input": 1, "output": 1}]}))
    store = {"STORE": f"sqlite:{folder / 'budgets.db'}", "STORE_TIMEOUT_MS": "60000"}
    return {"PRICES_FILE": str(prices), "KEY_BUDGET_USD": "1000", **store}


def worker_route(workers: Workers, upstream: str) -> Route:
    """The Worker under Pyodide, at an upstream that serves nothing but chat."""
    port = workers.at(settings(upstream, holds_keys=True, only_chat=True))
    return Route(_url(port), PROXY_KEY, workers.printed)


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _scf(folder: Path, bundles: Bundles, port: int) -> str:
    """The web function's bundle, ready to be started by its scf_bootstrap on this port."""
    python = parts.need_python("3.10")
    bundle = shutil.copytree(bundles("scf-web") / "scf-web", folder / "bundle")
    # Stands in for the platform's interpreter, and moves the server to a free port of this machine.
    moved = f"from proxy.adapters import scf_web as w; w.HOST, w.PORT = '127.0.0.1', {port}; w.main()"
    stand_in = folder / "python3.10"
    stand_in.write_text(f'#!/bin/bash\nexec {python} -u -c "{moved}"\n')
    stand_in.chmod(0o755)
    bootstrap = bundle / "scf_bootstrap"
    bootstrap.write_text(bootstrap.read_text().replace("/var/lang/python310/bin/python3.10", str(stand_in)))
    return str(bootstrap)


@contextlib.contextmanager
def _running(command: list[str], port: int, log: Path, **more: Any) -> Iterator[None]:
    process = subprocess.Popen(command, **more)
    try:
        until = time.monotonic() + CEILING
        while not listening(port):
            assert process.poll() is None and time.monotonic() < until, log.read_text(encoding="utf-8")
            time.sleep(0.01)
        yield
    finally:
        process.terminate()  # coverage is written, and Lambda's instances end with their front
        process.wait(CEILING)
