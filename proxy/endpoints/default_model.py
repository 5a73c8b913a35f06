"""The model name that the console and the start-up banner suggest."""

from __future__ import annotations

from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from proxy.settings.config import Config

UNKNOWN = "YOUR-MODEL"
# An inexpensive model of each vendor, by its host.
_MODEL_BY_HOST = (
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
    """Return a model that this configuration probably serves, `YOUR-MODEL` if none can be guessed."""
    if config.demo:
        return "demo"
    for provider in config.providers:
        names = [*(name for name, _ in provider.aliases), *(name for name in provider.models if "*" not in name)]
        if names:
            return names[0]
    providers = [provider for provider in config.providers if provider.takes_all] or config.providers
    host = urlsplit(providers[0].base_url).hostname or ""
    return next((model for pattern, model in _MODEL_BY_HOST if fnmatchcase(host, pattern)), UNKNOWN)
