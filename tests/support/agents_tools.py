"""Calls of the tools that an agent offers, whatever it calls them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tests.support.agents_dialects import Json, ToolCall

Tools = Sequence[tuple[str, Json]]

# Its output is not in it, so a request that holds the output comes from an agent that has run it.
COMMAND = "echo water | tr a-z A-Z | tee gate.txt"
OUTPUT = "WATER"
SHELL_TOOLS = (
    "exec_command",
    "shell_command",
    "shell",
    "local_shell",
    "bash",
    "Bash",
    "run_shell_command",
)
# Codex offers its tools to the models of GPT-6 as functions of JavaScript; in chats its namespace is in its name.
CODE_TOOL = "functions__exec"


def shell_call(tools: Tools, command: str = COMMAND) -> ToolCall:
    """A call of the agent's shell tool, with each argument that its schema requires."""
    if CODE_TOOL in dict(tools):
        code = f"const result = await tools.exec_command({json.dumps({'cmd': command})}); text(result.output);"
        return ToolCall(CODE_TOOL, {"input": code})
    name, schema = next((name, schema) for name, schema in tools if name in SHELL_TOOLS)
    arguments: Json = {}
    for key, property_ in schema["properties"].items():
        if key in ("cmd", "command"):
            arguments[key] = ["sh", "-c", command] if property_.get("type") == "array" else command
        elif key in schema.get("required", ()):
            arguments[key] = "Open the gate"
    return ToolCall(name, arguments)


def read_call(tools: Tools, file: Path) -> ToolCall:
    """A call that reads the file: with the agent's tool for files, or else with its shell."""
    if "Read" in dict(tools):
        return ToolCall("Read", {"file_path": str(file)})
    return shell_call(tools, f"cat '{file}'")


def edit_call(tools: Tools, file: Path, old: str, new: str) -> ToolCall:
    """A call that replaces a line of the file with the agent's tool for edits. Codex has a command for it as well."""
    offered = dict(tools)
    if "Edit" in offered:
        return ToolCall("Edit", {"file_path": str(file), "old_string": old, "new_string": new})
    patch = f"*** Begin Patch\n*** Update File: {file.name}\n@@\n-{old}\n+{new}\n*** End Patch\n"
    if "apply_patch" in offered:
        return ToolCall("apply_patch", {"input": patch})
    if CODE_TOOL in offered:
        return ToolCall(CODE_TOOL, {"input": f"text(await tools.apply_patch({json.dumps(patch)}));"})
    return shell_call(tools, f"apply_patch <<'EOF'\n{patch}EOF\n")
