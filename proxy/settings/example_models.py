"""The models that examples name: in the documents, the templates, the console, the doctor and the commands.

Models end, so all examples are here or are checked against this module (tests/project/test_example_models.py). Chosen
on 2026-11-26 among those that genai-prices 0.2.3 lists with a price and does not mark as deprecated: gpt-5.4-mini costs
$0.75 per million input tokens and $4.50 per million output tokens.
"""

from __future__ import annotations

EXAMPLE = "gpt-5.4-mini"
# For the documents' patterns: a key or an upstream for some models.
EXAMPLE_PATTERN = "gpt-5.4*"
# An inexpensive model of each vendor, by its host. Those after api.x.ai, and DeepSeek's, were read on 2026-11-27, in
# the pages that docs/providers.md names, in genai-prices 0.2.3 or at mastra.ai/models.
BY_HOST = (
    ("api.openai.com", EXAMPLE),
    ("api.anthropic.com", "claude-haiku-5-5"),
    ("api.deepseek.com", "deepseek-flash"),
    ("*dashscope*.aliyuncs.com", "qwen-plus"),
    ("api.moonshot.*", "kimi-k2.6"),
    ("open.bigmodel.cn", "glm-5.3-flash"),
    ("api.z.ai", "glm-5.3-flash"),
    ("api.mistral.ai", "mistral-small-latest"),
    ("api.groq.com", "llama-3.3-70b-versatile"),
    ("generativelanguage.googleapis.com", "gemini-3.5-flash-lite"),
    ("openrouter.ai", f"openai/{EXAMPLE}"),
    ("api.x.ai", "grok-4.3"),
    ("api.minimax*", "MiniMax-M3"),
    ("ark.*.volces.com", "doubao-seed-1-6-flash-250828"),
    ("qianfan.baidubce.com", "deepseek-v3.2"),
    ("tokenhub*.tencent*", "hy3-preview"),
    ("api.stepfun.*", "step-3.7-flash"),
    ("api.siliconflow.*", "deepseek-ai/DeepSeek-V4-Flash"),
    ("api.together.*", "openai/gpt-oss-20b"),
    ("api.fireworks.ai", "accounts/fireworks/models/gpt-oss-20b"),
    ("api.perplexity.ai", "perplexity/sonar"),
    ("bedrock-runtime.*.amazonaws.com", "openai.gpt-oss-20b-1:0"),
)
# What the doctor calls if an endpoint has it, the cheapest first.
CHEAP = ("demo", "gpt-5.4-nano", EXAMPLE, "deepseek-flash", "glm-5.3-flash", "qwen-turbo")
# What the console counts and prices a text for.
PRICED = ("gpt-5.4-nano", EXAMPLE, "gpt-5.4", "deepseek-flash", "qwen-plus")
