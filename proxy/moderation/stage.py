"""The stage that puts a content filter between model and caller (MODERATION; off unless set).

It also knows easychen/openai-api-proxy's body fields: scripts written for that proxy send `moderation` and
`moderation_level`, with which a caller asks for the check of this one answer. No upstream knows them, so they are
removed. What the owner has switched on no caller can switch off.
"""

from __future__ import annotations

from typing import Any

from proxy.call import Call
from proxy.errors import PathNotAllowed
from proxy.messages import Wrapper
from proxy.protocols import registry

FIELDS = ("moderation", "moderation_level")
_NO = (None, False, 0, "", "0", "false", "off", "no")
# Calls that ask no model to say, draw or do anything: theirs are no prompts, and their files may be large.
_UNPROMPTED = frozenset("embeddings moderations rerank files uploads".split())


async def apply(call: Call) -> Wrapper | None:
    """Remove the fields where they occur, only from calls that generate text: `moderation` is images' own field."""
    config = call.config
    asked: dict[str, Any] = {}
    document = call.body.document
    if call.protocol.known and document is not None:
        asked = {name: document.get(name) for name in FIELDS if name in document}
        call.body.document = document.without(FIELDS)
    if not config.moderation and not asked:
        return None
    from proxy.moderation.checks import HEADER, Checks, header_value  # few deployments have a filter

    if not config.moderation:
        call.outcome.reply_headers.append((HEADER, "off"))
        return None
    protocol, row = registry.below(call.path), call.endpoint
    if not protocol.known and row is not None and row.writes and config.moderation_output:
        raise PathNotAllowed(f"/v1/{row.path} is not open here: MODERATION is set, and does not hold there yet.")
    checks = Checks(
        protocol,
        prompt=reads_prompt(call) and call.body.outgoing != b"",
        answer=protocol.known and (config.moderation_output or asked.get("moderation") not in _NO),
        high="high" in (config.moderation_level, asked.get("moderation_level")),
    )
    if not checks.prompt and not checks.answer:
        if asked:
            call.outcome.reply_headers.append((HEADER, "off"))
        return None
    call.plan.reads_answer = call.plan.reads_answer or checks.answer
    call.plan.keeps_document = checks.prompt
    call.outcome.reply_headers.append((HEADER, header_value(checks)))
    from proxy.moderation import stream_gate  # few calls are checked

    return stream_gate.wrapper(call, checks)


def reads_prompt(call: Call) -> bool:
    """Whether the call's body is to be read for its prompt, whatever it says that it is."""
    config = call.config
    family = call.path.partition("/")[0]
    return bool(config.moderation) and config.moderation_input and family not in _UNPROMPTED
