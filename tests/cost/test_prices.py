"""Prices: the table compared with its source package, unknown prices, and the owner's file."""

from __future__ import annotations

import datetime as dt
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from proxy import startup
from proxy.cost import price_table, prices
from proxy.cost.prices import Price, Tokens, find
from proxy.errors import ConfigError
from tools import prices as making

OLD = pytest.mark.skipif(sys.version_info < (3, 11), reason="genai-prices, which the table is made of, wants 3.11")
NOON = dt.datetime(2026, 11, 25, 12, 0, tzinfo=dt.timezone.utc).timestamp()
NIGHT = dt.datetime(2026, 11, 25, 2, 0, tzinfo=dt.timezone.utc).timestamp()
OPENAI = "https://api.openai.com/v1"


@OLD
def test_the_table_says_what_the_package_says(tmp_path: Path) -> None:
    """Every model by each of its names, with small and large prompts, by day and by night."""
    from genai_prices import Usage, calc_price
    from genai_prices.data import providers

    compared = 0
    models = making.make(dt.date(2026, 11, 24))["models"]
    for provider in (item for item in providers if item.id in making._PROVIDERS):
        entries = [entry for entry in models if entry["provider"] == provider.id]
        for model in provider.models:
            for name in {
                model.id.lower(),
                *(pattern.replace("*", "").replace("[0-9]", "1") for pattern in making._names(model.match)),
            }:
                entry = price_table.match(entries, name)
                if entry is None:
                    continue
                for at in (NOON, NIGHT):
                    for used in (Tokens(1000, 500, 200), Tokens(300_000, 500)):
                        usage = Usage(input_tokens=used.input, output_tokens=used.output, cache_read_tokens=used.cached)
                        when = dt.datetime.fromtimestamp(at, dt.timezone.utc)
                        expected = calc_price(usage, name, provider_id=provider.id, genai_request_timestamp=when)
                        cost = Price("", "", None, None, tuple(entry["prices"])).cost(used, at)
                        if cost is not None:  # a model that only takes in has no price for what it gives back
                            assert abs(cost - expected.total_price) < Decimal("1e-9"), (provider.id, name)
                            compared += 1
    assert compared > 3000


@OLD
def test_the_table_is_made_with_its_date_and_sources(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "prices.json"
    assert making.main(dt.date(2026, 11, 24), target) == 0
    table = json.loads(target.read_text())
    assert table["date"] == "2026-11-24" and "genai-prices" in table["source"] and "litellm" in table["source"]
    assert f"{len(table['models'])} models" in capsys.readouterr().out
    providers = {entry["provider"] for entry in table["models"]}
    assert {
        "openai",
        "deepseek",
        "moonshotai",
        "qwen",
        "zhipuai",
        "anthropic",
        "google",
        "mistral",
        "groq",
    } <= providers
    assert json.loads(price_table.TABLE.read_text())["providers"] == table["providers"]


@OLD
def test_prices_to_come_are_kept_and_those_that_are_over_are_not() -> None:
    class Model:
        price_variants = None

    from genai_prices.types import ConditionalPrice, ModelPrice, StartDateConstraint, TieredPrices

    def priced(amount: str) -> Any:
        return ModelPrice(input_mtok=Decimal(amount), output_mtok=TieredPrices(base=Decimal(amount), tiers=[]))

    model: Any = Model()
    model.prices = [
        ConditionalPrice(prices=priced("1")),
        ConditionalPrice(constraint=StartDateConstraint(start_date=dt.date(2026, 1, 1)), prices=priced("2")),
        ConditionalPrice(constraint=StartDateConstraint(start_date=dt.date(2027, 1, 1)), prices=priced("3.5")),
    ]
    table = making._prices(model, dt.date(2026, 11, 24))
    assert table == [{"input": 2, "output": 2}, {"input": 3.5, "output": 3.5, "since": "2027-01-01"}]
    price = Price("p", "d", None, None, tuple(table))
    later = dt.datetime(2027, 3, 1, tzinfo=dt.timezone.utc).timestamp()
    assert [price.cost(Tokens(1_000_000, 0), at) for at in (NOON, later)] == [Decimal(2), Decimal("3.5")]


@pytest.mark.parametrize(
    ("model", "base_url", "provider"),
    [
        ("gpt-4o", OPENAI, "openai"),
        ("GPT-4o", None, "openai"),
        ("openai/gpt-4o", None, "openai"),
        ("gpt-4o-2024-11-20", "https://relay.example/v1", "openai"),
        ("gpt-4o", "https://mine.openai.azure.com/openai/v1", "openai"),
        ("deepseek-chat", "https://api.deepseek.com/v1", "deepseek"),
        ("qwen-plus", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "qwen"),
        ("glm-4.6", None, "zai"),
        ("claude-sonnet-4-5", None, "anthropic"),
        ("gemini-2.5-pro", "https://generativelanguage.googleapis.com/v1beta/openai", "google"),
        ("deepseek-chat", OPENAI, None),
        ("no-such-model", None, None),
    ],
)
def test_whose_price_it_is(model: str, base_url: str | None, provider: str | None) -> None:
    price = find(model, base_url)
    assert (price.provider if price else None) == provider


def test_limits_come_with_the_price() -> None:
    small = find("gpt-4o-mini", OPENAI)
    assert small and (small.context_window, small.max_output) == (128_000, 16_384)
    assert (small.cost(Tokens(1_000_000, 1_000_000), NOON)) == Decimal("0.75")
    long = find("gpt-4.1", OPENAI)
    assert long and long.context_window == 1_047_576
    assert small.date == prices.table_date() and len(small.date) == 10


def test_parts_of_the_input_have_prices_of_their_own() -> None:
    entry = {"input": 10, "output": 100, "cached_input": 1, "cache_write": 12, "reasoning": 50, "audio_input": 1000}
    price = Price("p", "d", None, None, (entry,))
    used = Tokens(1000, 100, cached=300, cache_write=100, reasoning=40, audio_input=10, audio_output=5)
    plain = (1000 - 300 - 100 - 10) * 10 + (100 - 40 - 5) * 100
    assert price.cost(used, NOON) == Decimal(plain + 300 * 1 + 100 * 12 + 10 * 1000 + 40 * 50 + 5 * 100) / 1_000_000
    assert Price("p", "d", None, None, ({"input": 1},)).cost(Tokens(1, 1), NOON) is None
    assert Price("p", "d", None, None, ({"input": 1},)).cost(Tokens(1, 0), NOON) == Decimal("0.000001")
    assert Price("p", "d", None, None, ({},)).cost(Tokens(1, 0), NOON) is None


def test_service_tiers_and_long_prompts_cost_what_they_cost() -> None:
    entry = {
        "input": 1,
        "output": 2,
        "tiers": [{"above": 100, "input": 3}],
        "service_tiers": {"flex": {"input": 0.5, "output": 1}},
    }
    price = Price("p", "d", None, None, (entry,))
    assert price.cost(Tokens(100, 0), NOON) == Decimal("0.0001")
    assert price.cost(Tokens(101, 0), NOON) == Decimal("0.000303")
    assert price.cost(Tokens(100, 0), NOON, "flex") == Decimal("0.00005")
    assert price.cost(Tokens(100, 0), NOON, "other") == Decimal("0.0001")


def test_hours_may_reach_over_midnight() -> None:
    entries = ({"input": 1, "output": 1}, {"input": 2, "output": 2, "hours": ["23:00", "03:00"]})
    price = Price("p", "d", None, None, entries)
    assert [price.cost(Tokens(1_000_000, 0), at) for at in (NOON, NIGHT)] == [1, 2]


def test_the_owner_s_file_comes_first(tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    entries = [{"match": ["Mine*", "gpt-4o"], "input": 0.1, "output": 0.2, "context_window": 1000}]
    own.write_text(json.dumps({"date": "2026-01-02", "models": entries}))
    price = find("mine-large", OPENAI, str(own))
    assert price and (price.provider, price.date, price.context_window) == ("own", "2026-01-02", 1000)
    assert price.cost(Tokens(1_000_000, 1_000_000), NOON) == Decimal("0.3")
    assert find("gpt-4o-mini", OPENAI, str(own)) == find("gpt-4o-mini", OPENAI)
    assert startup.load({"PRICES_FILE": str(own)}).prices_file == str(own)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        '{"models": 5}',
        '{"models": [5]}',
        '{"models": [{"match": "x", "input": 1, "output": 1}]}',
        '{"models": [{"match": ["x"], "output": 1}]}',
        '{"models": [{"match": ["x"], "input": "1", "output": 1}]}',
        '{"models": [{"match": ["x"], "input": 1, "output": -1}]}',
        '{"models": [{"match": ["x"], "input": true}]}',
    ],
)
def test_a_file_that_cannot_be_used_stops_start_up(text: str, tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    own.write_text(text)
    with pytest.raises(ConfigError, match="PRICES_FILE names"):
        startup.load({"PRICES_FILE": str(own)})


def test_without_the_table_nothing_has_a_price(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(price_table, "TABLE", tmp_path / "none.json")
    price_table.load.cache_clear()
    find.cache_clear()
    try:
        assert find("gpt-4o", OPENAI) is None and prices.table_date() == ""
    finally:
        price_table.load.cache_clear()
        find.cache_clear()
