"""The numbers that differ between families of models and between APIs: what surrounds tools, formats and calls.

They were measured on recorded requests; docs/tokens.md says how well they hold. Nothing here is an upper bound.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from proxy.tokens.models import Model

CHAT, RESPONSES = "chat", "responses"


@dataclass(frozen=True, slots=True)
class Rules:
    """What one API adds to the texts of a request, for one family of models. The defaults: gpt-4o and 4.1 in chat.

    - `tools`: around the rendered functions; `tools_alone`: more without a system message.
    - `separator`: what joins a system message and the instructions on tools; empty if they are apart.
    - `required`: tool_choice "required"; `none`: "none"; `named`: a function's name; None if its name is not counted.
    - `format_`: around a response format; `format_named`: its name is repeated; `format_alone`: more without a system
      message, 0 if the format is apart from it; `with_tools`: next to tools, None for one less and no repeated name.
    - `answer`: each earlier answer, with the format's name; None for nothing.
    - `call`: one call and its arguments; `result`: its result, with the function's full name.
    - `calls`: parallel calls, None if each is counted alone; `results`: their results; `call_id`: a single call's id.
    """

    tools: int = 5
    tools_alone: int = 4
    separator: str = "\n"
    required: int = 0
    none: int = 1
    named: int | None = 7
    format_: int = 2
    format_named: bool = True
    format_alone: int = 4
    with_tools: int | None = None
    answer: int | None = 2
    call: int = 9
    result: int = 3
    calls: int | None = 24
    results: int = -4
    call_id: int = 0


_GPT4 = Rules()
_FIRST = Rules(required=2, named=4)
_O = Rules(tools=6, format_=0, format_named=False)
_O4 = replace(_O, tools=9, tools_alone=1, separator="\n\n", with_tools=-3, call=15, calls=30)
_GPT5 = replace(_O4, tools=90, none=0, named=None, format_=4, format_alone=0)

_GPT4_RESPONSES = Rules(
    tools=3,
    tools_alone=0,
    separator="",
    required=9,
    format_=1,
    format_named=False,
    format_alone=0,
    answer=None,
    call=6,
    calls=None,
    call_id=3,
)
_O_RESPONSES = replace(_GPT4_RESPONSES, tools=6, required=0, format_=0, with_tools=-3, call=12, call_id=0)
_GPT5_RESPONSES = replace(_O_RESPONSES, tools=9, none=0, named=None)
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
