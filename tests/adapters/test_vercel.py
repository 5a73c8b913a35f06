"""Vercel's function: deadline, region and log in this process, and streams behind Vercel's own runtime."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from types import ModuleType

import openai
import pytest

from proxy.adapters.asyncio_host import AsyncioClock
from proxy.adapters.vercel import VercelApp
from proxy.messages import Headers, Request
from tests.conftest import Serve
from tests.support import vercel
from tests.support.client import Connection, call
from tests.support.talk import KEY, event, wait_for
from tests.support.upstream import CEILING, END, SSE_HEAD, Upstream, Wait, chunk, stream, whole
from tests.support.vercel import Function

CHAT = b'{"model":"m","stream":true,"messages":[]}'


class StoppedClock(AsyncioClock):
    """It is always the same moment."""

    def wall(self) -> float:
        return 1_800_000_000.0


def deadline_of(app: VercelApp) -> float | None:
    request = Request("GET", "/", "", Headers())
    app.adapt_request(request)
    return request.deadline


def test_the_runtime_s_deadline_is_the_call_s(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = StoppedClock()
    app = VercelApp({}, clock=clock)
    runtime = ModuleType("vercel_runtime")
    monkeypatch.setitem(sys.modules, "vercel_runtime", runtime)
    assert deadline_of(app) is None, "an older runtime, which does not know it"
    now = datetime.fromtimestamp(clock.wall(), timezone.utc)
    for seconds, left in ((300, 300.0), (-1, 0.0)):  # the last is over
        monkeypatch.setattr(
            runtime, "get_deadline", lambda seconds=seconds: now + timedelta(seconds=seconds), raising=False
        )
        assert deadline_of(app) == left
    monkeypatch.setattr(runtime, "get_deadline", lambda: None)
    assert deadline_of(app) is None, "the platform has not said it"


def test_elsewhere_than_on_the_platform_there_is_no_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "vercel_runtime", raising=False)
    assert deadline_of(VercelApp({})) is None


def test_a_region_that_openai_does_not_serve_is_warned_of(serve: Serve) -> None:
    server = serve(VercelApp, VERCEL_REGION="hkg1", OPENAI_BASE_URL="https://api.openai.com/v1")
    ready = call(server.port, "GET", "/readyz").json()
    assert ready["platform"] == "vercel" and ready["streams"] is True
    (warning,) = ready["warnings"]
    assert "hkg1" in warning and "vercel.json" in warning
    assert not call(serve(VercelApp, VERCEL_REGION="iad1").port, "GET", "/readyz").json()["warnings"]


def test_a_region_that_the_provider_refuses_is_changed_in_vercel_json(serve: Serve, upstream: Upstream) -> None:
    upstream.play(whole(b'{"error":{"code":"unsupported_country_region_territory","message":"no"}}', 403))
    server = serve(VercelApp)
    result = call(server.port, "POST", "/v1/chat/completions", KEY, CHAT)
    assert result.status == 403
    assert "vercel.json" in server.line(result.header("x-sluice-request-id"))["hint"]


def test_a_request_above_the_platform_s_limit_is_refused(serve: Serve) -> None:
    result = call(serve(VercelApp, MAX_BODY_MB="50").port, "POST", "/v1/files", KEY, b"x" * 4_500_001)
    assert result.status == 413 and "4.5 MB" in result.json()["error"]["message"]


@pytest.fixture(scope="module")
def function(_upstream: Upstream) -> Iterator[Function]:
    """The function behind Vercel's runtime, with keys of its callers."""
    with vercel.running(OPENAI_BASE_URL=_upstream.url) as running:
        yield running


@pytest.mark.any_python("Vercel's runtime needs Python 3.12")
class TestBehindTheRuntime:
    def test_each_event_reaches_the_caller_before_the_next_is_sent(
        self, function: Function, upstream: Upstream
    ) -> None:
        events = [event(f"你{i}") for i in range(20)]
        upstream.play((SSE_HEAD, *(step for one in events for step in (chunk(one), Wait())), END))
        connection = Connection(function.port)
        connection.send("POST", "/v1/chat/completions", (*KEY, *vercel.headers()), CHAT)
        result = connection.head()
        for sent, got in zip(events, connection.writes(result), strict=False):
            assert got == sent
            upstream.proceed()
        assert not result.broken
        connection.close()

    def test_many_streams_at_once_in_one_instance(self, function: Function, upstream: Upstream) -> None:
        upstream.play((SSE_HEAD, chunk(event("a")), Wait(), chunk(event("b")), END))
        connections = [Connection(function.port) for _ in range(20)]
        for one in connections:
            one.send("POST", "/v1/chat/completions", (*KEY, *vercel.headers()), CHAT)
        streams = [one.writes(one.head()) for one in connections]
        assert [next(one) for one in streams] == [event("a")] * 20
        for _ in connections:
            upstream.proceed()
        assert [list(one) for one in streams] == [[event("b")]] * 20
        for one in connections:
            one.close()

    def test_a_stream_ends_honestly_when_the_function_s_time_is_up(
        self, function: Function, upstream: Upstream
    ) -> None:
        upstream.play((SSE_HEAD, chunk(event("x")), Wait()))
        result = call(function.port, "POST", "/v1/chat/completions", (*KEY, *vercel.headers(1)), CHAT)
        assert result.body.endswith(b"data: [DONE]\n\n") and b'"finish_reason":"length"' in result.body

    def test_a_caller_who_disconnects_cancels_the_upstream_call(self, function: Function, upstream: Upstream) -> None:
        """Whether the platform's proxy hands a disconnect on is not documented; where it does, spending stops."""
        upstream.play((SSE_HEAD, chunk(event("x")), Wait(), END))
        connection = Connection(function.port)
        connection.send("POST", "/v1/chat/completions", (*KEY, *vercel.headers()), CHAT)
        assert next(connection.writes(connection.head())) == event("x")
        connection.close()
        assert upstream.gone.wait(CEILING), "the upstream call goes on"

    def test_what_the_platform_adds_goes_neither_up_nor_into_the_log(
        self, function: Function, upstream: Upstream
    ) -> None:
        upstream.play(whole(b"{}"))
        added = vercel.headers(request_id=4711)
        assert call(function.port, "POST", "/v1/chat/completions", (*KEY, *added), b"{}").status == 200
        names = {name.lower() for name, _ in upstream.received[0].headers}
        assert not [name for name in names if name.startswith(("x-vercel", "x-forwarded", "x-real", "forwarded"))]
        wait_for(lambda: '"path"' in function.log)
        assert "canary" not in function.log and "192.0.2.1" not in function.log

    def test_a_log_line_belongs_to_its_call(self, function: Function, upstream: Upstream) -> None:
        upstream.play(stream(event("x")))
        call(function.port, "POST", "/v1/chat/completions", (*KEY, *vercel.headers(request_id=815)), CHAT)

        def lines() -> list[int]:
            logged = [one["payload"] for one in list(function.messages) if one["type"] == "log"]
            return [one["context"]["requestId"] for one in logged if one["context"]["requestId"] == 815]

        wait_for(lambda: len(lines()) == 1)

    def test_the_path_stays_as_it_was_sent(self, function: Function, upstream: Upstream) -> None:
        upstream.play(whole(b"{}"))
        call(function.port, "GET", "/v1/models/a%2Fb%20c", (*KEY, *vercel.headers()))
        assert upstream.received[0].target.endswith("/models/a%2Fb%20c")

    def test_the_openai_sdk_talks_to_it(self, function: Function, upstream: Upstream) -> None:
        with openai.OpenAI(base_url=f"http://127.0.0.1:{function.port}/v1", api_key="sk-mine") as client:
            upstream.play(stream(event("你"), event("好"), b"data: [DONE]\n\n"))
            pieces = client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "你好"}], stream=True
            )
            assert "".join(piece.choices[0].delta.content or "" for piece in pieces) == "你好"

    def test_the_console_shows_the_address_that_the_caller_used(self, function: Function) -> None:
        asked = (*vercel.headers(), ("Host", "sluice.vercel.app"))
        page = call(function.port, "GET", "/", asked).body
        assert b"https://sluice.vercel.app/v1</code>" in page and b'"vercel' in page.lower()


@pytest.mark.any_python("Vercel's runtime needs Python 3.12")
def test_a_wrong_setting_is_said_to_every_caller_instead_of_ending_the_process() -> None:
    with vercel.running(TIMEOUT_SECONDS="soon") as function:
        result = call(function.port, "POST", "/v1/chat/completions", (*KEY, *vercel.headers()), CHAT)
        assert result.status == 500 and "TIMEOUT_SECONDS" in json.loads(result.body)["error"]["message"]
        assert "TIMEOUT_SECONDS" in function.log
