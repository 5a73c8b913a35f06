"""The prices of tokens: the owner's file first, then a dated table that `make prices` builds from genai-prices.

An unknown price is None, never 0. Figures are US dollars per million tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from proxy.cost import price_table

if TYPE_CHECKING:
    from decimal import Decimal

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of one call, as OpenAI's API counts them.

    `cached`, `cache_write` and `audio_input` are included in `input`, `cache_write_1h` (written to be kept for an hour)
    in `cache_write`, `reasoning` and `audio_output` in `output`.
    """

    input: int
    output: int
    cached: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    reasoning: int = 0
    audio_input: int = 0
    audio_output: int = 0


@dataclass(frozen=True, slots=True)
class Price:
    """One model's entry. The limits are in tokens, None if unknown. `date` is the table's.

    `context_window` is for prompt and answer together, `max_input` for the prompt alone.
    """

    provider: str
    date: str
    context_window: int | None
    max_output: int | None
    prices: tuple[dict[str, Any], ...]
    max_input: int | None = None

    @property
    def service_tiers(self) -> frozenset[str]:
        """The service tiers with their own prices."""
        return frozenset(self.prices[0].get("service_tiers", {}))

    @property
    def is_free(self) -> bool:
        """Whether nothing is paid for any token."""
        return all(not entry.get("input") and not entry.get("output") for entry in self.prices)

    def cost(self, tokens: Tokens, at: float, tier: str | None = None) -> Decimal | None:
        """Return the cost of `tokens` in US dollars at the Unix time `at`, None if a price is missing."""
        figures = self.figures(tokens.input, at, tier)
        if figures is None:
            return None
        plain_input = tokens.input - tokens.cached - tokens.cache_write - tokens.audio_input
        plain_output = tokens.output - tokens.reasoning - tokens.audio_output
        parts = (
            (max(plain_input, 0), "input", "input"),
            (tokens.cached, "cached_input", "input"),
            (max(tokens.cache_write - tokens.cache_write_1h, 0), "cache_write", "input"),
            (tokens.cache_write_1h, "cache_write_1h", "cache_write" if "cache_write" in figures else "input"),
            (tokens.audio_input, "audio_input", "input"),
            (max(plain_output, 0), "output", "output"),
            (tokens.reasoning, "reasoning", "output"),
            (tokens.audio_output, "audio_output", "output"),
        )
        total = _decimal("0")
        for count, name, base in parts:
            price = figures.get(name, figures.get(base))
            if price is None and count:
                return None  # such as output of a model that has no price for output
            total += (price or 0) * count
        return total / MILLION

    def figures(self, tokens: int, at: float, tier: str | None = None) -> dict[str, Decimal] | None:
        """Return the prices for a prompt of `tokens` at the Unix time `at`. Later entries override earlier ones."""
        from time import gmtime, strftime

        day, hour = strftime("%Y-%m-%d", gmtime(at)), strftime("%H:%M", gmtime(at))
        entry: dict[str, Any] = {}
        for candidate in self.prices:
            if candidate.get("since", day) <= day and _within(candidate.get("hours"), hour):
                entry = candidate
        if tier:
            entry = {**entry, **self.prices[0].get("service_tiers", {}).get(tier, {})}
        for step in entry.get("tiers", ()):
            if tokens > step["above"]:
                entry = {**entry, **step}
        figures = {name: value for name, value in entry.items() if not isinstance(value, (list, dict, str))}
        return {name: _decimal(str(value)) for name, value in figures.items()} if "input" in figures else None


@lru_cache(maxsize=256)
def find(model: str, base_url: str | None, file: str | None = None) -> Price | None:
    """Return the price of `model` at the upstream `base_url`, None if neither `file` nor the table has it.

    `file` is the path in PRICES_FILE. Raises ConfigError if it cannot be read.
    """
    name = model.strip().lower()
    for table in ([price_table.load(file)] if file else []) + [price_table.load(None)]:
        if (entry := price_table.search(table, name, base_url)) is not None:
            return Price(
                provider=str(entry.get("provider", "own")),
                date=str(table.get("date", "")),
                context_window=entry.get("context_window"),
                max_output=entry.get("max_output"),
                prices=tuple(entry["prices"]) if "prices" in entry else (entry,),
                max_input=entry.get("max_input"),
            )
    return None


def check_file(file: str) -> None:
    """Raise ConfigError, with the reason, if `file` is not a valid price table."""
    price_table.load(file)


def table_date() -> str:
    """The date of the built-in table, YYYY-MM-DD."""
    return str(price_table.load(None).get("date", ""))


def _within(hours: list[str] | None, hour: str) -> bool:
    if hours is None:
        return True
    start, end = hours
    return start <= hour < end if start <= end else hour >= start or hour < end


def _decimal(text: str) -> Decimal:
    from decimal import Decimal

    return Decimal(text)
