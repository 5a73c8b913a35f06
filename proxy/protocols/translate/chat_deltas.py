"""What one chunk of a chat stream says, in any provider's habits. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from proxy.protocols.members import as_list, json_of

THINKING, TEXT, REFUSAL = "thinking", "text", "refusal"
# Members for reasoning. Some providers send the same text in two of them, so the first one counts.
_REASONING = ("reasoning_content", "reasoning", "reasoning_details")
# Members of a part or a detail that contain its text.
_TEXTS = ("text", "thinking", "summary")
_MAX_LEVELS = 5


class CallDelta(NamedTuple):
    """A piece of a call. `position` is its index, None if the provider does not count its calls."""

    position: int | None
    identifier: str
    name: str
    arguments: str


def only_choice(chunk: dict[str, Any]) -> dict[str, Any]:
    """The choice that is relayed, the first one; empty if the chunk has nothing of it."""
    for choice in as_list(chunk.get("choices")):
        if isinstance(choice, dict) and choice.get("index") in (0, None):
            return choice
    return {}


def texts_of(delta: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The texts of a delta, each with its kind."""
    reasoning = ("".join(text for _, text in _texts(delta.get(name), THINKING)) for name in _REASONING)
    if thinking := next(filter(None, reasoning), ""):
        yield THINKING, thinking
    yield from _texts(delta.get("content"), TEXT)
    yield from _texts(delta.get("refusal"), REFUSAL)


def _texts(value: Any, kind: str, levels: int = _MAX_LEVELS) -> Iterator[tuple[str, str]]:
    """The texts of a member: a string, or a list of strings and parts. Parts with thinking may be among the others."""
    if isinstance(value, str):
        if value:
            yield kind, value
    elif isinstance(value, dict):
        inner = THINKING if value.get("type") == "thinking" else kind
        for name in _TEXTS:
            if levels and name in value:
                yield from _texts(value[name], inner, levels - 1)
    elif levels:
        for item in as_list(value):
            yield from _texts(item, kind, levels - 1)


def calls_of(delta: dict[str, Any]) -> Iterator[CallDelta]:
    """The pieces of calls in a delta. The older `function_call` has no id, and there is only one of it."""
    for call in as_list(delta.get("tool_calls")):
        if isinstance(call, dict):
            yield _call(call, call.get("function"))
    if isinstance(function := delta.get("function_call"), dict):
        yield _call({"index": 0}, function)


def _call(call: dict[str, Any], function: Any) -> CallDelta:
    function = function if isinstance(function, dict) else {}
    index, arguments = call.get("index"), function.get("arguments")
    if arguments is None:
        arguments = ""
    elif not isinstance(arguments, str):  # some providers send the object itself
        arguments = json_of(arguments)
    return CallDelta(
        index if isinstance(index, int) else None, _string(call.get("id")), _string(function.get("name")), arguments
    )


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""
