"""Models that refuse tools with reasoning on chat completions: their calls go over the Responses API instead.

OpenAI answers such a call with a 400 that says so. It is sent once more, in translation, and if that succeeds, this
process remembers it for an hour. Another model of the same upstream, or another effort, is asked again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from proxy.call import Call
from proxy.errors import UpstreamError, UpstreamRefused
from proxy.upstream import Target
from proxy.wire.path_table import OPENAI, RESPONSES

if TYPE_CHECKING:
    from proxy.routing.translation import Translation

# The members of chat completions and of Messages that say how much to reason.
_EFFORT = ("reasoning_effort", "thinking", "output_config")
_NO_TOOLS = (b"", b"null", b"[]")
# How a server answers that does not have the Responses API after all.
_NOT_THERE = (404, 405)


class Demand(NamedTuple):
    """A refusal that asks for the Responses API, what translated it, and the target for the second try."""

    target: Target
    error: UpstreamRefused
    translation: Translation | None

    def learn(self, call: Call) -> None:
        """Remember the demand, which was right."""
        call.host.learn(call.host.only_responses, self.target.name, _case(call))


def is_missing(error: UpstreamError) -> bool:
    """Whether a second try failed because the upstream does not serve the Responses API."""
    return isinstance(error, UpstreamRefused) and error.status in _NOT_THERE


def demanded(call: Call, target: Target, error: UpstreamError, translation: Translation | None) -> Demand | None:
    """The demand in an error of this target; None if there is none."""
    if not isinstance(error, UpstreamRefused) or (other := _over_responses(call, target)) is None:
        return None
    from proxy.protocols.translate.chat_to_responses.demand import demands_responses  # few calls fail

    return Demand(other, error, translation) if demands_responses(error.status, error.error) else None


def known(call: Call, target: Target) -> Target | None:
    """The target over the Responses API, if this process has learned that the call needs it."""
    if not call.host.only_responses or not call.host.knows(call.host.only_responses, target.name, _case(call)):
        return None
    return _over_responses(call, target)


def _over_responses(call: Call, target: Target) -> Target | None:
    """The same upstream and key over the Responses API; None if the call cannot go there."""
    provider, document, row = target.provider, call.body.document, call.endpoint
    if target.api != OPENAI or document is None or row is None or not row.translated:
        return None
    if document.raw("tools") in _NO_TOOLS or provider is None:
        return None
    if not provider.translate or call.config.translate == "off" or (place := provider.api(RESPONSES)) is None:
        return None
    return target._replace(api=RESPONSES, base_url=place.base_url, key_header=place.key_header)


def _case(call: Call) -> str:
    """The model and the effort of a call, which decide whether the model takes tools."""
    document = call.body.document
    effort = b" ".join(map(document.raw, _EFFORT)) if document is not None else b""
    return f"{call.body.fields.get('model')} {effort.decode('utf-8', 'replace')}"
