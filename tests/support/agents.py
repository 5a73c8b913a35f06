"""Coding agents as their users have them, each run once, headless, in a home of its own and without a network."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import node
from tests.support.paths import TESTS

FOLDER = TESTS / "agents"
CEILING = 60.0  # seconds for one run
PROMPT = "Is the gate open?"
# Nothing listens there, so what an agent wants from the internet fails at once.
NOWHERE = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Run:
    """What came of a run: exit code, the answer that the user sees, all output, and how long it took."""

    code: int
    text: str
    output: str
    seconds: float
    work: Path


@dataclass(frozen=True)
class Agent:
    """How to run one agent: `command` and `environ` for a home, the address without a path, and a key.

    `answer` finds the text for the user in what the agent prints.
    """

    program: str
    set_up: Callable[[Path, str, str], tuple[list[str], dict[str, str]]]
    answer: Callable[[list[Any]], str]


def _codex(websockets: bool) -> Callable[[Path, str, str], tuple[list[str], dict[str, str]]]:
    def set_up(home: Path, url: str, key: str) -> tuple[list[str], dict[str, str]]:
        config = f"""
model = "m"
model_provider = "sluice"
check_for_update_on_startup = false
[model_providers.sluice]
name = "Sluice"
base_url = "{url}/v1"
env_key = "GATE_KEY"
wire_api = "responses"
supports_websockets = {str(websockets).lower()}
request_max_retries = 2
stream_max_retries = 2
"""
        (home / "config.toml").write_text(config)
        options = ["exec", "--skip-git-repo-check", "--json", "-s", "danger-full-access", PROMPT]
        return options, {"CODEX_HOME": str(home), "GATE_KEY": key}

    return set_up


def _claude(home: Path, url: str, key: str) -> tuple[list[str], dict[str, str]]:
    options = ["--bare", "-p", PROMPT, "--model", "claude-sonnet-4-5", "--allowedTools", "Read,Bash"]
    environ = {
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": key,
        "CLAUDE_CONFIG_DIR": str(home / "claude"),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_MAX_RETRIES": "2",
        "DISABLE_AUTOUPDATER": "1",
    }
    return [*options, "--output-format", "stream-json", "--verbose"], environ


def _opencode(package: str) -> Callable[[Path, str, str], tuple[list[str], dict[str, str]]]:
    def set_up(home: Path, url: str, key: str) -> tuple[list[str], dict[str, str]]:
        options = {"baseURL": f"{url}/v1", "apiKey": key}
        config = {"provider": {"sluice": {"npm": package, "options": options, "models": {"m": {}}}}}
        environ = {
            "OPENCODE_CONFIG_CONTENT": json.dumps(config),
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
            "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        }
        return ["run", "--format", "json", "-m", "sluice/m", PROMPT], environ

    return set_up


def _gemini(home: Path, url: str, key: str) -> tuple[list[str], dict[str, str]]:
    settings = {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "privacy": {"usageStatisticsEnabled": False},
        "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
        "telemetry": {"enabled": False},
    }
    (home / ".gemini").mkdir()
    (home / ".gemini" / "settings.json").write_text(json.dumps(settings))
    options = ["-p", PROMPT, "-m", "gemini-2.5-flash", "--yolo", "--skip-trust", "-o", "stream-json"]
    return options, {"GOOGLE_GEMINI_BASE_URL": url, "GEMINI_API_KEY": key}


def _joined(lines: list[Any], find: Callable[[Any], str | None]) -> str:
    return "".join(text for line in lines if (text := find(line)) is not None)


AGENTS = {
    "codex": Agent("codex", _codex(websockets=False), lambda lines: ""),
    "codex-websockets": Agent("codex", _codex(websockets=True), lambda lines: ""),
    "claude": Agent("claude", _claude, lambda lines: ""),
    "opencode-chat": Agent("opencode", _opencode("@ai-sdk/openai-compatible"), lambda lines: ""),
    "opencode-responses": Agent("opencode", _opencode("@ai-sdk/openai"), lambda lines: ""),
    "opencode-messages": Agent("opencode", _opencode("@ai-sdk/anthropic"), lambda lines: ""),
    "gemini": Agent("gemini", _gemini, lambda lines: ""),
}


def run(name: str, folder: Path, url: str, key: str) -> Run:
    """Let the agent answer PROMPT, or fail at it. `folder` is new and empty."""
    agent = AGENTS[name]
    home, work = folder / "home", folder / "work"
    home.mkdir()
    work.mkdir()
    options, environ = agent.set_up(home, url, key)
    common = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TERM": "dumb",
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), NOWHERE),
        **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost"),
    }
    start = time.monotonic()
    process = subprocess.Popen(
        [str(FOLDER / "node_modules" / ".bin" / agent.program), *options],
        cwd=work,
        env={**common, **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=CEILING)
    finally:
        with contextlib.suppress(ProcessLookupError):  # what an agent has left behind ends with it
            os.killpg(process.pid, signal.SIGKILL)
    return Run(process.returncode, "", output, time.monotonic() - start, work)
