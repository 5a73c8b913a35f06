"""What in a request multiplies its answer, or its price, in a way that is not known here. Pure."""

from __future__ import annotations

import re
from typing import Any

from proxy.wire.json_walk import letters, walk
from proxy.wire.work import SLICE, Slices

# Top-level members whose numbers and objects are known not to multiply anything, or are looked at elsewhere
# (platform.openai.com/docs/api-reference, openrouter.ai/docs/api-reference, docs.anthropic.com/en/api/messages,
# help.aliyun.com/zh/model-studio, docs.vllm.ai; read 2026-11-26).
_KNOWN = frozenset(
    "audio background best_of cache_control chat_template_kwargs client_metadata context_management conversation "
    "dimensions documents enable_thinking encoding_format fallbacks frequency_penalty function_call functions "
    "guided_choice guided_json guided_regex include input instructions json_schema length_penalty "
    "logit_bias logprobs max_completion_tokens max_output_tokens max_tokens max_tokens_to_sample max_tool_calls "
    "messages metadata min_p min_tokens mirostat modalities model models n output_config parallel_tool_calls "
    "prediction presence_penalty prompt prompt_cache_key prompt_cache_options prompt_logprobs provider random_seed "
    "reasoning reasoning_effort reasoning_format repetition_penalty response_format route safe_prompt seed "
    "stop stop_sequences stop_token_ids store stream stream_options structured_outputs suffix system temperature text "
    "thinking thinking_budget tool_choice tools top_a top_k top_logprobs top_n_sigma top_p transforms truncation "
    "typical_p usage user".split()
)
# Names for how many answers are generated, in letters alone, wherever they stand.
_MULTIPLIERS = frozenset(
    "n bestof candidatecount candidates numreturnsequences numcompletions numgenerations numsamples numbeams "
    "samplecount numresponses numchoices numcandidates numanswers beamwidth usebeamsearch".split()
)
_LIMITS = frozenset("max_completion_tokens max_output_tokens max_tokens max_tokens_to_sample".split())
# Members that take a limit away again, whatever their values: LiteLLM leaves out what they name.
_UNLIMITING = frozenset("allowedopenaiparams additionaldropparams dropparams".split())
_HEX = re.compile(r"[-+]?0x[0-9a-f_]{1,40}", re.IGNORECASE)
_LOOKED_AT = 1_000  # values of a member that is not known
_PRICED = ("speed", "inferencegeo", "servicetier")
_CHOOSES = ("order", "only", "sort")
CHEAP_TIERS = ("", "standard", "default", "auto", "flex", "standard_only", "global", "on_demand", "batch")


def unknown(request: dict[str, Any], limits: tuple[str, ...]) -> Slices[str | None]:
    """The name of the first member that may multiply what the call costs and is not known; None where there is none.

    `limits` are the members that limit an answer's tokens on this path; by those of others a server may go as well.
    """
    units = 0
    for name, value in request.items():
        if name in _LIMITS and name not in limits and value is not None:
            return name
        if name not in _KNOWN:
            if _may_multiply(value):
                return name
            units += _LOOKED_AT // 2
            if units >= SLICE:
                yield units
                units = 0
    for name, value, owner, is_data in walk(request):
        units += 1
        if not is_data and value:
            folded = letters(name)
            if folded in _MULTIPLIERS and value != 1 and not (owner is request and name in ("n", "best_of")):
                return name
            if folded in _UNLIMITING or (
                folded == "enablethinking" and owner is not request and not _in_template(request, owner)
            ):
                return name
        if units >= SLICE:
            yield units
            units = 0
    return None


def dearer(request: dict[str, Any]) -> Slices[str | None]:
    """The name of the first member that asks for something dearer than any price here is known for.

    The request's own `service_tier` is left out: of that each price says which ones it knows.
    """
    units = 0
    for name, value, owner, is_data in walk(request):
        units += 1
        if not is_data and value is not None and letters(name) in _PRICED and value not in CHEAP_TIERS:
            is_own = owner is request
            if (is_own and name != "service_tier") or (not is_own and isinstance(value, str)):
                return name
        if units >= SLICE:
            yield units
            units = 0
    return None


def chooses_host(request: dict[str, Any]) -> bool:
    """Whether one of a model's hosts is asked for, as OpenRouter lets callers do: they have prices of their own."""
    chosen = request.get("provider")
    return isinstance(chosen, dict) and any(
        value and (name, value) != ("sort", "price") for name, value in chosen.items() if letters(name) in _CHOOSES
    )


def _in_template(request: dict[str, Any], owner: dict[str, Any]) -> bool:
    """Whether a member is meant for a template of the server's own, whose answers its limit holds."""
    return owner is request.get("chat_template_kwargs")


def _is_beyond_one(text: str) -> bool:
    """Whether a text is a number below zero or above one; what is no number at all is none."""
    try:
        number = int(text, 16) if _HEX.fullmatch(text) else float(text.replace("_", "").replace(",", ""))
    except ValueError:  # 1.2.3 is none
        return False
    return not 0 <= number <= 1


def _may_multiply(value: Any) -> bool:
    """Whether a value may be a number of more than one, or hold one; a text may be as well.

    Nor may it be less than zero: -1 often stands for no limit, and llama.cpp's n_predict comes before max_tokens.
    """
    rest = [value]
    for _ in range(_LOOKED_AT):
        if not rest:
            return False
        one = rest.pop()
        if isinstance(one, str):
            if _is_beyond_one(one[:200].strip()[:100]):
                return True
        elif isinstance(one, (int, float)):
            if not 0 <= one <= 1:
                return True
        elif isinstance(one, dict):
            rest += one.values()
        elif isinstance(one, list):
            rest += one[:_LOOKED_AT]
    return True  # nobody sends so much of what is not known
