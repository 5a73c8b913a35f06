"""A key's balance where apps look for it: what they subtract is what is left, and no key sees another one's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from proxy.call import Grant
from proxy.store.base import MAX_AMOUNT, NANO_PER_USD
from tests.support.core import JSON_HEAD, Listed
from tests.support.spending import ADMIN_KEY, BUDGET, EXPIRES, HELD, PROXY_KEY, Spent, asked, filled, key

NAMES = ("subscription", "usage", "credit_grants")
BOOKED = (
    Spent("alice", 1_230_000_001, "gpt-5"),
    Spent("alice", 20_000_000, "o3", ago=1),
    Spent("alice", 700_000_000, "gpt-5", ago=40),  # in another month
    Spent("bob", 3_000_000_000, "gpt-5"),
    Spent("proxy-key-1", 50_000_000, "gpt-5"),
)
MONTH_BEGINS, MONTH_ENDS = 1_793_491_200, 1_796_083_200  # 2026-11-01 and 2026-12-01


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    return {**HELD, **filled(tmp_path / "budgets.db", BOOKED)}


def billing(settings: dict[str, str], name: str, query: str = "", sent: str | None = None) -> Any:
    reply, value = asked(settings, f"/v1/dashboard/billing/{name}", query, sent or key())
    assert (reply.status, reply.headers.get("cache-control")) == (200, "no-store")
    assert reply.headers.get("content-type") == "application/json"
    return value


def test_what_apps_subtract_is_what_is_left_in_the_period(settings: dict[str, str]) -> None:
    subscription = billing(settings, "subscription")
    assert subscription == {
        "object": "billing_subscription",
        "has_payment_method": True,
        "soft_limit_usd": 5,
        "hard_limit_usd": 5,
        "system_hard_limit_usd": 5,
        "access_until": EXPIRES,
    }
    # NextChat asks for this month, others for the last hundred days or for none: the total is always the period's.
    for query in ("", "start_date=2026-11-01&end_date=2026-11-28", "start_date=2026-08-19&end_date=2026-11-27"):
        usage = billing(settings, "usage", query)
        assert usage["object"] == "list" and usage["total_usage"] == 125.0000001
        assert round(subscription["hard_limit_usd"] - usage["total_usage"] / 100, 9) == 3.749999999


def test_the_grant_is_the_period_s_budget(settings: dict[str, str]) -> None:
    assert billing(settings, "credit_grants") == {
        "object": "credit_summary",
        "total_granted": 5,
        "total_used": 1.250000001,
        "total_available": 3.749999999,
        "grants": {
            "object": "list",
            "data": [
                {
                    "object": "credit_grant",
                    "id": "2026-11",
                    "grant_amount": 5,
                    "used_amount": 1.250000001,
                    "effective_at": MONTH_BEGINS,
                    "expires_at": MONTH_ENDS,
                }
            ],
        },
    }


@pytest.mark.parametrize(
    ("period", "used", "begins", "ends"),
    [
        ("day", 1.230000001, 1_795_737_600, 1_795_824_000),
        ("total", 1.950000001, 0, EXPIRES),
        ("month", 1.250000001, MONTH_BEGINS, MONTH_ENDS),
    ],
)
def test_each_period_has_its_bounds(settings: dict[str, str], period: str, used: float, begins: int, ends: int) -> None:
    sent = key(grant=BUDGET._replace(period=period))
    grants = billing(settings, "credit_grants", sent=sent)
    assert grants["total_used"] == used
    assert [(one["effective_at"], one["expires_at"]) for one in grants["grants"]["data"]] == [(begins, ends)]
    assert billing(settings, "usage", sent=sent)["total_usage"] == round(used * 100, 7)


def test_a_key_that_ends_before_its_period_says_so(settings: dict[str, str]) -> None:
    sent = key(expires=MONTH_ENDS - 3_600)
    assert billing(settings, "credit_grants", sent=sent)["grants"]["data"][0]["expires_at"] == MONTH_ENDS - 3_600


def test_an_overdrawn_budget_has_nothing_left(settings: dict[str, str]) -> None:
    sent = key(grant=BUDGET._replace(budget=NANO_PER_USD))
    assert billing(settings, "credit_grants", sent=sent)["total_available"] == 0
    assert billing(settings, "subscription", sent=sent)["hard_limit_usd"] == 1


def test_without_a_budget_the_limit_is_the_number_for_none(settings: dict[str, str]) -> None:
    sent = key("bob", Grant())
    assert billing(settings, "subscription", sent=sent)["system_hard_limit_usd"] == 100_000_000
    assert billing(settings, "usage", sent=sent)["total_usage"] == 300
    grants = billing(settings, "credit_grants", sent=sent)
    assert (grants["total_granted"], grants["total_used"], grants["total_available"]) == (100_000_000, 3, 99_999_997)


def test_the_owner_s_budget_holds_for_keys_without_one_and_proxy_keys_never_end(settings: dict[str, str]) -> None:
    limited = {**settings, "KEY_BUDGET_USD": "0.25", "KEY_BUDGET_PER": "day"}
    subscription = billing(limited, "subscription", sent=PROXY_KEY)
    assert (subscription["hard_limit_usd"], subscription["access_until"]) == (0.25, 0)
    assert billing(limited, "usage", sent=PROXY_KEY)["total_usage"] == 5


def test_reservations_are_not_spent(settings: dict[str, str]) -> None:
    reply, value = asked(settings, "/dashboard/billing/usage", "", key(), reserved=2 * NANO_PER_USD)
    assert reply.status == 200 and value["total_usage"] == 125.0000001


def test_days_have_the_cost_of_each_model_in_cents(settings: dict[str, str]) -> None:
    usage = billing(settings, "usage", "start_date=2026-11-26&end_date=2026-11-27")
    assert usage["daily_costs"] == [
        {"timestamp": 1_795_651_200.0, "line_items": [{"name": "o3", "cost": 2}]},
        {"timestamp": 1_795_737_600.0, "line_items": [{"name": "gpt-5", "cost": 123.0000001}]},
    ]
    older = billing(settings, "usage", "start_date=2026-10-01&end_date=2026-10-31")
    assert [day["line_items"] for day in older["daily_costs"]] == [[{"name": "gpt-5", "cost": 70}]]
    assert len(billing(settings, "usage", "end_date=2026-11-26")["daily_costs"]) == 1  # from the first of its month
    assert billing(settings, "usage", "start_date=2026-11-28")["daily_costs"] == []  # tomorrow, where the caller is


def test_the_largest_amount_is_exact(tmp_path: Path) -> None:
    settings = {**HELD, **filled(tmp_path / "budgets.db", [Spent("alice", MAX_AMOUNT)])}
    assert billing(settings, "credit_grants")["total_used"] == 9007199.254740991


def test_thousands_of_rows_are_added_in_turns(tmp_path: Path) -> None:
    booked = [Spent("alice", 1, f"model-{number % 50}", ago=number // 50) for number in range(2_100)]
    settings = {**HELD, **filled(tmp_path / "budgets.db", booked)}
    days = billing(settings, "usage", "start_date=2026-10-01&end_date=2026-11-27")["daily_costs"]
    assert [len(day["line_items"]) for day in days] == [50] * 42


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("start_date=2026-11-31", "start_date is not a day. Write it as YYYY-MM-DD"),
        ("start_date=20261127", "start_date is not a day"),
        ("start_date=1999-12-31", "start_date is not a day"),
        ("end_date=%D9%A2%D9%A0%D9%A2%D9%A6-11-27", "end_date is not a day"),
        ("start_date=2026-11-02&end_date=2026-11-01", "start_date is later than end_date. Swap them."),
        ("start_date=2025-10-23&end_date=2026-11-27", "start_date and end_date span more than 400 days"),
        ("&".join(f"x{number}=1" for number in range(30)), "more than 20 parameters"),
    ],
)
def test_days_that_make_no_sense_are_refused(settings: dict[str, str], query: str, says: str) -> None:
    reply, value = asked(settings, "/v1/dashboard/billing/usage", query, key())
    assert reply.status == 400 and says in value["error"]["message"]


def test_four_hundred_days_are_not_too_many(settings: dict[str, str]) -> None:
    assert len(billing(settings, "usage", "start_date=2025-10-24&end_date=2026-11-27")["daily_costs"]) == 3


@pytest.mark.parametrize(
    "prefix", ["", "/v1", "/release", "/release/v1", "/v1/v1", "/prod/my-own/v1", "/v1/chat/completions"]
)
@pytest.mark.parametrize("name", NAMES)
def test_every_spelling_leads_there(settings: dict[str, str], prefix: str, name: str) -> None:
    reply, value = asked(settings, f"{prefix}/dashboard/billing/{name}/", "", key())
    assert reply.status == 200 and value["object"]


def test_a_key_for_certain_paths_and_models_sees_its_balance_too(settings: dict[str, str]) -> None:
    sent = key(grant=BUDGET._replace(paths=("embeddings",), models=("gpt-5",)))
    assert billing(settings, "subscription", sent=sent)["hard_limit_usd"] == 5


@pytest.mark.parametrize("name", NAMES)
def test_it_can_only_be_read(settings: dict[str, str], name: str) -> None:
    for method in ("POST", "DELETE"):
        reply, value = asked(settings, f"/v1/dashboard/billing/{name}", "", key(), method)
        assert (reply.status, value["error"]["code"]) == (405, "method_not_allowed")
    assert asked(settings, f"/v1/dashboard/billing/{name}", "", key(), "HEAD")[0].status == 200


@pytest.mark.parametrize("name", NAMES)
def test_without_a_valid_key_there_is_nothing(settings: dict[str, str], name: str) -> None:
    for sent, code in ((None, "missing_api_key"), ("sk-wrong", "invalid_api_key"), (ADMIN_KEY, "invalid_api_key")):
        reply, value = asked(settings, f"/dashboard/billing/{name}", "", sent)
        assert (reply.status, value["error"]["code"]) == (401, code)


@pytest.mark.parametrize("name", NAMES)
def test_without_a_store_it_says_why_even_if_the_owner_opened_all_paths(name: str) -> None:
    plain = {name: value for name, value in HELD.items() if name != "ADMIN_KEY"}
    for more in (dict[str, str](), {"ALLOW_PATHS": "*"}, {"ALLOW_PATHS": "dashboard"}):
        upstream = Listed(b"{}", headers=JSON_HEAD)
        reply, value = asked({**plain, **more}, f"/v1/dashboard/billing/{name}", "", PROXY_KEY, upstream=upstream)
        assert (reply.status, value["error"]["code"], upstream.sent) == (404, "not_counted", [])
        assert "set STORE" in value["error"]["message"]


def test_a_store_that_fails_is_no_balance_whatever_happens_to_calls(tmp_path: Path) -> None:
    broken = {**HELD, "STORE": f"sqlite:{tmp_path / 'missing' / 'budgets.db'}", "STORE_ON_ERROR": "open"}
    for name in NAMES:
        reply, value = asked(broken, f"/v1/dashboard/billing/{name}", "", key())
        assert (reply.status, value["error"]["code"]) == (503, "store_unavailable")


@pytest.mark.parametrize("path", ["/v1/dashboard/billing/usage", "/release/dashboard/billing/usage"])
def test_a_caller_s_own_key_asks_its_provider(tmp_path: Path, path: str) -> None:
    for store in (dict[str, str](), filled(tmp_path / "budgets.db", [])):
        upstream = Listed(b'{"total_usage":7}', headers=JSON_HEAD)
        reply, value = asked(store, path, "start_date=x", "sk-caller", upstream=upstream)
        assert (reply.status, value) == (200, {"total_usage": 7})
        (sent,) = upstream.sent
        assert (sent.path, sent.query, sent.target.key) == ("dashboard/billing/usage", "start_date=x", "sk-caller")


@pytest.mark.parametrize(
    "path", ["dashboard", "dashboard/billing", "dashboard/billing/invoices", "dashboard/billing/usage/x", "dashboard/x"]
)
def test_nothing_else_below_opens_with_the_server_s_key(settings: dict[str, str], path: str) -> None:
    upstream = Listed(b"{}", headers=JSON_HEAD)
    reply, value = asked(settings, f"/v1/{path}", "", key(), upstream=upstream)
    assert (reply.status, value["error"]["code"], upstream.sent) == (403, "path_not_allowed", [])
    reply, value = asked(settings, f"/{path}", "", key(), upstream=upstream)
    assert (reply.status, value["error"]["code"], upstream.sent) == (404, "unknown_path", [])


@pytest.mark.parametrize(
    "path",
    ["Dashboard/billing/usage", "dashboard/billing/usag%65", "dashboard/billing%2fusage", "dashboard/billing/usage;x"],
)
def test_another_spelling_does_not_go_around_it(settings: dict[str, str], path: str) -> None:
    upstream = Listed(b"{}", headers=JSON_HEAD)
    reply, value = asked({**settings, "ALLOW_PATHS": "*"}, f"/v1/{path}", "", key(), upstream=upstream)
    assert (reply.status, value["error"]["code"], upstream.sent) == (400, "bad_path", [])
