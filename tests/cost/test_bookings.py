"""What could not be booked is kept and booked later, once; and STORE_ON_ERROR decides about calls meanwhile."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from proxy.cost import bookings
from proxy.cost.bookings import Bookings
from tests.support import fake_clock
from tests.support.budgets import COST, Endpoint, key, whole
from tests.support.core import Listed, error_of
from tests.support.guards import chat
from tests.support.metered import DONE, TEXT, USAGE

SENT = key(budget_usd=1)


def test_a_closed_store_refuses_calls_and_says_why_in_the_log() -> None:
    endpoint = Endpoint()
    endpoint.store.broken = {"reserve"}
    reply, _ = endpoint.run(upstream := whole(), chat(), SENT)
    assert (reply.status, error_of(reply)["code"]) == (503, "store_unavailable") and not upstream.sent
    assert endpoint.line["store_error"] == "timeout" and "STORE_TIMEOUT_MS" in endpoint.line["advice"]
    assert "STORE_TIMEOUT_MS" not in error_of(reply)["message"]  # that is for the owner


def test_a_reservation_whose_answer_was_lost_is_released() -> None:
    endpoint = Endpoint()
    endpoint.store.broken, endpoint.store.lost = {"reserve"}, True
    endpoint.run(whole(), chat(), SENT)
    assert endpoint.reserved == 1
    endpoint.store.broken = set()
    endpoint.run(whole(), chat(), SENT)
    assert endpoint.reserved == 0 and [one.cost for one in endpoint.booked] == [COST]


def test_an_open_store_lets_calls_through_and_books_them() -> None:
    endpoint = Endpoint(STORE_ON_ERROR="open")
    endpoint.store.broken = {"reserve"}
    reply, _ = endpoint.run(whole(), chat(), SENT)
    assert reply.status == 200 and [one.cost for one in endpoint.booked] == [COST]
    assert endpoint.line["store_error"] == "timeout" and endpoint.line["cost_usd"] > 0


@pytest.mark.parametrize("lost", [False, True])
def test_what_could_not_be_booked_is_booked_once_after_the_next_call(lost: bool) -> None:
    endpoint = Endpoint()
    endpoint.store.broken, endpoint.store.lost = {"settle"}, lost
    for _ in range(3):
        reply, _ = endpoint.run(whole(), chat(), SENT)
        assert reply.status == 200 and endpoint.line["store_error"] == "timeout"
    endpoint.store.broken = set()
    endpoint.run(whole(), chat(), SENT)
    assert [one.cost for one in endpoint.booked] == [COST] * 4 and endpoint.reserved == 0
    assert endpoint.host.state(Bookings).pending == 0 and "store_error" not in endpoint.line


def test_a_failure_that_could_not_be_released_is_released_later() -> None:
    endpoint = Endpoint()
    endpoint.store.broken = {"release"}
    endpoint.run(Listed(status=500), chat(), SENT)
    assert endpoint.reserved == 1
    endpoint.store.broken = set()
    endpoint.run(whole(), chat(), SENT)
    assert endpoint.reserved == 0


def test_a_store_that_fails_again_ends_the_attempts_of_that_call() -> None:
    endpoint = Endpoint()
    endpoint.store.broken = {"settle"}
    for _ in range(5):
        endpoint.run(whole(), chat(), SENT)
    endpoint.store.done.clear()
    endpoint.run(Listed(status=500), chat(), SENT)  # its release works, and then one attempt fails
    assert endpoint.store.done == ["reserve", "release", "settle"]
    assert endpoint.host.state(Bookings).pending == 5


def test_what_waits_is_bounded_and_the_log_says_what_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bookings, "MAX_PENDING", 2)
    endpoint = Endpoint()
    endpoint.store.broken = {"settle"}
    for number in range(3):
        endpoint.run(whole(), chat(), SENT)
        assert endpoint.line.get("booking") == (None if number < 2 else "lost")
    assert endpoint.host.state(Bookings).pending == 2


def test_a_server_that_stops_books_what_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = Endpoint()
    endpoint.store.broken = {"settle"}
    for _ in range(2):
        endpoint.run(whole(), chat(), SENT)
    count = len(endpoint.lines)
    fake_clock.run(bookings.flush(endpoint.host, endpoint.config))
    assert (endpoint.line["event"], endpoint.line["calls"]) == ("bookings_lost", 2) and len(endpoint.lines) == count + 1
    endpoint.store.broken = set()
    fake_clock.run(bookings.flush(endpoint.host, None))
    assert len(endpoint.booked) == 2 and len(endpoint.lines) == count + 1


def test_a_caller_who_leaves_while_the_store_is_asked_leaves_no_reservation() -> None:
    endpoint = Endpoint()
    endpoint.store.seconds = 5

    async def go() -> None:
        task = asyncio.ensure_future(endpoint.call(whole(), chat(), SENT))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        endpoint.store.seconds = 0
        await endpoint.call(whole(), chat(), SENT)

    fake_clock.run(go())
    assert endpoint.reserved == 0 and len(endpoint.booked) == 1 and endpoint.store.done.count("release") == 1


def test_a_caller_who_leaves_while_the_call_is_booked_is_booked() -> None:
    endpoint = Endpoint()

    async def go() -> None:
        reply = await endpoint.relay(Listed(TEXT, USAGE, DONE), chat(stream=True), SENT)
        assert not isinstance(reply.body, bytes)
        async for _ in reply.body:
            pass
        endpoint.store.seconds = 5
        task = asyncio.ensure_future(reply.body.aclose())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        endpoint.store.seconds = 0
        await bookings.flush(endpoint.host, endpoint.config)

    fake_clock.run(go())
    assert [one.cost for one in endpoint.booked] == [COST] and endpoint.reserved == 0


def test_a_call_does_not_work_off_for_long_what_others_have_left() -> None:
    endpoint = Endpoint()
    endpoint.store.broken = {"settle"}
    for _ in range(5):
        endpoint.run(whole(), chat(), SENT)
    endpoint.store.broken, endpoint.store.seconds = set(), 0.02
    pending = []
    for _ in range(3):
        endpoint.run(whole(), chat(), SENT)
        pending.append(endpoint.host.state(Bookings).pending)
    assert pending == [2, 0, 0] and len(endpoint.booked) == 8


def test_a_server_that_stops_does_not_wait_for_a_slow_store_for_long() -> None:
    endpoint = Endpoint()
    endpoint.store.broken = {"settle"}
    for _ in range(20):
        endpoint.run(whole(), chat(), SENT)
    endpoint.store.broken, endpoint.store.seconds = set(), 0.4
    fake_clock.run(bookings.flush(endpoint.host, endpoint.config))
    assert endpoint.host.state(Bookings).pending == 7 and endpoint.line["calls"] == 7


def test_attempts_of_calls_that_end_together_do_not_meet() -> None:
    endpoint = Endpoint()
    endpoint.store.broken = {"settle"}
    for _ in range(4):
        endpoint.run(whole(), chat(), SENT)
    endpoint.store.broken, endpoint.store.seconds = set(), 1

    async def go() -> None:
        await asyncio.gather(*(endpoint.call(whole(), chat(), SENT) for _ in range(3)))

    fake_clock.run(go())
    # Each has taken one, for one takes longer than they go on.
    assert len(endpoint.booked) == 3 + 3 and endpoint.store.done.count("settle") == 4 + 3 + 3
    assert endpoint.host.state(Bookings).pending == 1


def test_a_cancelled_attempt_is_not_lost() -> None:
    endpoint = Endpoint()
    endpoint.store.broken = {"settle"}
    endpoint.run(whole(), chat(), SENT)
    endpoint.store.broken, endpoint.store.seconds = set(), 5

    async def go() -> None:
        task = asyncio.ensure_future(bookings.flush(endpoint.host, endpoint.config))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])

    fake_clock.run(go())
    assert endpoint.host.state(Bookings).pending == 1


class Hooked(Listed):
    """Answers the webhook apart."""

    def __init__(self, *steps: Any, hook: Listed) -> None:
        super().__init__(*steps)
        self.hook = hook

    async def send(self, outgoing: Any) -> Any:
        return await (self.hook.send(outgoing) if outgoing.target.name == "webhook" else super().send(outgoing))


def spend(endpoint: Endpoint, share: float, hook: Listed, sent: str = SENT) -> None:
    """A call that costs this share of a dollar."""
    tokens = round(share * 1e9 / 600)
    used = {"prompt_tokens": 0, "completion_tokens": tokens}
    usage = b'data: {"id":"c","model":"gpt-4o-mini","choices":[],"usage":' + json.dumps(used).encode() + b"}\n\n"
    endpoint.run(Hooked(TEXT, usage, DONE, hook=hook), chat(stream=True, max_tokens=16), sent)


def test_the_webhook_is_called_once_at_each_threshold() -> None:
    endpoint = Endpoint(BUDGET_WEBHOOK="https://hooks.example.com/services/T0/secret?x=1")
    hook = Listed(status=200)
    for share in (0.5, 0.29, 0.02, 0.05, 0.13, 0.005):
        spend(endpoint, share, hook)
    percents = [json.loads(outgoing.body)["percent"] for outgoing in hook.sent]
    assert percents == [80] and endpoint.store.done.count("note_threshold") == 1
    spend(endpoint, 0.004, hook)
    assert [json.loads(outgoing.body)["percent"] for outgoing in hook.sent] == [80]
    spend(endpoint, 0.01, hook)
    first, second = (json.loads(outgoing.body) for outgoing in hook.sent)
    assert second["percent"] == 100 and (first["key_name"], first["key_id"], first["budget_usd"]) == (
        "alice",
        "a1b2c3",
        "1",
    )
    assert "alice" in first["text"] and "80 %" in first["text"] and first["period"] == "total"
    outgoing = hook.sent[0]
    assert (outgoing.method, outgoing.target.base_url) == ("POST", "https://hooks.example.com")
    assert (outgoing.path, outgoing.query) == ("services/T0/secret", "x=1")
    assert all("secret" not in line and "hooks" not in line for line in endpoint.lines)
    events = [json.loads(line) for line in endpoint.lines if "budget_webhook" in line]
    assert [(event["level"], event["status"]) for event in events] == [("info", 200)] * 2


def test_instances_tell_a_threshold_once() -> None:
    first, second = (Endpoint(BUDGET_WEBHOOK="http://127.0.0.1:9/") for _ in range(2))
    second.store = second.host.store = first.store
    hook = Listed(status=200)
    spend(first, 0.9, hook)
    spend(second, 0.01, hook)
    assert len(hook.sent) == 1


@pytest.mark.parametrize("status", [404, None])
def test_a_webhook_that_fails_is_said_in_the_log(status: int | None) -> None:
    from proxy.errors import UpstreamUnreachable

    endpoint = Endpoint(BUDGET_WEBHOOK="https://hooks.example.com/x")
    spend(endpoint, 1.0, Listed(status=status) if status else Listed(error=UpstreamUnreachable()))
    event = next(json.loads(line) for line in endpoint.lines if "budget_webhook" in line)
    assert event["level"] == "warning" and (event.get("status"), event.get("error")) in (
        (404, None),
        (None, "upstream_unreachable"),
    )


def test_a_threshold_that_could_not_be_noted_is_told_after_the_next_call() -> None:
    endpoint = Endpoint(BUDGET_WEBHOOK="https://hooks.example.com/x")
    hook = Listed(status=200)
    endpoint.store.broken = {"note_threshold"}
    spend(endpoint, 0.9, hook)
    assert not hook.sent
    endpoint.store.broken = set()
    spend(endpoint, 0.01, hook)
    assert len(hook.sent) == 1


def test_what_is_remembered_of_thresholds_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    from proxy.cost import budget_alerts

    monkeypatch.setattr(budget_alerts, "_MAX_NOTED", 1)
    endpoint = Endpoint(BUDGET_WEBHOOK="https://hooks.example.com/x")
    hook = Listed(status=200)
    spend(endpoint, 1.0, hook)
    spend(endpoint, 1.0, hook, key("bob", "b1", budget_usd=1))
    assert len(endpoint.host.state(budget_alerts.Noted).told) == 1 and len(hook.sent) == 4
