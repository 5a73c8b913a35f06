"""How each provider reports its usage: one row for each, with its source, and where every figure is found.

Most providers differ only in the names of members, and those are tried one after the other. A row has flags where the
same names mean something else. genai-prices is the package of that name, 0.2.3, which says how it reads each of these.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

Path = tuple[str, ...]
_PROMPT, _INPUT = "prompt_tokens_details", "input_tokens_details"
_COMPLETION, _OUTPUT = "completion_tokens_details", "output_tokens_details"


class Dialect(NamedTuple):
    """One provider. `host` is a pattern for the host of its base URL, `source` says where and when this was read.

    `reasoning_beside`: completion_tokens leaves out reasoning. `outside_total`: total_tokens leaves out reasoning and
    citations too. `cost` is the member with the charge in US dollars, times `cost_unit`; `zero_cost`: 0 there is a real
    charge; `fee_on_own_key`: with the account's own key at a provider it is the fee only, and the provider's charge is
    added.
    """

    name: str
    host: str
    source: str
    reasoning_beside: bool = False
    outside_total: bool = False
    cost: Path = ()
    cost_unit: float = 1.0
    zero_cost: bool = False
    fee_on_own_key: bool = False


DIALECTS: tuple[Dialect, ...] = (
    Dialect("openai", r"api\.openai\.com", "platform.openai.com/docs/api-reference/chat/object, 2026-11-26"),
    Dialect(
        "azure",
        r".*\.(?:openai\.azure\.com|azure-api\.net|(?:cognitiveservices|services\.ai)\.azure\.com)",
        "learn.microsoft.com/azure/ai-foundry/openai/reference, 2026-11-24",
    ),
    Dialect("anthropic", r"api\.anthropic\.com", "docs.anthropic.com/en/api/messages, 2026-11-26"),
    Dialect(
        "gemini",
        r"(?:.*\.)?googleapis\.com",
        "ai.google.dev/api/generate-content#UsageMetadata; genai-prices, 2026-11-26",
        reasoning_beside=True,
    ),
    Dialect(
        "xai",
        r"(?:.*\.)?api\.x\.ai",
        "docs.x.ai/developers/cost-tracking; genai-prices, 2026-11-26",
        reasoning_beside=True,
        cost=("cost_in_usd_ticks",),
        cost_unit=1e-10,
    ),
    Dialect("deepseek", r"api\.deepseek\.com", "api-docs.deepseek.com/api/create-chat-completion, 2026-11-26"),
    Dialect("moonshot", r"api\.moonshot\.(?:ai|cn)", "platform.kimi.ai/docs/api/chat; genai-prices, 2026-11-26"),
    Dialect(
        "qwen",
        r"dashscope(?:-[a-z]+)?\.aliyuncs\.com|.*\.maas\.aliyuncs\.com",
        "alibabacloud.com/help/en/model-studio/context-cache, 2026-10-11",
    ),
    Dialect("zhipu", r"open\.bigmodel\.cn|api\.z\.ai", "docs.z.ai/guides/capabilities/cache, 2026-11-26"),
    Dialect("minimax", r"api\.minimaxi?\.(?:com|io|chat)", "platform.minimaxi.com/docs/api-reference, 2026-11-26"),
    Dialect("mistral", r"api\.mistral\.ai", "docs.mistral.ai/api; recorded streams, 2026-11-26"),
    Dialect("groq", r"api\.groq\.com", "console.groq.com/docs/api-reference; recorded streams, 2026-11-26"),
    Dialect(
        "openrouter",
        r"(?:.*\.)?openrouter\.ai",
        "openrouter.ai/docs/use-cases/usage-accounting, 2026-11-26",
        cost=("cost",),
        zero_cost=True,
        fee_on_own_key=True,
    ),
    Dialect(
        "perplexity",
        r"api\.perplexity\.ai",
        "docs.perplexity.ai/getting-started/pricing; genai-prices, 2026-11-26",
        outside_total=True,
        cost=("cost", "total_cost"),
    ),
    Dialect(
        "bedrock",
        r"bedrock-(?:runtime|mantle)\..*\.(?:amazonaws\.com|api\.aws)",
        "docs.aws.amazon.com/bedrock TokenUsage; genai-prices, 2026-11-26",
    ),
    Dialect("ollama", r"ollama\.com|.*:11434", "docs.ollama.com/api; recorded streams, 2026-11-26"),
    Dialect("vllm", r"(?!)", "docs.vllm.ai, OpenAI-compatible server; recorded streams, 2026-11-26"),
)
# What is read wherever no row matches: self-hosted servers and relays have any address.
OTHER = Dialect("other", r"", "")

# The members that hold each count. Next to each other they are alternatives: the first that is more than 0 counts.
COUNTS: dict[str, tuple[Path, ...]] = {
    "input": (
        ("prompt_tokens",),
        ("input_tokens",),
        ("promptTokenCount",),
        ("inputTokens",),
        ("total_input_tokens",),  # Google's interactions
        ("prompt_eval_count",),
    ),
    "output": (
        ("completion_tokens",),
        ("output_tokens",),
        ("candidatesTokenCount",),
        ("outputTokens",),
        ("total_output_tokens",),
        ("eval_count",),
    ),
    "total": (("total_tokens",), ("totalTokenCount",), ("totalTokens",)),
    "cached": (
        (_PROMPT, "cached_tokens"),
        (_INPUT, "cached_tokens"),
        ("prompt_cache_hit_tokens",),  # DeepSeek
        ("cached_tokens",),  # Moonshot, Together
        ("cache_read_input_tokens",),
        (_INPUT, "cache_read_input_tokens"),  # Perplexity's Responses API
        ("cachedContentTokenCount",),
        ("cacheReadInputTokens",),
        ("total_cached_tokens",),
    ),
    "cache_write": (
        (_PROMPT, "cache_write_tokens"),
        (_INPUT, "cache_write_tokens"),
        (_PROMPT, "cache_creation_input_tokens"),  # Qwen
        ("cache_creation_input_tokens",),
        ("cacheWriteInputTokens",),
    ),
    "cache_write_1h": (("cache_creation", "ephemeral_1h_input_tokens"),),
    "reasoning": (
        (_COMPLETION, "reasoning_tokens"),
        (_OUTPUT, "reasoning_tokens"),
        (_OUTPUT, "thinking_tokens"),
        ("thoughtsTokenCount",),
        ("total_thought_tokens",),
        ("reasoning_tokens",),
    ),
    "audio_input": ((_PROMPT, "audio_tokens"),),
    "audio_output": ((_COMPLETION, "audio_tokens"),),
    "tools": (("toolUsePromptTokenCount",), ("total_tool_use_tokens",)),  # input that Google counts separately
    "citations": (("citation_tokens",),),
}
# Providers with these names report what was read from a cache, or written to it, outside of their input.
CACHE_BESIDE = (
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cacheReadInputTokens",
    "cacheWriteInputTokens",
)
# Names whose output never includes reasoning.
REASONING_BESIDE = ("candidatesTokenCount", "total_output_tokens")


@lru_cache(maxsize=64)
def of(base_url: str | None) -> Dialect:
    """The row for the upstream at this base URL, OTHER where there is none."""
    host = (base_url or "").partition("://")[2].partition("/")[0].lower()
    return next((row for row in DIALECTS if re.fullmatch(rf"(?:{row.host})(?::\d+)?", host)), OTHER)
