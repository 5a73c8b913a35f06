"""The stage that restricts a signed key to its models. It refuses a call with any other or an unreadable model."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from proxy.call import Call
from proxy.errors import BadRequest, ModelNotAllowed
from proxy.routing.model_field import is_single_name, requested_model
from proxy.wire import path_table, work
from proxy.wire.json_walk import walk
from proxy.wire.wildcards import matches
from proxy.wire.work import SLICE, Slices

# Members that name models without having the word in their names.
_SYNONYMS = ("engine", "deployment", "deployment_id", "engine_id", "preset")
_MAX_NAMES = 100
_IMAGE_TOOL = "image_generation"


class OtherModels:
    """The models that a call names besides its own, searched for once."""

    def __init__(self) -> None:
        self.names: list[Any] | None = None


async def apply(call: Call) -> None:
    """Raise ModelNotAllowed for a model that the key does not permit, BadRequest if the model cannot be read."""
    patterns = call.allowed_models
    model = requested_model(call)
    if model is None:
        raise BadRequest(
            "This key is for certain models only, and this endpoint could not read the call's model. Send the model "
            "once, in uncompressed JSON or in a form field.",
            code="model_not_readable",
            param="model",
        )
    for name in (model, *await other_models(call)):
        if not isinstance(name, str) or not is_single_name(name) or not matches(name, patterns):
            raise ModelNotAllowed(
                f"This key is not for the model {str(name)[:100]!r}. It is for: {', '.join(patterns)}."
            )


async def other_models(call: Call) -> list[Any]:
    """Return the models that the call names besides its own. Raises BadRequest for more than 100."""
    state = call.state(OtherModels)
    if state.names is None:
        state.names = await work.run(_find(call), call.host.clock)
    return state.names


def _find(call: Call) -> Slices[list[Any]]:
    """Find further models that might answer the call, each once, wherever they are named: in lists, tools or routes.

    Every member with `model` in its name counts, except the call's own model and data. More than _MAX_NAMES are
    refused, because each costs work and no caller needs so many.
    """
    names: dict[Any, None] = {value: None for name, value in _query_pairs(call.request.query) if _names_model(name)}
    for part in call.body.form or ():
        if _names_model(part.name) and part.name != "model":
            names[part.text(call.body.received)] = None
    request = call.body.document.value if call.body.document else None
    in_path = path_table.path_model(call.path) is not None
    objects: set[int] = set()  # objects within a member that names models
    for units, (name, value, owner, is_data) in enumerate(walk(request or {}), 1):
        if (
            not is_data
            and value is not None
            and not isinstance(value, bool)
            and (owner is not request or name != "model" or in_path)
        ):
            if id(owner) in objects or _names_model(name):
                if isinstance(value, dict):
                    objects.add(id(value))
                elif not isinstance(value, list):
                    names[value] = None
            elif _is_image_tool(name, value) and owner.get("model") is None:
                names["the provider's own for images"] = None  # the provider runs this tool with another model
        if len(names) > _MAX_NAMES:
            raise BadRequest(f"The request names more than {_MAX_NAMES} models. Name fewer.", param="models")
        if units % SLICE == 0:
            yield SLICE
    return list(names)


def _is_image_tool(name: str, value: Any) -> bool:
    return name.casefold() == "type" and isinstance(value, str) and value[:64].casefold() == _IMAGE_TOOL


def _names_model(name: str) -> bool:
    folded = name[:100].casefold()
    return "model" in folded or "fallback" in folded or folded.rstrip("s") in _SYNONYMS


def _query_pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query.replace(";", "&"), keep_blank_values=True)
