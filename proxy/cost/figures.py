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
# What each part is a part of.
_WHOLES = {
    "cached": "input",
    "cache_write": "input",
    "cache_write_1h": "cache_write",
    "reasoning": "output",
    "audio_input": "input",
    "audio_output": "output",
}
_RARE = ("audio_input", "audio_output", "cache_write", "cache_write_1h")  # nearly always 0, and then not logged
_TIER = re.compile(r"[a-z_-]{1,32}")
# Of each path, which count it leads to, and its place among the paths of that count.
_PLACES_BY_PATH = {path: (kind, rank) for kind, paths in COUNTS.items() for rank, path in enumerate(paths)}
_PLACES = {path[0]: place for path, place in _PLACES_BY_PATH.items() if len(path) == 1}
_PLACES_WITHIN = {
    outer: {path[1]: place for path, place in _PLACES_BY_PATH.items() if len(path) == 2 and path[0] == outer}
    for outer in {path[0] for path in _PLACES_BY_PATH if len(path) == 2}
}


def of(usage: dict[str, Any], dialect: Dialect = dialects.OTHER) -> Usage:
    """Convert a provider's usage object. `dialect` is the provider's row, OTHER where nobody knows the provider."""
    counts = _counts(usage)
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
    counts["input"], counts["output"], counts["reasoning"] = prompt, output, reasoning
    return _checked(counts, usage, dialect)


def of_upstream(usage: dict[str, Any], base_url: str | None) -> Usage:
    """Convert the usage object of the upstream at `base_url`."""
    return of(usage, dialects.of(base_url))


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
    figures = Usage(input=counts["input"], output=counts["output"])
    for name, whole in _WHOLES.items():
        count = counts[name]
        if count is None or (not count and name in _RARE):
            continue
        limit = counts[whole]
        if limit is not None and count <= limit:
            setattr(figures, name, count)
    if figures.input is not None and (figures.cached or 0) + (figures.cache_write or 0) > figures.input:
        figures.cached = figures.cache_write = None
    if figures.cache_write is None:
        figures.cache_write_1h = None
    if counts["total"] and figures.output is None:
        figures.total = counts["total"]
    figures.tier = _tier(usage.get("service_tier")) or _tier(usage.get("serviceTier"))
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


def _counts(usage: dict[str, Any]) -> dict[str, int | None]:
    """Each of COUNTS: the count above 0 whose path comes first, else 0 where there is a count at all."""
    counts: dict[str, int | None] = dict.fromkeys(COUNTS)
    ranks: dict[str, int] = {}
    # By what the usage has, which is little: every call does this, and nearly all paths lead nowhere.
    for name, value in usage.items():
        if name in _PLACES:
            _keep(counts, ranks, _PLACES[name], value)
        elif name in _PLACES_WITHIN and isinstance(value, dict):
            places = _PLACES_WITHIN[name]
            for inner, count in value.items():
                if inner in places:
                    _keep(counts, ranks, places[inner], count)
    return counts


def _keep(counts: dict[str, int | None], ranks: dict[str, int], place: tuple[str, int], value: Any) -> None:
    """Keep a value of the usage if it is a count, and the first one of its kind so far."""
    kind, rank = place
    if type(value) is not int or not 0 <= value < _MAX_TOKENS:
        return
    if value and rank < ranks.get(kind, len(COUNTS[kind])):
        counts[kind], ranks[kind] = value, rank
    elif not value and counts[kind] is None:
        counts[kind] = 0


def _at(usage: Any, path: Path) -> Any:
    for name in path:
        usage = usage.get(name) if isinstance(usage, dict) else None
    return usage


def _number(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < _MAX_NUMBER
    return float(value) if is_number else None


def _tier(value: Any) -> str | None:
    return value if isinstance(value, str) and _TIER.fullmatch(value) else None
