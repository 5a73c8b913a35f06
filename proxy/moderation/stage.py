"""The stage that puts a content filter between model and caller (MODERATION; off unless set).

It also knows easychen/openai-api-proxy's body fields: scripts written for that proxy send `moderation` and
`moderation_level`, with which a caller asks for the check of this one answer. No upstream knows them, so they are
removed. What the owner has switched on no caller can switch off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from proxy.call import Call
from proxy.errors import PathNotAllowed
from proxy.messages import Stream

FIELDS = ("moderation", "moderation_level")
HEADER = "x-sluice-moderation"
_NO = (None, False, 0, "", "0", "false", "off", "no")
# Stored and background answers are read below the paths that make them.
_KINDS = (("chat/completions", "chat"), ("completions", "completions"), ("responses", "responses"))
# Calls that ask no model to say, draw or do anything: theirs are no prompts, and their files may be large.
_UNPROMPTED = frozenset("embeddings moderations rerank files uploads".split())


@dataclass(frozen=True, slots=True)
class Checks:
    """What is looked at: the prompt, the answer. `high` blocks whatever is doubtful, else only what is clear."""

    kind: str
    prompt: bool
    answer: bool
    high: bool


def prepare(call: Call) -> None:
    """Remove the fields where they occur, only from calls that generate text: `moderation` is images' own field."""
    config = call.config
    asked: dict[str, Any] = {}
    document = call.document
    if call.protocol != "other" and document is not None:
        asked = {name: document.get(name) for name in FIELDS if name in document}
        call.document = document.without(FIELDS)
    if not config.moderation:
        if asked:
            call.reply_headers.append((HEADER, "off"))
        return
    kind, row = _kind(call), call.endpoint
    if kind == "other" and row is not None and row.writes and config.moderation_output:
        raise PathNotAllowed(f"/v1/{row.path} is not open here: MODERATION is set, and does not hold there yet.")
    checks = Checks(
        kind,
        prompt=reads_prompt(call) and call.body != b"",
        answer=kind != "other" and (config.moderation_output or asked.get("moderation") not in _NO),
        high="high" in (config.moderation_level, asked.get("moderation_level")),
    )
    if checks.prompt or checks.answer:
        call.checks = checks
        call.plain_answer = call.plain_answer or checks.answer
        call.reply_headers.append((HEADER, told(checks)))
    elif asked:
        call.reply_headers.append((HEADER, "off"))


def reads_prompt(call: Call) -> bool:
    """Whether the call's body is to be read for its prompt, whatever it says that it is."""
    config = call.config
    family = call.path.partition("/")[0]
    return bool(config.moderation) and config.moderation_input and family not in _UNPROMPTED


def wrap(call: Call, stream: Stream) -> Stream:
    """Hold text back until it has been checked. A stream that nobody checks is left alone."""
    if call.checks is None:
        return stream
    from proxy.moderation import stream_gate  # few calls are checked

    return stream_gate.wrap(call, call.checks, stream)


def told(checks: Checks, more: str = "") -> str:
    """What the header says."""
    sides = [name for name, is_on in (("input", checks.prompt), ("output", checks.answer)) if is_on]
    return ", ".join(sides) + (f"; {more}" if more else "")


def _kind(call: Call) -> str:
    path = call.path
    return next((kind for name, kind in _KINDS if path == name or path.startswith(f"{name}/")), "other")
