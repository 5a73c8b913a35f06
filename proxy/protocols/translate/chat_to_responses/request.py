"""A request for a chat completion as a request to the Responses API. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.translate.chat_to_responses.items import input_items
from proxy.protocols.translate.chat_to_responses.options import option_members
from proxy.protocols.translate.chat_to_responses.tools import tool_members
from proxy.protocols.translate.dropped import Dropped
from proxy.protocols.translate.translated import Translated


def to_responses(request: dict[str, Any]) -> Translated:
    """Translate a request. Raises BadRequest, naming what to change, if the Responses API has no equal for it.

    Nothing is stored, so the reasoning of a turn comes back encrypted, and the next request returns it.
    """
    dropped = Dropped()
    response = {
        "model": request.get("model"),
        "input": input_items(request.get("messages"), dropped),
        **tool_members(request),
        **option_members(request, dropped),
        "store": False,
        "include": ["reasoning.encrypted_content"],
    }
    return Translated(response, dropped.names, {})
