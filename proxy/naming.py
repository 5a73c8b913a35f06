"""A model to try first, for the lines that are printed to paste. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from proxy.config import Config

# A cheap model of each provider, by the end of its host's name (their pages, read 2026-11-24).
_FIRST = (
    ("api.openai.com", "gpt-4o-mini"),
    ("api.deepseek.com", "deepseek-chat"),
    (".aliyuncs.com", "qwen-plus"),
    ("api.moonshot.cn", "moonshot-v1-8k"),
    ("api.moonshot.ai", "moonshot-v1-8k"),
    ("open.bigmodel.cn", "glm-4-flash"),
    ("api.mistral.ai", "mistral-small-latest"),
    ("api.groq.com", "llama-3.3-70b-versatile"),
    ("generativelanguage.googleapis.com", "gemini-2.0-flash"),
    ("api.x.ai", "grok-3-mini"),
    ("openrouter.ai", "openai/gpt-4o-mini"),
)
UNKNOWN = "YOUR-MODEL"


def first_model(config: Config) -> str:
    """A model that the first upstream has: one that the configuration spells out, or its provider's, or UNKNOWN."""
    if config.demo:
        return "demo"
    for one in config.providers:
        for name in (*(name for name, _ in one.aliases), *(name for name in one.models if "*" not in name)):
            return name
    host = urlsplit(config.providers[0].base_url).hostname or ""
    return next((model for end, model in _FIRST if host.endswith(end)), UNKNOWN)
