"""Everything in a chat request but its messages and tools, as the Responses API knows it. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.translate.dropped import MAPPED, NAMED, REFUSED, Dropped, name_others, refused

# The lowest limit of output tokens that OpenAI accepts.
_MIN_TOKENS = 16
# Members that have the same name and meaning.
_SAME = (
    "parallel_tool_calls temperature top_p service_tier metadata user safety_identifier prompt_cache_key "
    "prompt_cache_options prompt_cache_retention"
).split()
# Of `stream_options`, all is about the stream that the caller gets.
MEMBERS: dict[str, str] = {
    **dict.fromkeys(_SAME, MAPPED),
    **dict.fromkeys(
        "model messages tools tool_choice max_tokens max_completion_tokens response_format verbosity reasoning_effort "
        "stream stream_options".split(),
        MAPPED,
    ),
    **dict.fromkeys(
        "stop presence_penalty frequency_penalty seed logprobs top_logprobs prediction web_search_options "
        "store".split(),
        NAMED,
    ),
    **dict.fromkeys("n modalities audio logit_bias functions function_call".split(), REFUSED),
}
# Values that change nothing.
_DEFAULTS: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys("presence_penalty frequency_penalty logprobs top_logprobs store".split(), (0,)),
    "stop": ("", []),
}


def option_members(request: dict[str, Any], dropped: Dropped) -> dict[str, Any]:
    """The members for everything but messages and tools. Raises BadRequest."""
    _check(request)
    members = {name: value for name in _SAME if (value := request.get(name)) is not None}
    limit = request.get("max_completion_tokens")
    limit = request.get("max_tokens") if limit is None else limit
    if limit is not None:
        members["max_output_tokens"] = max(limit, _MIN_TOKENS) if isinstance(limit, int) else limit
    if (effort := request.get("reasoning_effort")) is not None:
        members["reasoning"] = {"effort": effort}
    text: dict[str, Any] = {}
    if (form := request.get("response_format")) is not None:
        text["format"] = _format(form)
    if (verbosity := request.get("verbosity")) is not None:
        text["verbosity"] = verbosity
    if text:
        members["text"] = text
    if request.get("stream"):
        members["stream"] = True
    name_others(request, MEMBERS, _DEFAULTS, dropped)
    return members


def _check(request: dict[str, Any]) -> None:
    """Refuse what would change the answer beyond recognition if it were left out."""
    reason = "This model is served through the Responses API, which has no equal"
    if request.get("n") not in (None, 1):
        raise refused(f"{reason} for n: it gives one choice. Leave n out.", "n")
    if request.get("modalities") not in (None, [], ["text"]) or request.get("audio") is not None:
        raise refused(f'{reason} for audio. Leave audio out, and modalities other than ["text"].', "modalities")
    if request.get("logit_bias"):
        raise refused(f"{reason} for logit_bias. Leave it out.", "logit_bias")


def _format(form: Any) -> dict[str, Any]:
    """The format of the answer. That of a schema has no level of its own."""
    kind = form.get("type") if isinstance(form, dict) else None
    if kind in ("text", "json_object"):
        return {"type": kind}
    if kind != "json_schema":
        raise refused("response_format must be of type text, json_object or json_schema.", "response_format")
    inner = form.get("json_schema")
    inner = inner if isinstance(inner, dict) else {}
    if not isinstance(inner.get("name"), str) or not isinstance(inner.get("schema"), dict):
        raise refused("response_format needs a json_schema with a name and a schema.", "response_format")
    optional = {name: value for name in ("description", "strict") if (value := inner.get(name)) is not None}
    return {"type": kind, "name": inner["name"], "schema": inner["schema"], **optional}
