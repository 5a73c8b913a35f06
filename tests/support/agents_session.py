"""A session of five turns at an upstream of chats: read a file, run a command, make two calls at once, edit, answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tests.support.agents_dialects import TEXT, Json, ToolCall, data
from tests.support.agents_tools import COMMAND, OUTPUT, Tools, edit_call, read_call, shell_call

SESSION = "session"
# The calls of each turn by their ids; after the last of them comes the answer.
TURNS = (("call_read",), ("call_shell",), ("call_north", "call_south"), ("call_edit",))
FILE = "lock.txt"
OLD, NEW = "gate: shut", "gate: open 水闸"
BEFORE = f"level: 3\n{OLD}\nkeeper: none\n"
AFTER = BEFORE.replace(OLD, NEW)
THOUGHT = ("First I read ", "the lock's file.")
REMARK = "I read the lock's file, "
# What the result of each call must contain.
RESULTS = {"call_read": OLD, "call_shell": OUTPUT, "call_north": "NORTH", "call_south": "SOUTH", "call_edit": ""}


def turn_of(body: Json) -> int:
    """How many turns with calls the request looks back on."""
    return sum("tool_calls" in message for message in body["messages"])


def usage(turn: int) -> Json:
    """What the upstream reports of that turn. The prompt grows, and most of it comes from a cache."""
    prompt, completion = 1_000 + 100 * turn, 20 + turn
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 900 if turn else 0},
        "completion_tokens_details": {"reasoning_tokens": 0 if turn else 8},
    }


def calls(body: Json) -> tuple[str, ...]:
    """The ids of the calls that answer a request: one at a time if it wants no more."""
    turns: tuple[tuple[str, ...], ...] = TURNS
    if body.get("parallel_tool_calls") is False:
        turns = tuple((identifier,) for turn in TURNS for identifier in turn)
    return (*turns, ())[turn_of(body)]


def call(identifier: str, tools: Tools, work: Path) -> ToolCall:
    """That call, with the tools of the request."""
    if identifier == "call_read":
        return read_call(tools, work / FILE)
    if identifier == "call_edit":
        return edit_call(tools, work / FILE, OLD, NEW)
    if identifier == "call_shell":
        return shell_call(tools, COMMAND)
    return shell_call(tools, f"echo {identifier.removeprefix('call_')} | tr a-z A-Z")


def events(body: Json, tools: Tools, work: Path) -> list[bytes]:
    """The answer to a request of the session."""
    turn = turn_of(body)
    made = {identifier: call(identifier, tools, work) for identifier in calls(body)}
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    if turn == 0:
        deltas += [{"reasoning_content": piece} for piece in THOUGHT] + [{"content": REMARK}]
    deltas += _deltas(made) if made else [{"content": piece} for piece in TEXT]
    choices: list[Json] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "tool_calls" if made else "stop"})
    common = {"id": f"chatcmpl-{turn}", "object": "chat.completion.chunk", "created": 7, "model": body["model"]}
    chunks = [data({**common, "choices": [choice]}) for choice in choices]
    return [*chunks, data({**common, "choices": [], "usage": usage(turn)}), data("[DONE]")]


def _deltas(made: dict[str, ToolCall]) -> Iterator[Json]:
    """First the name of every call, then the arguments of all, piece by piece in turn."""
    for index, (identifier, call) in enumerate(made.items()):
        function = {"name": call.name, "arguments": ""}
        yield {"tool_calls": [{"index": index, "id": identifier, "type": "function", "function": function}]}
    texts = [json.dumps(call.arguments, ensure_ascii=False) for call in made.values()]
    for at in range(0, max(map(len, texts)), 7):
        for index, text in enumerate(texts):
            if piece := text[at : at + 7]:
                yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
