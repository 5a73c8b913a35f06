"""Members of a chat request that depend on the provider: sampling, and how much to think. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from proxy.protocols.translate.chat_providers import ChatProvider
from proxy.protocols.translate.dropped import Dropped

# In rising order.
EFFORTS = ("minimal", "low", "medium", "high", "xhigh", "max")


def limit_members(limit: Any, reasons: bool) -> dict[str, Any]:
    """The member that limits the output. `reasons`: the model is one of OpenAI's that refuse `max_tokens`."""
    return {} if limit is None else {"max_completion_tokens" if reasons else "max_tokens": limit}


def sampling_members(
    request: dict[str, Any], names: Iterable[str], provider: ChatProvider, reasons: bool, dropped: Dropped
) -> dict[str, Any]:
    """Those of `temperature`, `top_p` and `top_k` that the provider and its model take."""
    members: dict[str, Any] = {}
    for name in names:
        if (value := request.get(name)) is None:
            continue
        if reasons or (name == "top_k" and not provider.takes_top_k):
            dropped.add(name)
        elif name == "temperature" and isinstance(value, (int, float)):
            members[name] = min(max(value, provider.min_temperature), provider.max_temperature)
        else:
            members[name] = value
    return members


def thinking_off(model: Any, provider: ChatProvider) -> dict[str, Any]:
    """The members that switch thinking off. Never with an effort: that is refused."""
    name = str(model).lower().rpartition("/")[2]
    return dict(provider.off) if provider.off and re.match(provider.off_models, name) else {}


def effort_members(effort: Any, provider: ChatProvider, reasons: bool, dropped: Dropped) -> dict[str, Any]:
    """The member that says how much to think: the same effort, or the next higher one that the provider knows."""
    if effort not in EFFORTS:
        return {}
    if not provider.efforts or (provider.only_reasoning and not reasons):
        dropped.add("reasoning_effort")
        return {}
    higher = EFFORTS[EFFORTS.index(effort) :]
    return {"reasoning_effort": next((name for name in higher if name in provider.efforts), provider.efforts[-1])}


def schema_format(name: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The member for an output that has a schema."""
    return {"response_format": {"type": "json_schema", "json_schema": {"name": name, "schema": schema, **more}}}
