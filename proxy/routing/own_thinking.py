"""The stage that removes reasoning of translated answers from a call that goes to an API of its own.

No provider has signed or encrypted that reasoning, and Anthropic's API refuses it with a 400, as OpenAI's does. A
conversation has it after its model moved from an upstream for which it was translated.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from proxy.access import strict_body
from proxy.call import Call
from proxy.wire.path_table import MESSAGES, RESPONSES

# How the signature of such reasoning begins (proxy.protocols.translate.names).
_MARK = b'"sluice-'
# The member with the conversation.
_MEMBERS = {MESSAGES: "messages", RESPONSES: "input"}


def applies(call: Call) -> bool:
    """Whether a call may have such reasoning and is not translated."""
    return call.api in _MEMBERS and call.plan.targets[0].api == call.api and _MARK in call.body.received


async def apply(call: Call) -> None:
    """Remove the reasoning. Raises what `strict_body.read` raises."""
    from proxy.protocols.translate import names  # few conversations change their upstream

    remove: dict[str, Callable[[list[Any]], list[Any]]] = {
        MESSAGES: names.without_own_thinking,
        RESPONSES: names.without_own_reasoning,
    }
    await strict_body.read(call, "reasoning that another upstream wrote has to be removed from it")
    document, member = call.body.document, _MEMBERS[call.api]
    if document is None or document.value is None or not isinstance(items := document.value.get(member), list):
        return

    def edited() -> bytes:
        return json.dumps(remove[call.api](items)).encode()

    call.body.document = document.setting({member: await call.host.clock.offload(edited)})
