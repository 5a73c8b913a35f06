"""The numbers that differ between families of models and between APIs: what surrounds tools, formats and calls.

They were measured on recorded requests; docs/tokens.md says how well they hold. Nothing here is an upper bound.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from proxy.tokens.models import Model

CHAT, RESPONSES = "chat", "responses"


@dataclass(frozen=True, slots=True)
class Rules:
    """What one API adds to the texts of a request, for one family of models.

    - `tools`: around the rendered functions; `tools_alone`: more without a system message.
    - `separator`: what joins a system message and the instructions on tools; empty if they are apart.
    - `required`, `none`: for these values of tool_choice; `named`: for a function's name, None if it is not counted.
    - `format_`: around a response format; `format_named`: with its name once more; `format_alone`: more without a
      system message; `with_tools`: next to tools; `answer`: each earlier answer.
    - `call`: a call of a function and its arguments; `result`: its result, with the function's full name.
    - `calls`: parallel calls; `results`: their results.
    """

    tools: int
    tools_alone: int
    separator: str
    required: int
    none: int
    named: int | None
    format_: int
    format_named: bool
    format_alone: int
    with_tools: int | None
    answer: int | None
    call: int
    result: int
    calls: int | None
    results: int
    call_id: int = 0


_GPT4 = Rules(5, 4, "\n", 0, 1, 7, 2, True, 4, None, 2, 9, 3, 24, -4)
_FIRST = Rules(5, 4, "\n", 2, 1, 4, 2, True, 4, None, 2, 9, 3, 24, -4)
_O = Rules(6, 4, "\n", 0, 1, 7, 2, True, 4, None, 2, 9, 3, 24, -4)
_O4 = Rules(9, 1, "\n\n", 0, 1, 7, 4, False, 0, -3, 2, 15, 3, 30, -4)
_GPT5 = Rules(90, 1, "\n\n", 0, 0, None, 4, False, 0, -3, 2, 15, 3, 30, -4)

_GPT4_RESPONSES = Rules(3, 0, "", 9, 1, 7, 1, False, 0, None, None, 6, 3, None, 0, 3)
_O_RESPONSES = Rules(6, 0, "", 0, 1, 7, 0, False, 0, -3, None, 12, 3, None, 0)
_GPT5_RESPONSES = Rules(9, 0, "", 0, 0, None, 0, False, 0, -3, None, 12, 3, None, 0)
_LATER_RESPONSES = replace(_GPT5_RESPONSES, call=15)


def of(model: Model, api: str) -> Rules:
    """The rules of `model` at `api`."""
    if model.gpt5 is not None:
        if api == RESPONSES:
            return _LATER_RESPONSES if model.gpt5 else _GPT5_RESPONSES
        return _GPT5
    if model.reasons:
        return _O_RESPONSES if api == RESPONSES else _O4 if model.name.startswith("o4") else _O
    if api == RESPONSES:
        return _GPT4_RESPONSES
    return _FIRST if model.first_functions else _GPT4
