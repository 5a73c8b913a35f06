"""The stage that removes thinking of translated answers from a call that goes to the Messages API itself.

No provider has signed that thinking, and Anthropic's API refuses it with a 400. A conversation has it after its model
moved from an upstream for which it was translated.
"""

from __future__ import annotations

import json

from proxy.access import strict_body
from proxy.call import Call
from proxy.wire.path_table import MESSAGES

# How the signature of such thinking begins (proxy.protocols.translate.names).
_MARK = b'"sluice-'


def applies(call: Call) -> bool:
    """Whether a call of the Messages API may have such thinking and is not translated."""
    return call.plan.targets[0].api == MESSAGES and _MARK in call.body.received


async def apply(call: Call) -> None:
    """Remove the thinking. Raises what `strict_body.read` raises."""
    from proxy.protocols.translate.names import without_own_thinking  # few conversations change their upstream

    await strict_body.read(call, "thinking that another upstream wrote has to be removed from it")
    document = call.body.document
    if document is None or document.value is None or not isinstance(messages := document.value.get("messages"), list):
        return

    def edited() -> bytes:
        return json.dumps(without_own_thinking(messages)).encode()

    call.body.document = document.setting({"messages": await call.host.clock.offload(edited)})
