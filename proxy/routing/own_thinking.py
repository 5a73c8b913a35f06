"""The stage that removes reasoning of translated answers from a call that goes to an API of its own.

No provider has signed or encrypted that reasoning, and Anthropic's API refuses it with a 400, as OpenAI's does. A
conversation has it after its model moved from an upstream for which it was translated. In a chat it is encrypted, and
goes up again if the next call is translated: so it is removed last, from what goes to a target of chat completions.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from proxy.access import strict_body
from proxy.call import Call
from proxy.upstream import Outgoing
from proxy.wire import bounded_json
from proxy.wire.path_table import MESSAGES, RESPONSES

# How the signature of such reasoning begins (proxy.protocols.translate.own_reasoning).
_MARK = b'"sluice-'
# The member with the conversation.
_MEMBERS = {MESSAGES: "messages", RESPONSES: "input"}


def applies(call: Call) -> bool:
    """Whether a call may have such reasoning and is not translated."""
    return call.api in _MEMBERS and call.plan.targets[0].api == call.api and _MARK in call.body.received


async def apply(call: Call) -> None:
    """Remove the reasoning. Raises what `strict_body.read` raises."""
    from proxy.protocols.translate import own_reasoning  # few conversations change their upstream

    remove: dict[str, Callable[[list[Any]], list[Any]]] = {
        MESSAGES: own_reasoning.without_thinking,
        RESPONSES: own_reasoning.without_items,
    }
    await strict_body.read(call, "reasoning that another upstream wrote has to be removed from it")
    document, member = call.body.document, _MEMBERS[call.api]
    if document is None or document.value is None or not isinstance(items := document.value.get(member), list):
        return

    def edited() -> bytes:
        return json.dumps(remove[call.api](items)).encode()

    call.body.document = document.setting({member: await call.host.clock.offload(edited)})


def has_details(call: Call, outgoing: Outgoing) -> bool:
    """Whether a chat request may have encrypted reasoning that only a translation to Responses can return."""
    return call.endpoint is not None and call.endpoint.protocol == "chat" and _MARK in outgoing.body


async def without_details(call: Call, outgoing: Outgoing) -> Outgoing:
    """Return a chat request without that reasoning."""
    from proxy.protocols.translate import own_reasoning

    def edited() -> bytes:
        request = bounded_json.parse(outgoing.body)
        if not isinstance(request, dict) or not isinstance(messages := request.get("messages"), list):
            return outgoing.body
        kept = own_reasoning.without_details(messages)
        return outgoing.body if kept == messages else json.dumps({**request, "messages": kept}).encode()

    return outgoing._replace(body=await call.host.clock.offload(edited))
