"""A model's name to begin with, for whoever opens the console or reads the banner."""

from __future__ import annotations

from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from proxy.settings.config import Config

UNKNOWN = "YOUR-MODEL"
# A cheap model of each vendor, by its host.
_BY_HOST = (
    ("api.openai.com", "gpt-4o-mini"),
    ("api.deepseek.com", "deepseek-chat"),
    ("dashscope*.aliyuncs.com", "qwen-plus"),
    ("api.moonshot.*", "moonshot-v1-8k"),
    ("open.bigmodel.cn", "glm-4-flash"),
    ("api.mistral.ai", "mistral-small-latest"),
    ("api.groq.com", "llama-3.3-70b-versatile"),
    ("generativelanguage.googleapis.com", "gemini-2.0-flash"),
    ("api.x.ai", "grok-3-mini"),
    ("openrouter.ai", "openai/gpt-4o-mini"),
)


def first_model(config: Config) -> str:
    """A model that this configuration is likely to answer for, or `YOUR-MODEL` where none can be told."""
    if config.demo:
        return "demo"
    for one in config.providers:
        names = [*(name for name, _ in one.aliases), *(name for name in one.models if "*" not in name)]
        if names:
            return names[0]
    takers = [one for one in config.providers if one.takes_all] or config.providers
    host = urlsplit(takers[0].base_url).hostname or ""
    return next((model for pattern, model in _BY_HOST if fnmatchcase(host, pattern)), UNKNOWN)
