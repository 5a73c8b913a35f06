"""What a limit on cost goes by is never less than what metering calculates for the same call."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from proxy.cost import price_bounds, price_table
from proxy.cost.prices import MILLION, Price, Tokens
from tests.support.cost import CHAT, COST, send

HOURS = [dt.datetime(2026, 11, 26, hour, 30, tzinfo=dt.timezone.utc).timestamp() for hour in (0, 2, 7, 12, 17)]
# Tokens of each kind alone: a cost is linear in them, so any mixture lies between.
SPLITS: tuple[dict[str, int], ...] = (
    {},
    {"cached": 1000},
    {"cache_write": 1000},
    {"cache_write": 1000, "cache_write_1h": 1000},
    {"reasoning": 500},
)


def test_the_bound_holds_for_every_model_of_the_table() -> None:
    compared = 0
    for entry in price_table.load(None)["models"]:
        price = Price(entry["provider"], "", None, None, tuple(entry["prices"]))
        for at in HOURS:
            figures = price.figures(1000, at)
            if figures is None or "output" not in figures:
                continue
            prices = price_bounds._highest_prices({}, price, at, None, (1000, True))
            bound = (prices[0] * 1000 + prices[1] * 500) / MILLION
            for split in SPLITS:
                cost = price.cost(Tokens(1000, 500, **split), at)
                assert cost is not None and Decimal(0) <= cost <= bound, (entry["match"], split)
                compared += 1
    assert compared > 10_000


@pytest.mark.parametrize(
    "model", ["deepseek-r1:7b", "gpt-4o:free", "someone/gpt-4o", "ft:gpt-5-mini-2025-08-07:acme::x", "gpt-4o-of-mine"]
)
def test_a_name_that_may_mean_another_model_does_not_go_up_under_a_limit(model: str) -> None:
    request: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 10}
    _, error, went_up = send(request, COST, CHAT)
    assert error is not None and error["code"] == "cost_limit_exceeded" and went_up is None
    assert "the price of this model is not known here" in error["message"]
