"""GET /sluice/usage: exact sums, a key's own rows only, and all keys' for ADMIN_KEY."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from proxy.endpoints.spending import report
from proxy.store.base import NANO_PER_USD
from tests.support.core import JSON_HEAD, Listed
from tests.support.spending import ADMIN_KEY, BUDGET, EXPIRES, HELD, PROXY_KEY, Spent, asked, filled, key
from tests.support.stores import NOW

BOOKED = (
    Spent("alice", 1, "gpt-5"),
    Spent("alice", 100_000_002, "gpt-5"),
    Spent("alice", 9_007_199_254_740_990, "o3", ago=1, input=2**50, output=7),
    Spent("alice", 40, "gpt-5", ago=29),
    Spent("alice", 5_000, "gpt-5", ago=30),
    Spent("bob", 3_000_000_000, "gpt-5"),
    Spent("proxy-key-1", 20, "gpt-5"),
)
OWNER = {"sent": ADMIN_KEY}


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    return {**HELD, **filled(tmp_path / "budgets.db", BOOKED)}


def usage(settings: dict[str, str], query: str = "", sent: str | None = None, **more: Any) -> Any:
    reply, value = asked(settings, "/sluice/usage", query, sent or key(), **more)
    assert (reply.status, reply.headers.get("cache-control")) == (200, "no-store"), value
    assert reply.headers.get("access-control-allow-origin") == "*"
    return value


def test_a_key_sees_its_own_rows_limits_and_balance(settings: dict[str, str]) -> None:
    sent = key(grant=BUDGET._replace(period="day"))
    assert usage(settings, sent=sent, reserved=NANO_PER_USD) == {
        "object": "sluice.usage",
        "since": "2026-10-29",
        "until": "2026-11-27",
        "id": "id-alice",
        "name": "alice",
        "expires": EXPIRES,
        "limits": {
            "budget_usd": "5",
            "period": "day",
            "starts_again": 1_795_824_000,
            "rpm": 20,
            "tpm": 100_000,
            "parallel": 2,
        },
        "balance": {"spent_usd": "0.100000003", "reserved_usd": "1", "left_usd": "3.899999997"},
        "totals": {"calls": 4, "input": 2**50 + 30, "output": 22, "cost_usd": "9007199.354741033"},
        "rows": [
            {"day": "2026-10-29", "model": "gpt-5", "calls": 1, "input": 10, "output": 5, "cost_usd": "0.00000004"},
            {
                "day": "2026-11-26",
                "model": "o3",
                "calls": 1,
                "input": 2**50,
                "output": 7,
                "cost_usd": "9007199.25474099",
            },
            {"day": "2026-11-27", "model": "gpt-5", "calls": 2, "input": 20, "output": 10, "cost_usd": "0.100000003"},
        ],
        "rows_left_out": 0,
    }


@pytest.mark.parametrize("sent", [key(), PROXY_KEY], ids=["signed", "proxy"])
def test_what_a_call_has_cost_is_what_its_key_sees(tmp_path: Path, sent: str) -> None:
    settings = {**HELD, **filled(tmp_path / "budgets.db", []), "KEY_BUDGET_USD": "5"}
    answer = b'{"model":"gpt-4o-mini","choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":500}}'
    upstream = Listed(answer, headers=JSON_HEAD)
    body = b'{"model":"gpt-4o-mini","max_tokens":500,"messages":[{"role":"user","content":"Hello"}]}'
    assert asked(settings, "/v1/chat/completions", "", sent, "POST", upstream, body=body)[0].status == 200
    value = usage(settings, sent=sent)
    assert value["rows"] == [{"day": "2026-11-27", "model": "gpt-4o-mini", **value["totals"]}]
    assert value["totals"] == {"calls": 1, "input": 1000, "output": 500, "cost_usd": "0.00045"}
    assert value["balance"] == {"spent_usd": "0.00045", "reserved_usd": "0", "left_usd": "4.99955"}
    assert asked(settings, "/dashboard/billing/usage", "", sent)[1]["total_usage"] == 0.045


def test_a_proxy_key_has_neither_end_nor_budget(settings: dict[str, str]) -> None:
    value = usage(settings, sent=PROXY_KEY)
    assert (value["id"], value["name"], value["expires"]) == ("proxy-key-1", "proxy-key-1", None)
    assert value["limits"] == {
        "budget_usd": None,
        "period": "month",
        "starts_again": 1_796_083_200,
        "rpm": None,
        "tpm": None,
        "parallel": None,
    }
    assert value["balance"] == {"spent_usd": "0.00000002", "reserved_usd": "0", "left_usd": None}
    assert usage(settings, sent=key(grant=BUDGET._replace(period="total")))["limits"]["starts_again"] is None


def test_the_days_are_those_asked_for(settings: dict[str, str]) -> None:
    one = usage(settings, "since=2026-11-26&until=2026-11-26")
    assert [row["model"] for row in one["rows"]] == ["o3"] and one["totals"]["calls"] == 1
    assert usage(settings, "since=2026-10-28")["totals"]["cost_usd"] == "9007199.354746033"
    assert usage(settings, "until=2026-10-28")["since"] == "2026-09-29"
    assert usage(settings, "since=2020-01-01&until=2020-02-01")["totals"]["cost_usd"] == "0"
    for query in ("since=yesterday", "since=2026-11-02&until=2026-11-01", "since=2025-01-01"):
        reply, value = asked(settings, "/sluice/usage", query, key())
        assert (reply.status, value["error"]["param"]) == (400, "since")


def test_the_owner_sees_every_key(tmp_path: Path) -> None:
    booked = [*BOOKED, Spent("carol", 7), Spent("dave", 6)]
    settings = {**HELD, **filled(tmp_path / "budgets.db", booked, revoked="bob"), "REVOKED_KEYS": "carol,id-dave"}
    value = usage(settings, **OWNER)
    assert value["object"] == "sluice.usage.all" and (value["rows_left_out"], value["keys_left_out"]) == (0, 0)
    assert [(one["name"], one["cost_usd"], one["state"]) for one in value["keys"]] == [
        ("alice", "9007199.354741033", "active"),
        ("bob", "3", "revoked"),
        ("proxy-key-1", "0.00000002", "active"),
        ("carol", "0.000000007", "revoked"),
        ("dave", "0.000000006", "revoked"),
    ]
    assert value["keys"][1] == {
        "id": "id-bob",
        "name": "bob",
        "state": "revoked",
        "expires": EXPIRES,
        "first_seen": NOW,
        "last_seen": NOW,
        "calls": 1,
        "input": 10,
        "output": 5,
        "cost_usd": "3",
    }
    assert value["rows"][0] == {
        "day": "2026-10-29",
        "key": "id-alice",
        "name": "alice",
        "model": "gpt-5",
        "calls": 1,
        "input": 10,
        "output": 5,
        "cost_usd": "0.00000004",
    }
    assert value["totals"]["cost_usd"] == "9007202.354741066" and len(value["rows"]) == 7
    assert not {"limits", "balance", "name"} & set(value)


def test_a_key_without_an_end_and_one_that_has_ended(tmp_path: Path) -> None:
    store = filled(tmp_path / "budgets.db", [Spent("alice", 1)], expires=int(NOW))
    filled(tmp_path / "budgets.db", [Spent("proxy-key-1", 2)], expires=4_102_444_800)
    keys = usage({**HELD, **store}, **OWNER)["keys"]
    assert [(one["name"], one["state"], one["expires"]) for one in keys] == [
        ("proxy-key-1", "active", None),
        ("alice", "expired", NOW),
    ]


def test_a_report_is_bounded_and_its_sums_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "MAX_ROWS", 2)
    monkeypatch.setattr(report, "MAX_KEYS", 1)
    booked = [Spent("alice", 4, ago=2), Spent("bob", 2, ago=1), Spent("alice", 1, ago=0)]
    value = usage({**HELD, **filled(tmp_path / "budgets.db", booked)}, **OWNER)
    assert [row["day"] for row in value["rows"]] == ["2026-11-26", "2026-11-27"]  # the newest
    assert (value["rows_left_out"], value["keys_left_out"], value["totals"]["calls"]) == (1, 1, 3)
    assert [(one["name"], one["cost_usd"]) for one in value["keys"]] == [("alice", "0.000000005")]


def test_the_owner_is_nobody_else(settings: dict[str, str]) -> None:
    for sent, code in ((f"{ADMIN_KEY}x", "invalid_api_key"), (f"x:{ADMIN_KEY}", "invalid_api_key")):
        reply, value = asked(settings, "/sluice/usage", "", sent)
        assert (reply.status, value["error"]["code"]) == (401, code)
    assert asked(settings, "/sluice/usage")[1]["error"]["code"] == "missing_api_key"


def test_the_owner_of_an_endpoint_without_a_key_sees_what_was_spent_before(tmp_path: Path) -> None:
    settings = {**filled(tmp_path / "budgets.db", BOOKED), "ADMIN_KEY": ADMIN_KEY}
    assert usage(settings, **OWNER)["totals"]["calls"] == 6
    reply, value = asked(settings, "/sluice/usage", "", "sk-own")
    assert (reply.status, value["error"]["code"]) == (404, "not_counted")
    assert "your own provider key" in value["error"]["message"]


def test_without_a_store_it_says_so() -> None:
    for sent in (PROXY_KEY, ADMIN_KEY):
        reply, value = asked(HELD, "/sluice/usage", "", sent)
        assert (reply.status, value["error"]["code"]) == (404, "not_counted")


def test_it_can_only_be_read_and_a_failing_store_is_told(settings: dict[str, str], tmp_path: Path) -> None:
    assert asked(settings, "/sluice/usage", "", key(), "POST")[0].status == 405
    assert asked(settings, "/sluice/usage", "", key(), "HEAD")[0].status == 200
    broken = {**HELD, "STORE": f"sqlite:{tmp_path / 'missing' / 'budgets.db'}"}
    for sent in (key(), ADMIN_KEY):
        assert asked(broken, "/sluice/usage", "", sent)[0].status == 503


@pytest.mark.parametrize("prefix", ["", "/v1", "/release", "/release/v1", "/prod/my-own/v1"])
def test_every_spelling_leads_there_and_nothing_goes_up(settings: dict[str, str], prefix: str) -> None:
    upstream = Listed(b"{}")
    reply, value = asked(settings, f"{prefix}/sluice/usage", "", key(), upstream=upstream)
    assert (reply.status, value["object"], upstream.sent) == (200, "sluice.usage", [])
