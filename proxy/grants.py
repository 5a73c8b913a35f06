"""The stage that holds a minted key to its models: only calls whose model can be read, and is one of them, go up."""

from __future__ import annotations

from proxy.call import Call
from proxy.errors import BadRequest, ModelNotAllowed
from proxy.messages import Stream
from proxy.model import named
from proxy.patterns import matches


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
    if not matches(name, models):
        raise ModelNotAllowed(f"This key is not for the model {name[:100]!r}. It is for: {', '.join(models)}.")


def wrap(call: Call, stream: Stream) -> Stream:
    """Nothing to do."""
    return stream
