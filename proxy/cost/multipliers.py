"""Members of a request that raise its cost in a way that Sluice cannot compute. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from proxy.wire.json_walk import letters, walk
from proxy.wire.path_table import GEMINI, OPENAI
from proxy.wire.work import SLICE, Slices

# Top-level members that never multiply anything, or that other code checks
# (platform.openai.com/docs/api-reference, openrouter.ai/docs/api-reference, docs.anthropic.com/en/api/messages,
# ai.google.dev/api/generate-content, help.aliyun.com/zh/model-studio, docs.vllm.ai; read 2026-11-26).
_KNOWN = frozenset(
    "audio background best_of cache_control chat_template_kwargs client_metadata context_management conversation "
    "dimensions documents enable_thinking encoding_format fallbacks frequency_penalty function_call functions "
    "guided_choice guided_json guided_regex include input instructions json_schema length_penalty logit_bias "
    "logprobs max_completion_tokens max_output_tokens max_tokens max_tokens_to_sample max_tool_calls messages "
    "metadata min_p min_tokens mirostat modalities model models n output_config parallel_tool_calls prediction "
    "presence_penalty prompt prompt_cache_key prompt_cache_options prompt_logprobs provider random_seed reasoning "
    "reasoning_effort reasoning_format repetition_penalty response_format route safe_prompt seed stop "
    "stop_sequences stop_token_ids store stream stream_options structured_outputs suffix system temperature text "
    "thinking thinking_budget tool_choice tools top_a top_k top_logprobs top_n_sigma top_p transforms truncation "
    "typical_p usage user".split()
)
# Those of Google's API, which other servers could take for something else.
_KNOWN_GEMINI = _KNOWN | frozenset(
    "cachedContent cached_content content contents generateContentRequest generate_content_request "
    "generationConfig generation_config labels outputDimensionality output_dimensionality requests safetySettings "
    "safety_settings systemInstruction system_instruction taskType task_type title toolConfig tool_config".split()
)
# Names for the number of answers, reduced to letters, wherever they stand.
_MULTIPLIERS = frozenset(
    "n bestof candidatecount candidates numreturnsequences numcompletions numgenerations numsamples numbeams "
    "samplecount numresponses numchoices numcandidates numanswers beamwidth usebeamsearch".split()
)
_LIMITS = frozenset("max_completion_tokens max_output_tokens max_tokens max_tokens_to_sample".split())
# Members that remove a limit, whatever their values: LiteLLM drops the parameters that they name.
_LIMIT_REMOVERS = frozenset("allowedopenaiparams additionaldropparams dropparams".split())
_HEX = re.compile(r"[-+]?0x[0-9a-f_]{1,40}", re.IGNORECASE)
_MAX_VALUES = 1_000  # values of an unknown member that are checked
_PRICED = ("speed", "inferencegeo", "servicetier")
_HOST_CHOICES = ("order", "only", "sort")
CHEAP_TIERS = ("", "standard", "default", "auto", "flex", "standard_only", "global", "on_demand", "batch")

_Matches = Callable[[str, Any, dict[str, Any]], bool]


def unknown_multiplier(request: dict[str, Any], limits: tuple[str, ...], api: str = OPENAI) -> Slices[str | None]:
    """Return the name of the first member that may multiply the call's cost, None if there is none.

    `limits` are the members that limit an answer's tokens on this path. A server may honour the limits of other paths
    as well, so those count as multipliers.
    """
    units = 0
    known = _KNOWN_GEMINI if api == GEMINI else _KNOWN
    for name, value in request.items():
        if name in _LIMITS and name not in limits and value is not None:
            return name
        if name not in known:
            if _may_multiply(value):
                return name
            units += _MAX_VALUES // 2
            if units >= SLICE:
                yield units
                units = 0

    def matches(name: str, value: Any, owner: dict[str, Any]) -> bool:
        if not value:
            return False
        folded = letters(name)
        if folded in _MULTIPLIERS:
            return bool(value != 1) and not (owner is request and name in ("n", "best_of"))
        # In a template's arguments it only selects the server's own template, and the answer's limit holds.
        in_template = owner is request.get("chat_template_kwargs")
        enables_thinking = folded == "enablethinking" and owner is not request and not in_template
        return folded in _LIMIT_REMOVERS or enables_thinking

    return (yield from _first_member(request, matches))


def surcharge(request: dict[str, Any]) -> Slices[str | None]:
    """Return the name of the first member that asks for more than the known prices cover, None if there is none.

    The request's own `service_tier` is left out: each price lists the tiers that it knows.
    """

    def matches(name: str, value: Any, owner: dict[str, Any]) -> bool:
        if value is None or letters(name) not in _PRICED or value in CHEAP_TIERS:
            return False
        return name != "service_tier" if owner is request else isinstance(value, str)

    return (yield from _first_member(request, matches))


def _first_member(request: dict[str, Any], matches: _Matches) -> Slices[str | None]:
    """Return the name of the first member that `matches` and is not data, None if there is none."""
    for units, (name, value, owner, is_data) in enumerate(walk(request), 1):
        if not is_data and matches(name, value, owner):
            return name
        if units % SLICE == 0:
            yield SLICE
    return None


def chooses_host(request: dict[str, Any]) -> bool:
    """Whether the caller selects one of a model's hosts, as OpenRouter permits: each host has its own prices."""
    provider = request.get("provider")
    return isinstance(provider, dict) and any(
        value and (name, value) != ("sort", "price")
        for name, value in provider.items()
        if letters(name) in _HOST_CHOICES
    )


def _is_outside_unit_range(text: str) -> bool:
    """Whether a text is a number below 0 or above 1. Text that is not a number is not."""
    try:
        number = int(text, 16) if _HEX.fullmatch(text) else float(text.replace("_", "").replace(",", ""))
    except ValueError:  # such as 1.2.3
        return False
    return not 0 <= number <= 1


def _may_multiply(value: Any) -> bool:
    """Whether a value is or contains a number outside 0 to 1, also as text.

    Negative numbers count because -1 often means no limit, and llama.cpp prefers n_predict to max_tokens.
    """
    pending = [value]
    for _ in range(_MAX_VALUES):
        if not pending:
            return False
        item = pending.pop()
        if isinstance(item, str):
            if _is_outside_unit_range(item[:200].strip()[:100]):
                return True
        elif isinstance(item, (int, float)):
            if not 0 <= item <= 1:
                return True
        elif isinstance(item, dict):
            pending += item.values()
        elif isinstance(item, list):
            pending += item[:_MAX_VALUES]
    return True  # too large to check
