"""`python -m tools.prices`: make proxy/data/prices.json anew (`make prices`; Python 3.11 or newer).

Prices and context windows come from the package genai-prices, which cites each provider's page. It knows neither the
largest output nor Alibaba's own prices: those stand in prices_supplement.json, with their source.
"""

from __future__ import annotations

import json
import re
from datetime import date
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

from proxy.cost.price_table import TABLE

SUPPLEMENT = Path(__file__).with_name("prices_supplement.json")
_PROVIDERS = (
    "openai azure anthropic google deepseek moonshotai zhipuai zai mistral groq x-ai minimax cohere perplexity "
    "cerebras together fireworks openrouter"
).split()
# Ours on the left; in genai-prices, in US dollars for a million tokens, on the right.
_FIGURES = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cached_input": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "reasoning": "output_reasoning_mtok",
    "audio_input": "input_audio_mtok",
    "audio_output": "output_audio_mtok",
}


def main(today: date | None = None, target: Path = TABLE) -> int:
    """Write the table and say how large it is."""
    table = make(today or date.today())  # noqa: DTZ011 — the day on which somebody made it, where they are
    models = table.pop("models")
    head = json.dumps(table, indent=1)[:-2]
    lines = ",\n".join(json.dumps(model, separators=(",", ":")) for model in models)
    target.write_text(f'{head},\n "models": [\n{lines}\n]}}\n', encoding="utf-8")
    print(f"{target.name}: {len(models)} models, {target.stat().st_size / 1000:.0f} kB, {table['source']}")
    return 0


def make(today: date) -> dict[str, Any]:
    """The table as of `today`: prices that were over by then are left out, prices to come are kept."""
    from genai_prices.data import providers

    supplement = json.loads(SUPPLEMENT.read_text(encoding="utf-8"))
    known = {provider.id: provider for provider in providers if provider.id in _PROVIDERS}
    hosts = {name: known[name].api_pattern.removeprefix("https://") for name in _PROVIDERS}
    entries = (_entry(name, model, today, supplement) for name in _PROVIDERS for model in known[name].models)
    models = [entry for entry in entries if entry is not None]
    return {
        "source": f"genai-prices {version('genai-prices')}; largest outputs and provider qwen: {supplement['source']}",
        "date": today.isoformat(),
        "unit": "US dollars for a million tokens",
        "providers": {**hosts, **supplement["providers"]},
        "without_prices": supplement["without_prices"],
        "fallback": {name: known[name].fallback_model_providers or [] for name in ("azure", "google")},
        "models": models + supplement["models"],
    }


def _entry(provider: str, model: Any, today: date, supplement: dict[str, Any]) -> dict[str, Any] | None:
    names = [name for name in _names(model.match) if _is_own_name(provider, name)]
    prices = _prices(model, today)
    if any("requests_kcount" in vars(one.prices) for one in _conditional(model)):
        return None  # a fee for each request besides: tokens alone would tell too little
    if not names or not prices:
        return None
    entry: dict[str, Any] = {"provider": provider, "match": names}
    window = _first(supplement["context_window"].get(provider, {}), model.id, names) or model.context_window
    most = _first(supplement["max_output"].get(provider, {}), model.id, names)
    most_input = _first(supplement["max_input"].get(provider, {}), model.id, names)
    if window:
        entry["context_window"] = window
    if most_input:
        entry["max_input"] = most_input
    if most:
        entry["max_output"] = most
    return {**entry, "prices": prices}


def _is_own_name(provider: str, name: str) -> bool:
    """OpenRouter's names have a vendor. `:free` is a tag, whatever the model, and batches go another way."""
    if name.endswith((":free", ":batch")):
        return False
    return provider != "openrouter" or "/" in name


def _first(found: dict[str, int], name: str, names: list[str]) -> int | None:
    """What is known of the model itself, or of any of its other names: they are versions with the same limits."""
    return next((found[one] for one in (name, *names) if one in found), None)


def _names(clause: Any) -> list[str]:
    """The names that a clause takes, with * for any text, and [0-9] for the digits of a date in a regular expression.

    Other regular expressions have no such form and are left out.
    """
    kind = type(clause).__name__
    if kind == "ClauseOr":
        return [name for part in clause.or_ for name in _names(part)]
    if kind == "ClauseAnd":  # a longer name of another entry says what the second half excludes
        return _names(clause.and_[0])
    if kind == "ClauseRegex":
        return _dated(clause.regex)
    forms = {
        "ClauseEquals": ("equals", "{}"),
        "ClauseStartsWith": ("starts_with", "{}*"),
        "ClauseEndsWith": ("ends_with", "*{}"),
        "ClauseContains": ("contains", "*{}*"),
    }
    if kind not in forms:
        return []
    field, form = forms[kind]
    return [form.format(getattr(clause, field).lower())]


def _dated(regex: str) -> list[str]:
    r"""The pattern for a regular expression that is a name with a date, such as `^grok-4\.7-\d{8}$`."""
    name = re.fullmatch(r"\^((?:[a-z0-9/-]|\\\.|\[-@\])+?)((?:-?\\d(?:\{\d\})?)+)(\$?)", regex)
    if name is None:
        return []
    digits = re.sub(r"\\d(?:\{(\d)\})?", lambda found: "[0-9]" * int(found[1] or 1), name[2])
    return [name[1].replace("\\.", ".") + digits + ("" if name[3] else "*")]


def _prices(model: Any, today: date) -> list[dict[str, Any]]:
    """The prices in the order in which later ones win: now, from a day on, between two hours of a day (UTC)."""
    found: list[dict[str, Any]] = []
    for one in _conditional(model):
        since = getattr(one.constraint, "start_date", None)
        if since is not None and since <= today:
            found = []  # all before it are over
        entry = _figures(one.prices)
        if since is not None and since > today:
            entry["since"] = since.isoformat()
        if hasattr(one.constraint, "start_time"):
            start, end = one.constraint.start_time, one.constraint.end_time
            entry["hours"] = [f"{start:%H:%M}", f"{end:%H:%M}"]
        found.append(entry)
    tiers = _service_tiers(model, today)
    if tiers:
        found[0]["service_tiers"] = tiers
    return [one for one in found if "input" in one]


def _conditional(model: Any) -> list[Any]:
    """The model's prices as genai-prices' list of conditional ones, in which a single price has no condition."""
    from genai_prices.types import ConditionalPrice

    return model.prices if isinstance(model.prices, list) else [ConditionalPrice(prices=model.prices)]


def _service_tiers(model: Any, today: date) -> dict[str, dict[str, Any]]:
    """Other prices for a request that asks for them by `service_tier`; batches go another way."""
    tiers = {}
    for variant in model.price_variants or ():
        since = getattr(variant.constraint, "start_date", None)
        name = variant.when.get("service_tier") if len(variant.when) == 1 else None
        if name is not None and (since is None or since <= today) and (figures := _figures(variant.prices)):
            tiers[name] = figures
    return tiers


def _figures(prices: Any) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    tiers: dict[int, dict[str, Any]] = {}
    for name, field in _FIGURES.items():
        value = getattr(prices, field, None)
        if value is None:
            continue
        if hasattr(value, "tiers"):
            for tier in value.tiers:
                tiers.setdefault(tier.start, {})[name] = _number(tier.price)
            value = value.base
        figures[name] = _number(value)
    if tiers:
        figures["tiers"] = [{"above": start, **tiers[start]} for start in sorted(tiers)]
    return figures


def _number(value: Decimal) -> float | int:
    return int(value) if value == int(value) else float(value)


if __name__ == "__main__":
    raise SystemExit(main())
