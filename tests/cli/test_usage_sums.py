"""What a line adds to the table, and the sums by group."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from proxy.cli.usage import grouping, rows
from proxy.cli.usage.grouping import OTHER, Table, Window
from proxy.cli.usage.options import GROUPS
from proxy.cli.usage.rows import Row
from tests.support.log_exports import fields
from tests.support.usage_rows import MAKE, parsed, row


def test_groups_are_the_names_of_a_row() -> None:
    assert tuple(name.replace("-", "_") for name in GROUPS) == Row._fields[: len(GROUPS)]


def test_a_call_s_line_becomes_a_row() -> None:
    assert row() == Row(
        key="alice/3fa2c1",
        model="gpt-5.4-mini",
        response_model="gpt-5.4-mini-2026-03-17",
        day="2026-11-27",
        upstream="openai",
        path="/v1/chat/completions",
        platform="server",
        status="200",
        calls=1,
        failed_calls=0,
        input_tokens=1000,
        cached_input_tokens=256,
        output_tokens=51,
        estimated_tokens=0,
        unpriced_calls=0,
        cost_usd=Decimal("0.000015"),
    )


def test_fields_may_be_texts() -> None:
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields().items()}
    assert MAKE(texts) == row()


def test_a_model_has_one_name_at_least() -> None:
    assert row(**{"gen_ai.request.model": None}).model == "gpt-5.4-mini-2026-03-17"
    assert row(**{"gen_ai.response.model": None}).response_model == "gpt-5.4-mini"
    bare = row(**{"gen_ai.request.model": None, "gen_ai.response.model": None, "key_id": None, "upstream": None})
    assert (bare.model, bare.response_model, bare.key, bare.upstream) == ("-",) * 4
    assert len(row(key_id="x" * 1_000).key) == 200


@pytest.mark.parametrize(
    ("changes", "failed", "unpriced"),
    [
        ({"cost_usd": None}, 0, 1),
        ({"cost_usd": None, "method": "GET"}, 0, 0),
        ({"cost_usd": None, "upstream": None}, 0, 0),
        ({"cost_usd": None, "status": 429}, 1, 0),
        ({"cost_usd": 0}, 0, 0),
        ({"ending": "client_disconnected"}, 0, 0),
        ({"ending": "handed_over"}, 0, 0),
        ({"ending": "upstream_disconnected"}, 1, 0),
        ({"ending": None}, 0, 0),
    ],
)
def test_failed_and_unpriced_calls(changes: dict[str, Any], failed: int, unpriced: int) -> None:
    made = row(**changes)
    assert (made.failed_calls, made.unpriced_calls) == (failed, unpriced)


@pytest.mark.parametrize("source", ["estimate", "at_least"])
def test_tokens_that_sluice_counted_are_estimated(source: str) -> None:
    assert row(usage_source=source).estimated_tokens == 1051


@pytest.mark.parametrize(
    "changes",
    [
        {"status": None, "event": "crash"},
        {"status": "x"},
        {"method": "GET", "path": "/healthz", "upstream": None},
        {"method": "OPTIONS", "upstream": None},
    ],
)
def test_events_and_probes_are_no_calls(changes: dict[str, Any]) -> None:
    assert MAKE(parsed(**changes)) is None


def test_a_refused_call_is_a_call() -> None:
    assert row(upstream=None, status=401, ending="invalid_api_key").failed_calls == 1


@pytest.mark.parametrize("tokens", [-1, 10**13, "1" * 40, "½", "-1", True, [1], 2.5, None])
def test_an_implausible_count_is_none(tokens: Any) -> None:
    assert row(**{"gen_ai.usage.output_tokens": tokens}).output_tokens == 0


@pytest.mark.parametrize("cost", ["x", "NaN", "Infinity", "-1", -1, 1e12, "1e-30", "1e999999", True, [1], {"a": 1}])
def test_an_implausible_cost_is_none(cost: Any) -> None:
    made = row(cost_usd=cost)
    assert made.cost_usd == 0 and made.unpriced_calls == 1


@pytest.mark.parametrize(
    ("timestamp", "hours", "day"),
    [
        ("2026-11-27T15:59:59.000Z", 8, "2026-11-27"),
        ("2026-11-27T16:00:00.000Z", 8, "2026-11-28"),
        ("2026-11-27T04:59:59.000Z", -5, "2026-11-26"),
        ("2026-13-27T04:59:59.000Z", 0, "-"),
        ("9999-12-31T23:59:59.000Z", 1, "-"),
        ("yesterday", 0, "-"),
        (17, 0, "-"),
        (None, 0, "-"),
    ],
)
def test_days_begin_at_midnight_of_the_offset(timestamp: Any, hours: int, day: str) -> None:
    made = rows.maker(timedelta(hours=hours))(parsed(timestamp=timestamp))
    assert made is not None and made.day == day


def test_sums_are_exact() -> None:
    table = Table(("key",))
    for number in range(1, 10_001):
        table.add(row(cost_usd=f"0.{number:010d}", **{"gen_ai.usage.output_tokens": number}))
    table.add(row(cost_usd="999999999.99999999999999999999"))
    ((_, sums),) = table.groups()
    assert sums["cost_usd"] == Decimal("1000000000.00500049999999999999")  # more digits than Decimal adds by default
    assert sums["output_tokens"] == 50_005_000 + 51 and sums["calls"] == 10_001
    assert sums.figures == table.total().figures


def test_the_share_of_estimates_is_by_tokens() -> None:
    table = Table(("key",))
    assert table.total().estimated_share is None
    table.add(row(usage_source="estimate"))
    for _ in range(3):
        table.add(row())
    assert table.total().estimated_share == 0.25


def test_the_most_expensive_group_comes_first() -> None:
    table = Table(("key", "status"))
    for key, cost in (("b", 1), ("a", 1), ("c", 2), ("d", 0)):
        table.add(row(key_id=key, cost_usd=cost))
    assert [names for names, _ in table.groups()] == [("c", "200"), ("a", "200"), ("b", "200"), ("d", "200")]


def test_groups_by_day_are_in_the_order_of_days() -> None:
    table = Table(("day", "key"))
    for day, key, cost in (("02", "a", 9), ("01", "a", 1), ("01", "b", 2)):
        table.add(row(timestamp=f"2026-11-{day}T00:00:00.000Z", key_id=key, cost_usd=cost))
    assert [names for names, _ in table.groups()] == [
        ("2026-11-01", "b"),
        ("2026-11-01", "a"),
        ("2026-11-02", "a"),
    ]


def test_the_number_of_groups_is_bounded() -> None:
    table = Table(("key", "model"), max_groups=2)
    for key in ("a", "b", "c", "d", "a"):
        table.add(row(key_id=key))
    groups = table.groups()
    assert [names[0] for names, _ in groups] == ["a", "b", OTHER] and groups[2][0] == (OTHER, OTHER)
    assert groups[2][1]["calls"] == 2 and table.total()["calls"] == 5


def test_a_store_s_sums_are_rows_too() -> None:
    table = Table(("key",))
    table.add(row()._replace(calls=7, cost_usd=Decimal("1.5")))
    table.add(row())
    assert table.total()["calls"] == 8 and table.total()["cost_usd"] == Decimal("1.500015")


def test_an_id_is_remembered_within_the_window() -> None:
    window = Window(calls=3)
    assert not any(window.has(str(number)) for number in range(5)) and window.is_full
    assert window.has("0") and window.has("4") and window.duplicates == 2
    assert not any(window.has(str(number)) for number in range(5, 12))
    assert not window.has("0")  # long ago
    assert grouping.WINDOW_CALLS == 500_000
