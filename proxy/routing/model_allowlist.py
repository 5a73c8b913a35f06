"""The stage that holds a minted key to its models: only calls whose model can be read, and is one of them, go up."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from proxy.call import Call
from proxy.errors import BadRequest, ModelNotAllowed
from proxy.routing.model_field import is_one_name, named
from proxy.wire import work
from proxy.wire.json_walk import walk
from proxy.wire.wildcards import matches
from proxy.wire.work import SLICE, Slices

# Names for models besides those that have the word in them.
_OTHER_NAMES = ("engine", "deployment", "deployment_id", "engine_id", "preset")
_MAX_NAMES = 100
_DRAWS = "image_generation"


class OtherModels:
    """The models that a call names besides its own, looked for once."""

    def __init__(self) -> None:
        self.names: list[Any] | None = None


async def apply(call: Call) -> None:
    """Raise ModelNotAllowed for a model that the key is not for, BadRequest where none can be read for certain."""
    models = call.allowed_models
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
    state = call.state(OtherModels)
    if state.names is None:
        state.names = await work.run(others(call), call.host.clock)
    return state.names


def others(call: Call) -> Slices[list[Any]]:
    """Further models that the call might be answered by, each once, wherever they are named: lists, tools, routes.

    Whatever is called something with `model` names one, but for the call's own and what stands in data. Raises
    BadRequest for more than anybody falls back on: each costs work.
    """
    found: dict[Any, None] = {value: None for name, value in _query(call.request.query) if _names_model(name)}
    for part in call.body.form or ():
        if _names_model(part.name) and part.name != "model":
            found[part.text(call.body.received)] = None
    request = call.body.document.value if call.body.document else None
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
        if len(found) > _MAX_NAMES:
            raise BadRequest(f"More than {_MAX_NAMES} models are named. Name fewer.", param="models")
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
