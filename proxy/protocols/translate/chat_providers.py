"""What providers of chat completions accept beyond what all of them do: one row for each. Pure.

Read on 2026-11-26: api-docs.deepseek.com/guides/thinking_mode, platform.kimi.ai, docs.z.ai, platform.minimax.io,
Alibaba Model Studio, openrouter.ai/docs, docs.mistral.ai, console.groq.com/docs, docs.x.ai.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import urlsplit

_THINKING_OFF = {"thinking": {"type": "disabled"}}


class ChatProvider(NamedTuple):
    """One provider.

    - `host`: a pattern for the host of its base URL.
    - `efforts`: the values of `reasoning_effort` that it accepts, in rising order. `only_reasoning`: it refuses them
      for models without reasoning.
    - `off`: the members that switch reasoning off, for models that match `off_models`.
    - `needs_reasoning`: it needs the reasoning of earlier turns, as `reasoning_content`.
    - `call_ids`: a pattern for ids of calls that it accepts. `id_length`: the length of ids that replace others.
    - `min_temperature`, `max_temperature`: the lowest and the highest temperature that it accepts.
    - `keeps_reasoning`: it takes back what it encrypted, as `reasoning_details`.
    - `cumulative`: it repeats the arguments of a call with each piece of them. Elsewhere, "a" and then "ab" may be two
      pieces.
    """

    host: str = ""
    efforts: tuple[str, ...] = ("low", "medium", "high")
    only_reasoning: bool = False
    off: dict[str, Any] | None = None
    off_models: str = ""
    needs_reasoning: bool = False
    takes_top_k: bool = False
    takes_files: bool = False
    call_ids: str = r"[A-Za-z0-9_-]{1,40}"
    id_length: int = 37
    min_temperature: float = 0.0
    max_temperature: float = 2.0
    keeps_reasoning: bool = False
    cumulative: bool = False


UNKNOWN = ChatProvider()
# A provider that refuses `reasoning_effort` for some of its models, and does not say for which, gets none.
ROWS: tuple[ChatProvider, ...] = (
    ChatProvider(
        r"api\.openai\.com|[^.]+\.(?:openai|services\.ai)\.azure\.com",
        only_reasoning=True,
        off={"reasoning_effort": "none"},
        off_models=r"(?:gpt-5\.[1-9]|gpt-(?:[6-9]|\d\d))(?!.*(?:codex|pro))",  # earlier models refuse "none"
        takes_files=True,
    ),
    ChatProvider(r"api\.deepseek\.com", efforts=("low", "high", "max"), off=_THINKING_OFF, needs_reasoning=True),
    ChatProvider(
        r"api\.moonshot\.(?:ai|cn)",
        efforts=(),
        off=_THINKING_OFF,
        off_models=r"(?!kimi-k2\.7-code|kimi-k2-thinking)",  # these refuse it
        needs_reasoning=True,
        call_ids=r"[\w.:-]{1,64}",  # its models are trained on their own ids: `functions.name:0`
    ),
    ChatProvider(r"api\.z\.ai|open\.bigmodel\.cn", efforts=(), off=_THINKING_OFF, needs_reasoning=True),
    ChatProvider(
        r"api\.minimaxi?\.(?:io|com|chat)", efforts=(), needs_reasoning=True, min_temperature=0.01, max_temperature=1.0
    ),
    ChatProvider(
        r"dashscope(?:-[a-z]+)?\.aliyuncs\.com|[^.]+\.[^.]+\.maas\.aliyuncs\.com",
        efforts=(),
        off={"enable_thinking": False},
        takes_top_k=True,
    ),
    ChatProvider(
        r"openrouter\.ai", efforts=("minimal", "low", "medium", "high", "xhigh"), takes_top_k=True, takes_files=True
    ),
    ChatProvider(r"api\.siliconflow\.(?:cn|com)", efforts=(), takes_top_k=True),
    ChatProvider(r"api\.mistral\.ai", efforts=(), call_ids=r"[A-Za-z0-9]{9}", id_length=9),
    ChatProvider(r"api\.groq\.com|api\.x\.ai", efforts=()),
)


def provider_at(base_url: str) -> ChatProvider:
    """The row of the provider at this address; UNKNOWN if there is none."""
    host = urlsplit(base_url).hostname or ""
    return next((row for row in ROWS if re.fullmatch(row.host, host)), UNKNOWN)
