"""Roughly what other makers' models add to the texts of a request. Every count with it is an estimate.

Their servers put the tools' JSON into the prompt, after instructions of their own. The figures were fitted to recorded
requests; docs/tokens.md shows the errors that remain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from proxy.tokens.rules import RESPONSES


@dataclass(frozen=True, slots=True)
class Maker:
    """What a maker's chat template adds, in tokens of o200k_base.

    - `prompt`: to every request; `message`: to each message, compared with OpenAI's models.
    - `tools`: the instructions on tools; `factor`: tokens for each token of their compact JSON.
    - `hosted`: to requests without tools at the maker's own Responses API.
    """

    prompt: int = 0
    message: int = 0
    tools: int = 0
    factor: float = 1.0
    hosted: int = 0

    def added(self, messages: int, tools_json: int, api: str) -> int:
        """The tokens to add for a number of messages and of tokens in the tools' JSON (0 without tools)."""
        tokens = self.prompt + self.message * messages
        if tools_json:
            return tokens + self.tools + round(self.factor * tools_json)
        return tokens + (self.hosted if api == RESPONSES else 0)


_OTHER = Maker()
# By the beginning of a model's name; the first that matches counts.
_MAKERS: tuple[tuple[re.Pattern[str], Maker], ...] = tuple(
    (re.compile(pattern), maker)
    for pattern, maker in (
        (r"deepseek-(?:v3\.[1-9]|v[4-9])", Maker(0, -2, 205, 1.29)),
        (r"deepseek", Maker(0, -2, 20, 1.75)),
        (r"grok", Maker(0, 0, 200, 1.15, hosted=180)),
        (r"glm", Maker(0, 0, 90, 1.26)),
        (r"qwen.*coder", Maker(0, 0, 167, 1.65)),
        (r"qwen|qwq", Maker(0, 0, 85, 1.0)),
        (r"kimi-k2(?!\.)", Maker(0, 0, 2, 1.32)),
        (r"(?:mi|mini|magi|devs|codes|pix)stral|mistral", Maker(-3, 0, 0, 1.0)),
        (r"claude", Maker(0, 0, 290, 1.0)),
        (r"gpt-oss", Maker(50, 0, 0, 1.0)),
        (r"gemini", Maker(-3, -4, 0, 1.0)),
    )
)


def of(name: str) -> Maker:
    """The maker of the model called `name`, without vendor. Servers may put their own name and a dot before it."""
    plain = name.removeprefix("openai.")
    return next((maker for pattern, maker in _MAKERS if pattern.match(plain)), _OTHER)
