"""The stage that holds a minted key to its models: only calls whose model can be read, and is one of them, go up."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from proxy.call import Call
from proxy.errors import BadRequest, ModelNotAllowed
from proxy.messages import Stream
from proxy.routing.model_field import is_one_name, named
from proxy.wire import slices
from proxy.wire.json_walk import walk
from proxy.wire.wildcards import matches
from proxy.wire.work import SLICE, Slices

# Names for models besides those that have the word in them.
_OTHER_NAMES = ("engine", "deployment", "deployment_id", "engine_id", "preset")
_MOST = 100
_DRAWS = "image_generation"


async def prepare(call: Call) -> None:
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
    for one in (name, *await others_of(call)):
        if not isinstance(one, str) or not is_one_name(one) or not matches(one, models):
            raise ModelNotAllowed(f"This key is not for the model {str(one)[:100]!r}. It is for: {', '.join(models)}.")


async def others_of(call: Call) -> list[Any]:
    """What `others` finds, looked for once a call."""
    if call.other_models is None:
        call.other_models = await slices.run(others(call), call.host.clock)
    return call.other_models


def others(call: Call) -> Slices[list[Any]]:
    """Further models that the call might be answered by, each once, wherever they are named: lists, tools, routes.

    Whatever is called something with `model` names one, but for the call's own and what stands in data. Raises
    BadRequest for more than anybody falls back on: each costs work.
    """
    found: dict[Any, None] = {value: None for name, value in _query(call.request.query) if _names_model(name)}
    for part in call.form or ():
        if _names_model(part.name) and part.name != "model":
            found[part.text(call.sent_body)] = None
    request = call.document.value if call.document else None
    lists: set[int] = set()  # objects inside of what names models
    units = 0
    for name, value, owner, is_data in walk(request or {}):
        units += 1
        if (
            not is_data
            and value is not None
            and not isinstance(value, bool)
            and (owner is not request or name != "model")
        ):
            if id(owner) in lists or _names_model(name):
                if isinstance(value, dict):
                    lists.add(id(value))
                elif not isinstance(value, list):
                    found[value] = None
            elif _is_drawing(name, value) and owner.get("model") is None:
                found["the provider's own for images"] = None  # a tool that another model does the work of
        if len(found) > _MOST:
            raise BadRequest(f"More than {_MOST} models are named. Name fewer.", param="models")
        if units >= SLICE:
            yield units
            units = 0
    return list(found)


def _is_drawing(name: str, value: Any) -> bool:
    return name.casefold() == "type" and isinstance(value, str) and value[:64].casefold() == _DRAWS


def _names_model(name: str) -> bool:
    folded = name[:100].casefold()
    return "model" in folded or "fallback" in folded or folded.rstrip("s") in _OTHER_NAMES


def _query(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query.replace(";", "&"), keep_blank_values=True)


def wrap(call: Call, stream: Stream) -> Stream:
    """Nothing to do."""
    return stream
