"""What tokens cost: a dated table, made of genai-prices by `make prices`, and the owner's own file before it.

What the table does not know is None, never 0. Figures are US dollars for a million tokens.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proxy.errors import ConfigError

if TYPE_CHECKING:
    from decimal import Decimal

TABLE = Path(__file__).resolve().parents[1] / "data" / "prices.json"
# For an upstream that no provider's address fits, a model's name says whose it is; these are asked in their order.
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
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Tokens:
    """What an answer used. `cached`, `cache_write` and `audio_input` are parts of `input`, `reasoning` and
    `audio_output` parts of `output`, as OpenAI's API counts them.
    """

    input: int
    output: int
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0
    audio_input: int = 0
    audio_output: int = 0


@dataclass(frozen=True, slots=True)
class Price:
    """One model's entry. `context_window` and `max_output` are in tokens, None where nobody says; `date` is the
    table's.
    """

    provider: str
    date: str
    context_window: int | None
    max_output: int | None
    prices: tuple[dict[str, Any], ...]

    @property
    def service_tiers(self) -> frozenset[str]:
        """The tiers that it has prices of their own for."""
        return frozenset(self.prices[0].get("service_tiers", {}))

    def cost(self, tokens: Tokens, at: float, tier: str | None = None) -> Decimal | None:
        """US dollars for `tokens` at the Unix time `at`, for the service tier `tier`; None where a price is missing."""
        figures = self.figures(tokens.input, at, tier)
        if figures is None:
            return None
        plain_input = tokens.input - tokens.cached - tokens.cache_write - tokens.audio_input
        plain_output = tokens.output - tokens.reasoning - tokens.audio_output
        parts = (
            (max(plain_input, 0), "input", "input"),
            (tokens.cached, "cached_input", "input"),
            (tokens.cache_write, "cache_write", "input"),
            (tokens.audio_input, "audio_input", "input"),
            (max(plain_output, 0), "output", "output"),
            (tokens.reasoning, "reasoning", "output"),
            (tokens.audio_output, "audio_output", "output"),
        )
        total = _decimal("0")
        for count, name, base in parts:
            price = figures.get(name, figures.get(base))
            if price is None and count:
                return None  # a model that only takes in, and still gave something back
            total += (price or 0) * count
        return total / MILLION

    def figures(self, tokens: int, at: float, tier: str | None = None) -> dict[str, Decimal] | None:
        """What holds for a prompt of so many `tokens` at the Unix time `at`: later entries win over earlier ones."""
        from time import gmtime, strftime

        day, hour = strftime("%Y-%m-%d", gmtime(at)), strftime("%H:%M", gmtime(at))
        held: dict[str, Any] = {}
        for one in self.prices:
            if one.get("since", day) <= day and _within(one.get("hours"), hour):
                held = one
        if tier:
            held = {**held, **self.prices[0].get("service_tiers", {}).get(tier, {})}
        for step in held.get("tiers", ()):
            if tokens > step["above"]:
                held = {**held, **step}
        found = {name: value for name, value in held.items() if not isinstance(value, (list, dict, str))}
        return {name: _decimal(str(value)) for name, value in found.items()} if "input" in found else None


@lru_cache(maxsize=256)
def find(model: str, base_url: str | None, file: str | None = None) -> Price | None:
    """The entry for `model` at the upstream `base_url`, or None where neither `file` nor the table has one.

    `file` is PRICES_FILE. Raises ConfigError where it cannot be read.
    """
    name = model.strip().lower()
    for table in ([_load(file)] if file else []) + [_load(None)]:
        if (entry := _search(table, name, base_url)) is not None:
            return Price(
                provider=str(entry.get("provider", "own")),
                date=str(table.get("date", "")),
                context_window=entry.get("context_window"),
                max_output=entry.get("max_output"),
                prices=tuple(entry["prices"]) if "prices" in entry else (entry,),
            )
    return None


def check_file(file: str) -> None:
    """Raise ConfigError, with what is wrong, where `file` is no table of prices."""
    _load(file)


def table_date() -> str:
    """The day of the project's own table, YYYY-MM-DD."""
    return str(_load(None).get("date", ""))


def _search(table: dict[str, Any], name: str, base_url: str | None) -> dict[str, Any] | None:
    hosts = table.get("providers", {})
    host = (base_url or "").partition("://")[2]
    provider = next((one for one, pattern in hosts.items() if host and re.match(pattern, host)), None)
    if not hosts:
        return _match(table["models"], name)
    wanted = [provider, *table.get("fallback", {}).get(provider, ())] if provider else list(_MAKERS)
    plain = name if provider else name.rpartition("/")[2]
    for one in wanted:
        if (found := _match([m for m in table["models"] if m["provider"] == one], plain)) is not None:
            return found
    return None


def _match(entries: list[dict[str, Any]], name: str) -> dict[str, Any] | None:
    """The entry that names `name`, or the one with the longest pattern that fits it."""
    from fnmatch import fnmatchcase

    best: tuple[int, dict[str, Any]] | None = None
    for entry in entries:
        for pattern in entry["match"]:
            if pattern == name:
                return entry
            if "*" in pattern and fnmatchcase(name, pattern) and (best is None or len(pattern) > best[0]):
                best = (len(pattern), entry)
    return best[1] if best else None


@lru_cache(maxsize=4)
def _load(file: str | None) -> dict[str, Any]:
    import json

    if file is None:
        try:
            text = Path(TABLE).read_text(encoding="utf-8")
        except OSError:
            return {"models": [], "providers": {"": "(?!)"}}  # a bundle without it: nothing is known
    else:
        from proxy.settings import text_file

        text = text_file.read(file, "PRICES_FILE")
    try:
        table = json.loads(text)
        for entry in table["models"]:
            _check(entry)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"PRICES_FILE names {file}, which cannot be used ({error}). It takes JSON such as "
            '{"models": [{"match": ["my-model*"], "input": 0.5, "output": 1.5, "context_window": 128000}]}, in US '
            "dollars for a million tokens.",
            param="PRICES_FILE",
        ) from None
    return dict(table)


def _check(entry: dict[str, Any]) -> None:
    """Raise ValueError or the like for an entry that would fail later."""
    if not isinstance(entry["match"], list) or not all(isinstance(name, str) for name in entry["match"]):
        raise ValueError("match takes a list of names")
    entry["match"] = [name.lower() for name in entry["match"]]
    for prices in entry.get("prices", [entry]):
        for name in ("input", "output"):
            value = prices["input"] if name == "input" else prices.get("output", 0)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
                raise ValueError(f"{name} takes a number of US dollars for a million tokens")


def _within(hours: list[str] | None, hour: str) -> bool:
    if hours is None:
        return True
    start, end = hours
    return start <= hour < end if start <= end else hour >= start or hour < end


def _decimal(text: str) -> Decimal:
    from decimal import Decimal

    return Decimal(text)
