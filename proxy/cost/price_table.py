"""The price tables: reading them, and finding a model's entry by provider and name.

A name that may mean another model has no entry: a wrong price is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

from proxy.errors import ConfigError

TABLE = Path(__file__).resolve().parents[1] / "data" / "prices.json"
# If no provider's address matches the upstream, these makers' entries are searched for the model, in this order.
_MAKERS = (
    "openai",
    "anthropic",
    "google",
    "deepseek",
    "moonshotai",
    "zhipuai",
    "zai",
    "mistral",
    "x-ai",
    "qwen",
    "minimax",
)
# At a local address only these: a server there may relay to them, and has the weights of all others.
_CLOSED_MAKERS = ("openai", "anthropic", "google", "x-ai")
_LOCAL = re.compile(
    r"[^.]+|127\..*|10\..*|192\.168\..*|172\.(?:1[6-9]|2\d|3[01])\..*|169\.254\..*|\[.*\]|.*\.(?:local|internal|lan|home)"
)
# Weights that anybody may serve, and that no maker's own API has under this name.
_OPEN_WEIGHTS = re.compile(r"gpt-oss|gemma|deepseek-r1|deepseek-v3|open-mi[sx]tral|open-codestral")
# How names say whose model they mean: openai/gpt-4o, azure/gpt-4o, models/gemini-2.5-pro.
_PREFIXES = {
    "openai": "openai",
    "azure": "azure",
    "azure_ai": "azure",
    "anthropic": "anthropic",
    "google": "google",
    "gemini": "google",
    "models": "google",
    "vertex_ai": "google",
    "deepseek": "deepseek",
    "moonshotai": "moonshotai",
    "moonshot": "moonshotai",
    "z-ai": "zai",
    "zai": "zai",
    "zhipuai": "zhipuai",
    "mistral": "mistral",
    "mistralai": "mistral",
    "x-ai": "x-ai",
    "xai": "x-ai",
    "qwen": "qwen",
    "dashscope": "qwen",
    "minimax": "minimax",
    "groq": "groq",
    "cohere": "cohere",
    "perplexity": "perplexity",
    "cerebras": "cerebras",
    "openrouter": "openrouter",
}
# What may follow a name without making it another model: a date, a version, a release channel. No size, no tag.
_VERSION = re.compile(r"(?:[-@:._]?(?:v?\d+(?:\.\d+)*(?![a-z0-9])|latest|preview|exp|experimental|beta|stable))*")
OPENROUTER = "openrouter"


def search(table: dict[str, Any], model: str, base_url: str | None) -> dict[str, Any] | None:
    """Return the entry for `model`, in lower case, at the upstream `base_url`."""
    hosts = table.get("providers", {})
    if not hosts:
        return match(table["models"], model)  # the owner's file
    host = (base_url or "").partition("://")[2]
    provider = next((name for name, pattern in hosts.items() if host and _is_at(host, pattern)), None)
    if not provider and host and any(_is_at(host, pattern) for pattern in table.get("without_prices", {}).values()):
        return None
    for candidate, name in _candidates(table, model, provider, host):
        entries = [entry for entry in table["models"] if entry["provider"] == candidate]
        if (entry := match(entries, name, strict=True)) is not None:
            return entry
    if provider == OPENROUTER and model.endswith(":free"):
        return {"provider": OPENROUTER, "prices": [{"input": 0, "output": 0}]}
    return None


def match(entries: list[dict[str, Any]], name: str, strict: bool = False) -> dict[str, Any] | None:
    """Return the entry with exactly this name, else the one with the longest matching pattern.

    `strict`: * stands for a vendor's prefix and for a version alone, unless the pattern ends with a part of a name.
    """
    best: tuple[int, dict[str, Any]] | None = None
    for entry in entries:
        for pattern in entry["match"]:
            if pattern == name:
                return entry
            is_longer = ("*" in pattern or "[" in pattern) and (best is None or len(pattern) > best[0])
            if is_longer and (_matches(pattern, name) if strict else fnmatchcase(name, pattern)):
                best = (len(pattern), entry)
    return best[1] if best else None


def _matches(pattern: str, name: str) -> bool:
    if not fnmatchcase(name, pattern):
        return False
    literal = pattern.strip("*")
    if "[" in literal or "*" in literal:
        return True
    before, _, after = name.partition(literal)
    is_vendor = not before or before[-1] in "/.:@" or before == "minimax-"
    is_fine_tuned = pattern.startswith("ft:") or ".ft-" in pattern
    names_part = pattern.endswith("-*") and ":" not in after
    return is_vendor and bool(is_fine_tuned or names_part or _VERSION.fullmatch(after))


def _candidates(table: dict[str, Any], model: str, provider: str | None, host: str) -> Iterator[tuple[str, str]]:
    """Yield the providers whose entries may hold, each with the name to look for."""
    prefix, _, rest = model.partition("/")
    named = _PREFIXES.get(prefix) if rest else None
    fallback = table.get("fallback", {})
    if provider is not None:
        providers = (provider, *fallback.get(provider, ()))
        yield from ((candidate, model) for candidate in providers)
        if named is not None and provider != OPENROUTER:
            yield from ((candidate, rest) for candidate in providers)
        return
    if _OPEN_WEIGHTS.match(model.rpartition("/")[2]) and named != OPENROUTER:
        return
    is_local = _LOCAL.fullmatch(re.sub(r":\d+$", "", host.partition("/")[0])) is not None
    makers = _CLOSED_MAKERS if is_local else _MAKERS
    if not rest:
        yield from ((maker, model) for maker in makers)
    elif named is not None and (makers is _MAKERS or named in (*_CLOSED_MAKERS, "azure", OPENROUTER)):
        yield from ((candidate, rest) for candidate in (named, *fallback.get(named, ())))


def _is_at(host: str, pattern: str) -> bool:
    """Whether a base URL without its scheme is at the address that `pattern` describes."""
    return re.match(rf"(?:{pattern})(?=[:/]|$)", host) is not None


@lru_cache(maxsize=4)
def load(file: str | None) -> dict[str, Any]:
    """Return the owner's table, or the built-in one for None. Raises ConfigError for a file that cannot be used."""
    import json

    if file is None:
        try:
            text = Path(TABLE).read_text(encoding="utf-8")
        except OSError:
            return {"models": [], "providers": {"": "(?!)"}}  # a bundle without the table: no price is known
    else:
        from proxy.settings import text_file

        text = text_file.read(file, "PRICES_FILE")
    try:
        table = json.loads(text)
        for entry in table["models"]:
            _check(entry)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"PRICES_FILE names {file}, which is not a valid price table ({error}). Write JSON such as "
            '{"models": [{"match": ["my-model*"], "input": 0.5, "output": 1.5, "context_window": 128000}]}, in US '
            "dollars per million tokens.",
            param="PRICES_FILE",
        ) from None
    return dict(table)


def _check(entry: dict[str, Any]) -> None:
    """Raise ValueError, KeyError, TypeError or AttributeError for an invalid entry."""
    if not isinstance(entry["match"], list) or not all(isinstance(name, str) for name in entry["match"]):
        raise ValueError("match must be a list of names")
    entry["match"] = [name.lower() for name in entry["match"]]
    for prices in entry.get("prices", [entry]):
        for name in ("input", "output"):
            value = prices["input"] if name == "input" else prices.get("output", 0)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
                raise ValueError(f"{name} must be a number of US dollars per million tokens")
