"""Which failures move a call on to the next target, and what an instance remembers of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.errors import (
    UpstreamDisconnected,
    UpstreamMalformed,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from tests.support.core import SSE, error_of, request
from tests.support.routing import JSON_BODY, SETTINGS, TWO, failing, made, refusal, run
from tests.support.several import Does, Several

STREAMED = b'{"model":"m","stream":true}'
CHUNK = b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}\n\n'
TIMEOUT = UpstreamTimeout("silent")
MOVES = [
    ("no connection", failing(UpstreamUnreachable())),
    ("401", refusal(401, "invalid_api_key")),
    ("402", refusal(402, "insufficient_balance")),
    ("403 for the key", refusal(403, "invalid_api_key")),
    ("403 for the quota", refusal(403, "quota_exceeded")),
    ("403 for the account", refusal(403, None, "billing_hard_limit")),
    ("429", refusal(429, "rate_limit_exceeded")),
    ("500", refusal(500)),
    ("503 as a page", Does(503, b"<html>", headers=(("content-type", "text/html"),))),
    ("no HTTP", failing(UpstreamMalformed())),
    ("an early end", failing(UpstreamDisconnected())),
]


@pytest.mark.parametrize("does", [case for _, case in MOVES], ids=[name for name, _ in MOVES])
@pytest.mark.parametrize("body", [JSON_BODY, STREAMED], ids=["whole", "streamed"])
def test_a_call_that_can_be_answered_is(does: Does, body: bytes) -> None:
    upstream = Several({"one": does})
    reply, data = run(upstream, request(body=body))
    assert (reply.status, data) == (200, b'{"ok":1}')
    assert upstream.asked == ["one/1", "two/1"]
    assert upstream.sent[1].target.base_url == "https://two.example/v1" and upstream.sent[1].target.key == "k2"


STAYS = [
    ("the region", refusal(403, "unsupported_country_region_territory", "request_forbidden"), 403),
    ("the model", refusal(403, "model_not_allowed"), 403),
    ("the request", refusal(400, "bad"), 400),
    ("not there", refusal(404, "model_not_found"), 404),
    ("too much", refusal(413), 413),
    ("no field", refusal(422), 422),
]


@pytest.mark.parametrize(("does", "status"), [case[1:] for case in STAYS], ids=[case[0] for case in STAYS])
def test_what_another_upstream_would_refuse_too_passes_at_once(does: Does, status: int) -> None:
    upstream = Several({"one": does})
    reply, data = run(upstream)
    assert (reply.status, data) == (status, does.body) and upstream.asked == ["one/1"]


def test_a_silent_upstream_is_left_only_by_streamed_calls() -> None:
    upstream = Several({"one": failing(TIMEOUT)})
    reply, data = run(upstream, request(body=STREAMED))
    assert (reply.status, data) == (200, b'{"ok":1}')
    upstream = Several({"one": failing(TIMEOUT)})
    reply, _ = run(upstream)
    assert reply.status == 504 and upstream.asked == ["one/1"]


@pytest.mark.parametrize(
    ("does", "again"),
    [
        (failing(UpstreamUnreachable()), True),
        (refusal(401), True),
        (refusal(429), True),
        (refusal(500), False),
        (refusal(402), False),
        (refusal(403, "invalid_api_key"), False),
        (failing(UpstreamDisconnected()), False),
        (failing(TIMEOUT), False),
    ],
)
@pytest.mark.parametrize("path", ["/v1/batches", "/v1/files", "/v1/fine_tuning/jobs"])
def test_what_creates_something_is_asked_again_only_where_it_was_not_taken(does: Does, again: bool, path: str) -> None:
    upstream = Several({"one": does})
    run(upstream, request(path, JSON_BODY))
    assert upstream.asked == (["one/1", "two/1"] if again else ["one/1"])


def test_reading_is_no_creating() -> None:
    upstream = Several({"one": refusal(500)})
    reply, _ = run(upstream, request("/v1/files/f-1", b"", method="GET"))
    assert reply.status == 200 and upstream.asked == ["one/1", "two/1"]


def test_the_last_error_passes_untouched() -> None:
    last = Does(
        429,
        b'{"error": {"message":"slow down" }}',
        headers=(("content-type", "application/json"), ("retry-after", "7")),
    )
    reply, data = run(Several({"one": failing(UpstreamUnreachable()), "two": last}))
    assert (reply.status, data, reply.headers.get("retry-after")) == (429, last.body, "7")


def test_nothing_is_asked_again_once_an_answer_has_begun() -> None:
    broken = Does(headers=SSE, pieces=(CHUNK, UpstreamDisconnected()))
    upstream = Several({"one": broken})
    reply, data = run(upstream, request(body=STREAMED))
    assert reply.status == 200 and data.startswith(CHUNK) and b"upstream_disconnected" in data
    assert upstream.asked == ["one/1"] and upstream.bodies[0].closed
    cut = Does(
        headers=(("content-type", "application/json"), ("content-length", "9")), pieces=(UpstreamDisconnected(),)
    )
    upstream = Several({"one": cut})
    reply, _ = run(upstream)
    assert reply.status == 502 and upstream.asked == ["one/1"]


def test_a_caller_s_own_key_stays_with_its_upstream() -> None:
    upstreams = [{**table, "keys": []} for table in TWO]
    upstream = Several({"one": refusal(429)})
    reply, _ = run(upstream, upstreams=upstreams, settings={})
    assert reply.status == 429 and [outgoing.target.key for outgoing in upstream.sent] == ["sk-caller"]


def test_the_log_names_each_attempt_and_no_key() -> None:
    lines: list[str] = []
    run(Several({"one": refusal(429)}), on=made(lines))
    line = json.loads(lines[0])
    assert line["attempts"] == "one/1 429" and line["upstream"] == "two" and line["status"] == 200
    lines.clear()
    run(Several({"one": failing(UpstreamUnreachable()), "two": refusal(500)}), on=made(lines))
    assert json.loads(lines[0])["attempts"] == "one/1 upstream_unreachable, two/1 500"
    lines.clear()
    run(Several(), on=made(lines))
    assert "attempts" not in json.loads(lines[0])


def test_another_key_of_a_host_that_fails_comes_behind_other_hosts() -> None:
    upstreams = [{**TWO[0], "keys": ["k1", "k1b"]}, {**TWO[1], "priority": 0}]
    upstream = Several({"one": failing(UpstreamUnreachable())})
    run(upstream, upstreams=upstreams)
    assert upstream.asked == ["one/1", "two/1"]
    upstream = Several({"one": refusal(429)})
    run(upstream, upstreams=upstreams)
    assert upstream.asked == ["one/1", "one/2", "two/1"]


@pytest.mark.parametrize(
    ("does", "seconds"),
    [
        (refusal(401), 300),
        (refusal(403, "invalid_api_key"), 300),
        (refusal(429), 20),
        (Does(429, headers=(("retry-after", "60"),)), 60),
        (Does(429, headers=(("retry-after", "86400"),)), 600),
        (refusal(503), 15),
        (failing(UpstreamUnreachable()), 15),
    ],
)
def test_a_target_that_failed_comes_last_for_a_while(
    does: Does, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = made()
    now = 1000.0
    monkeypatch.setattr(on.clock, "now", lambda: now)
    upstream = Several({"one": does})
    pool = [{**table, "priority": 0} for table in TWO]
    run(upstream, on=on, upstreams=pool)
    upstream.does.clear()
    for later, first in ((seconds - 1, "two/1"), (seconds + 1, "one/1")):
        now = 1000.0 + later
        upstream.sent.clear()
        run(upstream, on=on, upstreams=pool)
        assert upstream.asked == [first]


def test_a_request_s_own_fault_tires_nobody() -> None:
    on = made()
    run(Several({"one": refusal(400)}), on=on)
    run(Several({"one": refusal(403, "model_not_allowed")}), on=on)
    assert on.resting == {}


def test_instances_spread_the_order_by_chance() -> None:
    pool = [{**TWO[0], "keys": ["a", "b"]}, {**TWO[1], "priority": 0, "keys": ["c"]}]
    firsts = set()
    for chosen in range(3):
        on = made()
        on.choose = lambda count, chosen=chosen: chosen % count  # type: ignore[misc]
        upstream = Several()
        run(upstream, on=on, upstreams=pool)
        firsts.add(upstream.sent[0].target.key)
    assert firsts == {"a", "b", "c"}


def test_a_refused_field_is_left_out_for_the_same_target_and_those_behind_it() -> None:
    no_options = Does(400, b'{"error":{"message":"no","param":"stream_options"}}')
    upstream = Several({"one": no_options})
    settings = {**SETTINGS, "METERING": "on"}

    async def later(outgoing: Any) -> Any:
        answer = await send(outgoing)
        upstream.does["one"] = refusal(500)
        return answer

    send, upstream.send = upstream.send, later  # type: ignore[method-assign]
    reply, _ = run(upstream, request(body=STREAMED), settings=settings)
    assert reply.status == 200 and upstream.asked == ["one/1", "one/1", "two/1"]
    assert [b"stream_options" in outgoing.body for outgoing in upstream.sent] == [True, False, False]


def test_pings_go_on_while_the_next_target_is_asked() -> None:
    upstream = Several({"one": Does(500, wait=0.3), "two": Does(headers=SSE, pieces=(CHUNK,), wait=0.3)})
    settings = {**SETTINGS, "KEEPALIVE_FIRST_SECONDS": "0.1", "KEEPALIVE_SECONDS": "0.1"}
    reply, data = run(upstream, request(body=STREAMED), settings=settings)
    assert reply.status == 200 and data.startswith(b": ping\n\n") and data.endswith(CHUNK)


def test_an_error_behind_a_ping_is_told_in_the_stream() -> None:
    upstream = Several({"one": Does(500, wait=0.3), "two": refusal(429, "rate_limit_exceeded")})
    settings = {**SETTINGS, "KEEPALIVE_FIRST_SECONDS": "0.1", "KEEPALIVE_SECONDS": "0.1"}
    reply, data = run(upstream, request(body=STREAMED), settings=settings)
    error = json.loads(data.split(b"data: ")[1])["error"]
    assert reply.status == 200 and (error["status"], error["code"]) == (429, "rate_limit_exceeded")


def test_the_deadline_ends_the_search() -> None:
    upstream = Several({"one": Does(500, wait=0.3), "two": Does(wait=5)})
    reply, _ = run(upstream, request(body=JSON_BODY, deadline=1.0), settings={**SETTINGS, "ASSEMBLE": "off"})
    assert reply.status == 504 and error_of(reply)["code"] == "deadline" and upstream.asked == ["one/1", "two/1"]
