"""How each agent is told where to call and with which key, and what it prints for its user."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROMPT = "Is the gate open?"
SetUp = Callable[[Path, str, str], tuple[list[str], dict[str, str]]]
Lines = list[dict[str, Any]]


@dataclass(frozen=True)
class Agent:
    """An agent's program. `set_up(home, url, key)` gives its arguments and its environment.

    `text` and `error` find the answer and the last error in the JSON lines that it prints.
    """

    program: str
    set_up: SetUp
    text: Callable[[Lines], str]
    error: Callable[[Lines], str]


def _last(values: Iterable[str]) -> str:
    return ["", *values][-1]


def _codex(websockets: bool = False, model: str = "m", more: str = "") -> Agent:
    def set_up(home: Path, url: str, key: str) -> tuple[list[str], dict[str, str]]:
        config = f"""
model = "{model}"
model_provider = "sluice"
check_for_update_on_startup = false
{more}
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
        # No sandbox of its own: containers do not allow one inside them.
        options = ["exec", "--skip-git-repo-check", "--json", "-s", "danger-full-access", PROMPT]
        return options, {"CODEX_HOME": str(home), "GATE_KEY": key}

    return Agent("codex", set_up, _codex_text, _codex_error)


def _codex_text(lines: Lines) -> str:
    items = (line["item"] for line in lines if line["type"] == "item.completed")
    return _last(item["text"] for item in items if item["type"] == "agent_message")


def _codex_error(lines: Lines) -> str:
    return _last(line["error"]["message"] for line in lines if line["type"] == "turn.failed")


def _claude(variable: str) -> Agent:
    def set_up(home: Path, url: str, key: str) -> tuple[list[str], dict[str, str]]:
        options = ["--bare", "-p", PROMPT, "--model", "claude-sonnet-4-5", "--allowedTools", "Read,Bash,Edit"]
        environ = {
            "ANTHROPIC_BASE_URL": url,
            variable: key,
            "CLAUDE_CONFIG_DIR": str(home / "claude"),
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_MAX_RETRIES": "2",
            "DISABLE_AUTOUPDATER": "1",
        }
        return [*options, "--output-format", "stream-json", "--verbose"], environ

    return Agent("claude", set_up, _claude_result(is_error=False), _claude_result(is_error=True))


def _claude_result(is_error: bool) -> Callable[[Lines], str]:
    def find(lines: Lines) -> str:
        return _last(line["result"] for line in lines if line.get("type") == "result" and line["is_error"] == is_error)

    return find


def _opencode(package: str) -> Agent:
    def set_up(home: Path, url: str, key: str) -> tuple[list[str], dict[str, str]]:
        options = {"baseURL": f"{url}/v1", "apiKey": key}
        config = {"provider": {"sluice": {"npm": package, "options": options, "models": {"m": {}}}}}
        no = ("MODELS_FETCH", "AUTOUPDATE", "DEFAULT_PLUGINS", "LSP_DOWNLOAD")
        environ = {"OPENCODE_CONFIG_CONTENT": json.dumps(config), **{f"OPENCODE_DISABLE_{one}": "1" for one in no}}
        return ["run", "--format", "json", "-m", "sluice/m", PROMPT], environ

    return Agent("opencode", set_up, _opencode_text, _opencode_error)


def _opencode_text(lines: Lines) -> str:
    return "".join(line["part"]["text"] for line in lines if line["type"] == "text")


def _opencode_error(lines: Lines) -> str:
    return _last(line["error"]["data"]["message"] for line in lines if line["type"] == "error")


def _gemini(home: Path, url: str, key: str) -> tuple[list[str], dict[str, str]]:
    settings = {
        "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
        "privacy": {"usageStatisticsEnabled": False},
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "telemetry": {"enabled": False},
    }
    (home / ".gemini").mkdir()
    (home / ".gemini" / "settings.json").write_text(json.dumps(settings))
    options = ["-p", PROMPT, "-m", "gemini-2.5-flash", "--yolo", "--skip-trust", "-o", "stream-json"]
    return options, {"GOOGLE_GEMINI_BASE_URL": url, "GEMINI_API_KEY": key}


def _gemini_text(lines: Lines) -> str:
    return "".join(line["content"] for line in lines if line["type"] == "message" and line["role"] == "assistant")


def _gemini_error(lines: Lines) -> str:
    return _last(line["error"]["message"] for line in lines if line["type"] == "result" and "error" in line)


def _qwen(home: Path, url: str, key: str) -> tuple[list[str], dict[str, str]]:
    settings = {
        "modelProviders": {"openai": [{"id": "m", "baseUrl": f"{url}/v1", "envKey": "SLUICE_KEY"}]},
        "env": {"SLUICE_KEY": key},
        "security": {"auth": {"selectedType": "openai"}},
        "model": {"name": "m"},
        "general": {"enableAutoUpdate": False},
        "memory": {"enableManagedAutoMemory": False},  # a call of its own after the answer
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
        # On a busy machine its terminal for the shell loses a short command's output.
        "tools": {"shell": {"enableInteractiveShell": False}},
    }
    (home / ".qwen").mkdir()
    (home / ".qwen" / "settings.json").write_text(json.dumps(settings))
    return ["-p", PROMPT, "--yolo", "-o", "stream-json"], {}


def _qwen_text(lines: Lines) -> str:
    return _last(line["result"] for line in lines if line["type"] == "result" and not line["is_error"])


def _qwen_error(lines: Lines) -> str:
    return _last(line["error"]["message"] for line in lines if line["type"] == "result" and line["is_error"])


AGENTS = {
    "claude": _claude("ANTHROPIC_API_KEY"),
    "claude-token": _claude("ANTHROPIC_AUTH_TOKEN"),
    # Codex chooses its tools by its model. For a name that it does not know: functions, some in a namespace.
    "codex": _codex(),
    "codex-websockets": _codex(websockets=True),
    "codex-no-search": _codex(more='web_search = "disabled"'),  # as docs/agents.md says for servers with limits
    # A custom apply_patch with a grammar, and tool_search.
    "codex-gpt-5.5": _codex(model="gpt-5.5"),
    # All in namespaces in an item `additional_tools`, its shell as a custom tool that runs JavaScript.
    "codex-gpt-6": _codex(model="gpt-6.2-sol"),
    "gemini": Agent("gemini", _gemini, _gemini_text, _gemini_error),
    "opencode-chat": _opencode("@ai-sdk/openai-compatible"),
    "opencode-responses": _opencode("@ai-sdk/openai"),
    "opencode-messages": _opencode("@ai-sdk/anthropic"),
    "qwen": Agent("qwen", _qwen, _qwen_text, _qwen_error),
}
