"""The stage that puts a content filter between the model and the caller (MODERATION; off by default).

It also accepts the body fields of easychen/openai-api-proxy, `moderation` and `moderation_level`, with which scripts
for that proxy request a check of one answer. No upstream knows these fields, so they are removed. A caller cannot turn
off what the owner turned on.
"""

from __future__ import annotations

from typing import Any

from proxy.call import Call
from proxy.errors import PathNotAllowed
from proxy.messages import Wrapper
from proxy.protocols import registry
from proxy.protocols.base import TextProtocol

FIELDS = ("moderation", "moderation_level")
_DISABLED = (None, False, 0, "", "0", "false", "off", "no")
# Paths that do not prompt a model to generate anything. Their files may be large.
_WITHOUT_PROMPT = frozenset("embeddings moderations rerank files uploads".split())


async def apply(call: Call) -> Wrapper | None:
    """Check the prompt, the answer or both. Removes the fields above from calls that generate text.

    Image calls keep them, since `moderation` is one of their own fields. Raises PathNotAllowed where the answer cannot
    be checked.
    """
    config = call.config
    requested: dict[str, Any] = {}
    document = call.body.document
    if call.protocol.known and document is not None:
        requested = {name: document.get(name) for name in FIELDS if name in document}
        call.body.document = document.without(FIELDS)
    from proxy.moderation.policy import HEADER, Policy, header_value  # few deployments have a filter

    if not config.moderation:
        call.outcome.reply_headers.append((HEADER, "off"))
        return None
    protocol, row = registry.below(call.path), call.endpoint
    reader = protocol if isinstance(protocol, TextProtocol) else None
    checks_answer = config.moderation_output or requested.get("moderation") not in _DISABLED
    if reader is None and row is not None and row.writes and checks_answer:
        raise PathNotAllowed(
            f"/v1/{row.path} is not open here: MODERATION is set, and Sluice cannot check answers of this path yet."
        )
    policy = Policy(
        prompt=reads_prompt(call) and call.body.outgoing != b"",
        answer=reader if checks_answer else None,
        high="high" in (config.moderation_level, requested.get("moderation_level")),
    )
    if not policy.prompt and policy.answer is None:
        if requested:
            call.outcome.reply_headers.append((HEADER, "off"))
        return None
    call.plan.reads_answer = call.plan.reads_answer or policy.answer is not None
    call.plan.keeps_document = policy.prompt
    call.outcome.reply_headers.append((HEADER, header_value(policy)))
    from proxy.moderation import stream_gate  # few calls are checked

    return stream_gate.wrapper(call, policy)


def reads_prompt(call: Call) -> bool:
    """Whether the call's body must be read for its prompt, whatever its Content-Type."""
    config = call.config
    family = call.path.partition("/")[0]
    return bool(config.moderation) and config.moderation_input and family not in _WITHOUT_PROMPT
