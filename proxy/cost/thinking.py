"""Tokens of thinking that are charged in addition to an answer's limit, as Alibaba's servers do for Qwen models."""

from __future__ import annotations

import re
from typing import Any

from proxy.call import Call
from proxy.cost.prices import MILLION
from proxy.errors import CostTooHigh
from proxy.routing.model_field import requested_model

# Alibaba's models that think unless a request disables it, and those that always do
# (docs.qwencloud.com, help.aliyun.com/zh/model-studio/deep-thinking, read 2026-11-26).
_ALIBABA_HOST = re.compile(r"dashscope|aliyuncs|qwencloud", re.IGNORECASE)
_ALWAYS_THINKS = re.compile(r"qwq|qvq|thinking", re.IGNORECASE)
_THINKS_BY_DEFAULT = re.compile(r"qwen-?3(?!.*(?:instruct|coder|max))", re.IGNORECASE)


def separate_tokens(call: Call, request: dict[str, Any]) -> int:
    """Return the tokens of thinking that the request allows in addition to the answer's limit.

    Raises CostTooHigh for a request that thinks without a valid `thinking_budget`.
    """
    budget = request.get("thinking_budget")
    if budget is None:
        enabled = request.get("enable_thinking")
        if enabled in (None, False) and not _thinks(call, request, enabled):
            return 0
    elif isinstance(budget, int) and 0 <= budget <= MILLION and not isinstance(budget, bool):
        return budget
    raise CostTooHigh(
        "This endpoint's owner limits what calls may cost, and thinking is charged in addition to the answer. "
        f"Send thinking_budget, a whole number of tokens up to {MILLION}.",
        param="thinking_budget",
    )


def _thinks(call: Call, request: dict[str, Any], enabled: Any) -> bool:
    """Whether the model may think at one of the call's targets without being asked to."""
    targets = call.plan.targets
    if not any(_ALIBABA_HOST.search(target.base_url) for target in targets):
        return False
    model = next((target.model for target in targets if target.model), None) or str(requested_model(call))[:300]
    return bool(_ALWAYS_THINKS.search(model) or (enabled is None and _THINKS_BY_DEFAULT.search(model)))
