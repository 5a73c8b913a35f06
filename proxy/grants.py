"""The stage that holds a minted key to its models: only calls whose model can be read, and is one of them, go up."""

from __future__ import annotations

from typing import Any

from proxy import body
from proxy.call import Call
from proxy.errors import BadRequest, ModelNotAllowed
from proxy.messages import Stream
from proxy.model import named
from proxy.patterns import matches

_LISTS = ("models", "fallbacks")


def prepare(call: Call) -> None:
    """Raise ModelNotAllowed for a model that the key is not for, BadRequest where none can be read for certain."""
    models = call.caller.grant.models if call.caller and call.caller.grant else ()
    name = named(call)
    if name is None:
        raise BadRequest(
            "This key is for certain models only, and this call names none that can be read. Send the model once, in "
            "uncompressed JSON or in a form field.",
            code="model_not_readable",
            param="model",
        )
    for one in (name, *_others(call)):
        if not isinstance(one, str) or not matches(one, models):
            raise ModelNotAllowed(f"This key is not for the model {str(one)[:100]!r}. It is for: {', '.join(models)}.")


def _others(call: Call) -> list[Any]:
    """Further models that the call might be answered by: lists to fall back on, as OpenRouter and others take them, and
    what a tool names.
    """
    found = body.read(call.body, (*_LISTS, "tools"))
    tools = found.pop("tools", None)
    named = [one.get("model") for one in tools if isinstance(one, dict)] if isinstance(tools, list) else []
    lists = [value if isinstance(value, list) else [value] for value in found.values() if value is not None]
    return [*(one for values in lists for one in values), *(one for one in named if one is not None)]


def wrap(call: Call, stream: Stream) -> Stream:
    """Nothing to do."""
    return stream
