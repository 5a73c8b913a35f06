"""Models that refuse tools with reasoning on chat completions: their calls go over the Responses API instead.

OpenAI answers such a call with a 400 that says so. It is sent once more, in translation, and this process remembers it
for an hour. Another model of the same upstream, or the same one with another effort, is asked again.
"""

from __future__ import annotations

import json
from dataclasses import replace

from proxy.call import Call
from proxy.errors import UpstreamError, UpstreamRefused
from proxy.upstream import Target
from proxy.wire.path_table import OPENAI, RESPONSES

# The members of chat completions and of Messages that say how much to reason.
_EFFORT = ("reasoning_effort", "thinking", "output_config")


def after(call: Call, target: Target, error: UpstreamError) -> Target | None:
    """The target for a second try after an error; None if the error does not ask for one."""
    if not isinstance(error, UpstreamRefused) or (other := _over_responses(call, target)) is None:
        return None
    from proxy.protocols.translate.chat_to_responses.demand import demands_responses  # few calls fail

    if not demands_responses(error.status, error.error):
        return None
    call.host.learn(call.host.only_responses, target.name, _case(call))
    return other


def known(call: Call, target: Target) -> Target | None:
    """The target over the Responses API, if this process has learned that the call needs it."""
    if not call.host.only_responses or not call.host.knows(call.host.only_responses, target.name, _case(call)):
        return None
    return _over_responses(call, target)


def _over_responses(call: Call, target: Target) -> Target | None:
    """The same upstream and key over the Responses API; None if the call cannot go there."""
    provider, document, row = target.provider, call.body.document, call.endpoint
    if target.api != OPENAI or document is None or not document.get("tools") or row is None or not row.translated:
        return None
    if provider is None or not provider.translate or call.config.translate == "off":
        return None
    if (place := provider.api(RESPONSES)) is None:
        return None
    return replace(target, api=RESPONSES, base_url=place.base_url, key_header=place.key_header)


def _case(call: Call) -> str:
    """The model and the effort of a call, which decide whether the model takes tools."""
    document = call.body.document
    effort = [document.get(name) for name in _EFFORT] if document is not None else []
    return f"{call.body.fields.get('model')} {json.dumps(effort)}"
