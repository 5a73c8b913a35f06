"""From a usage object, as an upstream reports it, to figures that can be logged and priced. Pure.

Whatever the upstream says, no figure is negative, no part exceeds its whole, and what contradicts itself is left out.
"""

from __future__ import annotations

import re
from typing import Any

from proxy.cost import dialects
from proxy.cost.dialects import COUNTS, Dialect, Path
from proxy.protocols.usage import Usage

_MAX_TOKENS = 1_000_000_000_000  # prices are multiplied by a count, so it must be plausible
_MAX_NUMBER = 1e15
_RARE = ("audio_input", "audio_output", "cache_write", "cache_write_1h")  # nearly always 0, and then not logged
_TIER = re.compile(r"[a-z_-]{1,32}")


def of(usage: dict[str, Any], dialect: Dialect = dialects.OTHER) -> Usage:
    """Convert a provider's usage object. `dialect` is the provider's row, OTHER where nobody knows the provider."""
    counts = {name: _first(usage, paths) for name, paths in COUNTS.items()}
    cached, written = counts["cached"] or 0, counts["cache_write"] or 0
    prompt = counts["input"]
    if prompt is not None:
        if _cache_is_beside(usage, counts, prompt):
            prompt += cached + written
        prompt += counts["tools"] or 0
    prompt, output = _split(counts, prompt)
    reasoning = counts["reasoning"]
    if output is not None and reasoning and _reasoning_is_beside(usage, counts, dialect):
        output += reasoning
    if dialect.outside_total and counts["citations"] and prompt is not None:
        prompt += counts["citations"]
    if dialect.reasoning_beside and reasoning is None and output is not None and counts["output"] is not None:
        reasoning = output - counts["output"] or None  # the rest of the total, which nothing else explains
    figures = {**counts, "input": prompt, "output": output, "reasoning": reasoning}
    return _checked(figures, usage, dialect)


def _split(counts: dict[str, int | None], prompt: int | None) -> tuple[int | None, int | None]:
    """Return input and output. What the total has beyond both is output: reasoning that no other figure shows."""
    output, total = counts["output"], counts["total"]
    if not total:
        return prompt, output
    if not prompt and output:
        return max(total - output, 0) or prompt, output
    if prompt and total - prompt > (output or 0):
        return prompt, total - prompt
    return prompt, output


def _cache_is_beside(usage: dict[str, Any], counts: dict[str, int | None], prompt: int) -> bool:
    cache = (counts["cached"] or 0) + (counts["cache_write"] or 0)
    if not cache:
        return False
    if counts["total"] and counts["total"] == prompt + (counts["output"] or 0) + cache:
        return True
    return any(name in usage for name in dialects.CACHE_BESIDE) and "prompt_tokens" not in usage


def _reasoning_is_beside(usage: dict[str, Any], counts: dict[str, int | None], dialect: Dialect) -> bool:
    """Whether reasoning must be added to the output. A total includes it already, except at one provider."""
    if dialect.outside_total:
        return "reasoning_tokens" in usage
    if counts["total"]:
        return False
    named = any(name in usage for name in dialects.REASONING_BESIDE)
    by_row = dialect.reasoning_beside and "completion_tokens" in usage
    return named or by_row or (counts["reasoning"] or 0) > (counts["output"] or 0)


def _checked(counts: dict[str, int | None], usage: dict[str, Any], dialect: Dialect) -> Usage:
    """The figures without those parts that are more than their whole, or have none."""
    whole = {"reasoning": "output", "audio_output": "output", "cache_write_1h": "cache_write"}
    values: dict[str, int | None] = {name: counts[name] for name in ("input", "output")}
    for name in ("cached", "cache_write", "cache_write_1h", "reasoning", "audio_input", "audio_output"):
        count, limit = counts[name], counts[whole.get(name, "input")]
        believed = count is not None and limit is not None and count <= limit and (count or name not in _RARE)
        values[name] = count if believed else None
    if values["input"] is not None and (values["cached"] or 0) + (values["cache_write"] or 0) > values["input"]:
        values["cached"] = values["cache_write"] = None
    if values["cache_write"] is None:
        values["cache_write_1h"] = None
    if counts["total"] and values["output"] is None:
        values["total"] = counts["total"]
    figures = Usage(**values)
    figures.tier = next((tier for path in dialects.TIERS if (tier := _tier(_at(usage, path)))), None)
    figures.cost_usd = _cost(usage, dialect)
    return figures


def _cost(usage: dict[str, Any], dialect: Dialect) -> float | None:
    """What the provider says that it charged, in US dollars."""
    cost = _number(_at(usage, dialect.cost)) if dialect.cost else None
    if cost is None or (not cost and not dialect.zero_cost):
        return None
    if dialect.fee_on_own_key and usage.get("is_byok") is True:
        charged = _number(_at(usage, ("cost_details", "upstream_inference_cost")))
        return None if charged is None else cost + charged
    return cost * dialect.cost_unit


def _first(usage: dict[str, Any], paths: tuple[Path, ...]) -> int | None:
    """The first count above 0, else 0 where there is a count at all."""
    found = None
    for path in paths:
        # Nearly all paths lead nowhere. This is a loop within one because every call does it forty times.
        value: Any = usage.get(path[0])
        for name in path[1:]:
            value = value.get(name) if isinstance(value, dict) else None
        if value is not None and (count := _count(value)) is not None:
            if count:
                return count
            found = 0
    return found


def _at(usage: Any, path: Path) -> Any:
    for name in path:
        usage = usage.get(name) if isinstance(usage, dict) else None
    return usage


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < _MAX_TOKENS else None


def _number(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < _MAX_NUMBER
    return float(value) if is_number else None


def _tier(value: Any) -> str | None:
    return value if isinstance(value, str) and _TIER.fullmatch(value) else None
