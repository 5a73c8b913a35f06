"""Budgets on Workers, through the store that needs only fetch: Redis over HTTPS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.store.base import NANO_PER_USD, usd
from tests.support.budgets import SECRET, key
from tests.support.client import Connection, call
from tests.support.guards import chat
from tests.support.metered import DONE, TEXT, USAGE
from tests.support.redis_rest import TOKEN, rest_server
from tests.support.redis_server import RedisServer, redis_server
from tests.support.stores import Backend
from tests.support.talk import wait_for
from tests.support.upstream import SSE_HEAD, Upstream, Wait, chunk, stream
from tests.support.workers import Workers

pytestmark = pytest.mark.any_python("Pyodide brings the Python that runs the Worker")
CHATS = "/v1/chat/completions"
COST = (8 * 150 + 2 * 600) / NANO_PER_USD  # of gpt-4o-mini


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path) as server:
        yield server


@pytest.fixture
def variables(redis: RedisServer, upstream: Upstream) -> Iterator[dict[str, str]]:
    with rest_server(redis.port) as url:
        yield {
            "OPENAI_BASE_URL": upstream.url,
            "OPENAI_API_KEY": "sk-owner-0123456789abcdef",
            "SIGNING_SECRET": SECRET,
            "STORE": url,
            "STORE_TOKEN": TOKEN,
            "STORE_TIMEOUT_MS": "60000",
        }


def sent(budget_usd: float) -> tuple[tuple[str, str], ...]:
    return (("Authorization", f"Bearer {key(budget_usd=budget_usd)}"), ("Content-Type", "application/json"))


def spent(variables: dict[str, str]) -> list[tuple[int, int]]:
    """Calls and their cost, by the store itself."""
    store = Backend("rest", {name: variables[name] for name in ("STORE", "STORE_TOKEN")})
    rows = store.run(lambda made: made.spending("2026-01-01", "2099-12-31"))
    return [(row.calls, row.cost) for row in rows]


def test_a_stream_is_reserved_and_booked(workers: Workers, upstream: Upstream, variables: dict[str, str]) -> None:
    upstream.play(stream(TEXT, USAGE, DONE))
    answer = call(workers.at(variables), "POST", CHATS, sent(1), json.dumps(chat(stream=True)).encode())
    assert answer.status == 200 and answer.body == TEXT + DONE
    left = float(answer.header("x-sluice-budget-remaining-usd") or 0)
    assert 0.99 < left < 1 - 4_096 * 600 / NANO_PER_USD
    assert spent(variables) == [(1, round(COST * NANO_PER_USD))]
    line = workers.line(answer.header("x-sluice-request-id"))
    assert line["cost_usd"] == float(usd(round(COST * NANO_PER_USD)))


def test_an_empty_budget_is_refused(workers: Workers, upstream: Upstream, variables: dict[str, str]) -> None:
    answer = call(workers.at(variables), "POST", CHATS, sent(0.001), json.dumps(chat()).encode())
    assert (answer.status, answer.json()["error"]["code"]) == (429, "insufficient_quota")
    assert not upstream.received and not spent(variables)


def test_a_caller_who_leaves_does_not_keep_the_store_from_being_told(
    workers: Workers, upstream: Upstream, variables: dict[str, str]
) -> None:
    upstream.play((SSE_HEAD, chunk(TEXT), Wait()))
    connection = Connection(workers.at(variables))
    connection.send("POST", CHATS, sent(1), json.dumps(chat(stream=True)).encode())
    head = connection.head()
    next(iter(connection.writes(head)))
    connection.close()
    wait_for(lambda: bool(spent(variables)))
    assert spent(variables)[0][0] == 1


@pytest.mark.parametrize("address", ["sqlite:/tmp/x.db", "redis://127.0.0.1:1/0"])
def test_stores_that_cannot_work_there_say_what_to_set(workers: Workers, address: str) -> None:
    settings: dict[str, Any] = {
        "OPENAI_API_KEY": "sk-owner-0123456789abcdef",
        "SIGNING_SECRET": SECRET,
        "STORE": address,
    }
    answer = call(workers.at(settings), "POST", CHATS, sent(1), b"{}")
    error = answer.json()["error"]
    assert (answer.status, error["code"], error["param"]) == (500, "configuration_error", "STORE")
    assert "https://" in error["message"]
