"""The relay function: deadlines, limits, final events, and that no exception escapes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from proxy import startup
from proxy.call import Caller
from proxy.errors import UpstreamDisconnected, UpstreamTimeout
from proxy.messages import Reply
from proxy.platforms import limits
from proxy.relay import relay
from tests.support import fake_clock
from tests.support.core import SSE, Listed, error_of, host, request, run

TEXT = b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
JSON = (("content-type", "application/json"),)
WHOLE = (*JSON, ("content-length", "2"))


async def unread() -> AsyncIterator[bytes]:
    """A body that must not be read."""
    for read in (True,):
        assert not read
        yield b""


def test_a_deadline_before_any_answer_is_a_504_that_is_not_repeated() -> None:
    upstream = Listed(wait=5)
    reply, _ = run(upstream, request(deadline=0.2))
    assert (reply.status, error_of(reply)["code"]) == (504, "deadline")
    assert reply.headers.get("x-should-retry") == "false"
    assert "time-out is 1 s; set it to 300" in error_of(reply)["message"]


def test_a_long_deadline_says_what_to_do_instead() -> None:
    from proxy.errors import DeadlineReached

    assert "raise the function's time-out" in DeadlineReached(60).message


def test_a_deadline_in_a_stream_with_text_ends_as_length_and_done() -> None:
    upstream = Listed(TEXT, 5.0)
    lines: list[str] = []
    reply, pieces = run(upstream, request(deadline=0.3), lines)
    assert reply.status == 200
    assert pieces[0] == TEXT
    assert b'"finish_reason":"length"' in pieces[-1] and pieces[-1].endswith(b"data: [DONE]\n\n")
    assert upstream.body.closed
    assert json.loads(lines[-1])["ending"] == "deadline"


def test_a_deadline_in_a_stream_without_text_is_an_error_event() -> None:
    _, pieces = run(Listed(b'data: {"choices":[]}\n\n', 5.0), request(deadline=0.3))
    assert b'"code":"deadline"' in pieces[-1] and b"[DONE]" not in pieces[-1]


def test_a_deadline_ends_a_stream_that_never_falls_silent() -> None:
    steps = [step for _ in range(1000) for step in (TEXT, 0.01)]
    _, pieces = run(Listed(*steps), request(deadline=0.3))
    assert pieces[-1].endswith(b"data: [DONE]\n\n") and len(pieces) < 100


def test_a_deadline_that_passes_while_the_client_is_slow_counts_too() -> None:
    async def go() -> bytes:
        reply = await relay(request(deadline=0.2), startup.load({}), Listed(TEXT, TEXT, TEXT), host())
        assert not isinstance(reply.body, bytes)
        assert await anext(reply.body) == TEXT
        await asyncio.sleep(0.3)
        last = await anext(reply.body)
        await reply.body.aclose()
        return last

    assert fake_clock.run(go()).endswith(b"data: [DONE]\n\n")


def test_a_deadline_that_is_far_away_changes_nothing() -> None:
    _, pieces = run(Listed(TEXT, 0.05, TEXT), request(deadline=60), settings={"KEEPALIVE_FIRST_SECONDS": "0.02"})
    assert [piece for piece in pieces if piece != b": ping\n\n"] == [TEXT, TEXT]


def test_a_short_time_out_is_said_in_readyz() -> None:
    reply, _ = run(Listed(), request("/readyz", b"", 3.0, method="GET"))
    assert isinstance(reply.body, bytes) and b"time-out is 3 s; set it to 300" in reply.body


def test_readyz_tells_an_upstream_that_cannot_be_reached() -> None:
    incoming = request("/readyz", b"", method="GET")
    incoming.query = "deep=1"
    reply, _ = run(Listed(error=UpstreamDisconnected()), incoming)
    assert reply.status == 503 and b"closed the connection" in (reply.body if isinstance(reply.body, bytes) else b"")


def test_our_own_mistake_is_a_500_and_its_text_is_not_logged() -> None:
    lines: list[str] = []
    reply, _ = run(Listed(error=ValueError("the prompt")), lines=lines)
    assert (reply.status, error_of(reply)["code"]) == (500, "internal_error")
    crash = json.loads(lines[0])
    assert (crash["event"], crash["exception"]) == ("crash", "ValueError")
    assert crash["place"].startswith("core.py:")
    assert "the prompt" not in "".join(lines)


def test_our_own_mistake_in_a_stream_is_an_error_event() -> None:
    _, pieces = run(Listed(TEXT, ValueError("x")))
    assert pieces[0] == TEXT and b"internal_error" in pieces[1]


def test_a_failure_in_a_body_that_is_no_stream_is_raised() -> None:
    with pytest.raises(UpstreamTimeout):
        run(Listed(b"{", UpstreamTimeout("late"), headers=JSON))


def test_leaving_before_the_answer_is_logged_and_raised() -> None:
    lines: list[str] = []

    async def go() -> None:
        task = asyncio.ensure_future(relay(request(), startup.load({}), Listed(wait=5), host(lines)))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    fake_clock.run(go())
    assert json.loads(lines[-1])["ending"] == "client_disconnected"


def test_leaving_during_a_stream_closes_the_upstream() -> None:
    upstream = Listed(TEXT, 5.0)

    async def go() -> None:
        reply = await relay(request(), startup.load({}), upstream, host())
        assert not isinstance(reply.body, bytes)
        assert await reply.body.__anext__() == TEXT
        await reply.body.aclose()

    fake_clock.run(go())
    assert upstream.body.closed


def test_compressed_events_that_cannot_be_opened_are_an_error_event() -> None:
    upstream = Listed(b"not compressed", headers=(*SSE, ("content-encoding", "gzip")))
    _, pieces = run(upstream)
    assert b"upstream_disconnected" in pieces[-1]


@pytest.mark.parametrize(
    ("limit", "settings", "size", "status"),
    [
        (None, {}, 100_000_001, 413),
        (None, {"MAX_BODY_MB": "0.01"}, 10_001, 413),
        (None, {"MAX_BODY_MB": "0.01"}, 10_000, 200),
        (5000, {}, 5001, 413),
        (5000, {"MAX_BODY_MB": "1"}, 5001, 413),
        (5000, {"MAX_BODY_MB": "0.001"}, 1001, 413),
    ],
)
def test_the_smaller_limit_counts(limit: int | None, settings: dict[str, str], size: int, status: int) -> None:
    reply, _ = run(Listed(b"{}", headers=JSON), request(body=b"x" * size), limit=limit, settings=settings)
    assert reply.status == status
    if status == 413:
        assert reply.headers.get("x-should-retry") == "false"


def test_a_body_without_a_length_is_counted_while_it_is_read() -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1000
            yield b"x" * 1000

    reply, _ = run(Listed(), request(body=endless()), settings={"MAX_BODY_MB": "0.01"})
    assert reply.status == 413 and read < 20_000


@pytest.mark.parametrize("length", ["10001", "9" * 5000])
def test_an_announced_length_is_enough_to_refuse(length: str) -> None:
    headers = (("authorization", "Bearer k"), ("content-length", length))
    assert run(Listed(), request(body=unread(), headers=headers), settings={"MAX_BODY_MB": "0.01"})[0].status == 413


def test_a_caller_who_is_refused_is_not_read() -> None:
    assert run(Listed(), request(body=unread(), headers=()))[0].status == 401
    assert run(Listed(), request("/nowhere", unread()))[0].status == 404


def test_a_pool_of_keys_is_shared_out() -> None:
    upstream = Listed(b"{}", headers=JSON)
    run(
        upstream,
        request(headers=(("authorization", "Bearer pk"),)),
        settings={"OPENAI_API_KEY": "a,b", "PROXY_KEY": "pk"},
    )
    assert upstream.sent[0].target.key == "b"
    assert "b'" not in repr(upstream.sent[0].target) and "key" not in repr(upstream.sent[0].target)


def test_a_huge_or_endless_error_becomes_short_json() -> None:
    reply, _ = run(Listed(b"{" + b"x" * 2_000_000, status=500, headers=JSON))
    assert error_of(reply)["code"] == "upstream_status_500"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'[{"error":{"message":"in a list"}}]', "in a list"),
        (b'{"error":"a text"}', "a text"),
        (b'{"message":"bare"}', "bare"),
        (b'"text"', "The upstream answered with status 400."),
        (b'{"broken', "The upstream answered with status 400."),
    ],
)
def test_every_relative_s_error_is_understood_in_a_stream(body: bytes, message: str) -> None:
    upstream = Listed(body, status=400, headers=(*JSON, ("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")), wait=0.1)
    _, pieces = run(upstream, settings={"KEEPALIVE_FIRST_SECONDS": "0.02"})
    error = json.loads(pieces[-1].partition(b"data: ")[2])["error"]
    assert error["message"] == message and error["status"] == 400 and "retry_after" not in error


def test_every_field_of_the_log_line_is_there() -> None:
    usage = {
        "prompt_tokens": 5,
        "completion_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    body = json.dumps({"model": "m-2026", "choices": [], "usage": usage}).encode()
    headers = (*JSON, ("content-length", str(len(body))), ("x-request-id", "req_9"))
    lines: list[str] = []
    run(Listed(body, headers=headers), request(body=b'{"model":"m","n":2}'), lines)
    line = json.loads(lines[-1])
    timings = {
        name: line.pop(name) for name in ("timestamp", "duration_ms", "ttfb_ms", "gen_ai.response.time_to_first_chunk")
    }
    assert timings["timestamp"].endswith("Z")
    assert line == {
        "level": "info",
        "platform": "test",
        "request_id": "sl_1",
        "method": "POST",
        "path": "/v1/chat/completions",
        "status": 200,
        "stream": False,
        "bytes_in": 19,
        "bytes_out": len(body),
        "upstream": "default",
        "upstream_status": 200,
        "upstream_request_id": "req_9",
        "cold_start": True,
        "key_id": "own",
        "ending": "complete",
        "gen_ai.request.model": "m",
        "gen_ai.response.model": "m-2026",
        "gen_ai.usage.input_tokens": 5,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 2,
        "gen_ai.usage.reasoning.output_tokens": 3,
    }


@pytest.mark.parametrize("error", [BrokenPipeError(), UnicodeEncodeError("x", "y", 0, 1, "z"), ValueError("closed")])
def test_a_log_that_cannot_be_written_costs_no_answer(error: Exception) -> None:
    def broken(_: str) -> None:
        raise error

    async def go() -> Reply:
        surroundings = host()
        surroundings.write = broken
        return await relay(request(body=b"{}"), startup.load({}), Listed(b"{}", headers=WHOLE), surroundings)

    assert fake_clock.run(go()).body == b"{}"


def test_a_model_that_is_a_key_is_not_logged() -> None:
    lines: list[str] = []
    incoming = request(body=b'{"model":"pk-1"}', headers=(("authorization", "Bearer pk-1"),))
    run(Listed(b"{}", headers=JSON), incoming, lines, settings={"PROXY_KEY": "pk-1", "OPENAI_API_KEY": "k"})
    assert "pk-1" not in lines[-1].replace('"proxy-key-1"', "")


def test_what_is_no_method_is_refused() -> None:
    assert run(Listed(), request(method="G T"))[0].status == 405


@pytest.mark.parametrize(("level", "lines"), [("info", 2), ("warning", 1), ("error", 0), ("off", 0)])
def test_the_log_level_is_kept(level: str, lines: int) -> None:
    written: list[str] = []
    run(Listed(b"{}", headers=JSON), lines=written, settings={"LOG_LEVEL": level})
    run(Listed(), request(headers=()), lines=written, settings={"LOG_LEVEL": level})
    assert len(written) == lines


def test_a_body_that_says_it_is_no_json_is_not_looked_at() -> None:
    upstream = Listed(b"{}", headers=JSON)
    headers = (("authorization", "Bearer k"), ("content-encoding", "gzip"))
    lines: list[str] = []
    run(upstream, request(headers=headers), lines)
    assert "gen_ai.request.model" not in lines[-1]


def test_keys_are_in_no_repr() -> None:
    assert repr(Caller("sk-secret", "own")) == "Caller(own)"


def test_a_limit_is_found_or_missing() -> None:
    assert limits.number("server", "http", "request body") == 100_000_000
    with pytest.raises(KeyError):
        limits.number("moon", "http", "request body")


def test_a_whole_answer_that_is_not_as_long_as_it_says_is_no_answer() -> None:
    lying = (("content-type", "application/json"), ("content-length", "9"))
    reply, _ = run(Listed(b"{}", headers=lying))
    assert reply.status == 502 and error_of(reply)["code"] == "upstream_disconnected"


def test_others_have_their_turn_after_a_stage_has_edited_a_large_body(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: dict[int, int] = {}
    for large in (10, 10**9):
        monkeypatch.setattr("proxy.stages._LARGE_BYTES", large)
        waits: list[float] = []

        async def sleep(_self: object, seconds: float, waits: list[float] = waits) -> None:
            waits.append(seconds)

        monkeypatch.setattr("proxy.adapters.asyncio_host.AsyncioClock.sleep", sleep)
        upstream = Listed(b"{}", headers=JSON)
        incoming = request("/v1/responses", b'{"model": "gpt-4o", "input": "Hi"}')
        run(upstream, incoming, settings={"OPENAI_API_KEY": "sk-server", "ALLOW_ANONYMOUS": "1"})
        assert json.loads(upstream.sent[0].body)["store"] is False
        turns[large] = len(waits)
    assert turns[10] == turns[10**9] + 1


def test_a_fault_of_our_own_within_a_stream_is_told_and_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: object, _piece: bytes) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("proxy.protocols.chunks.ChunkState.feed", broken)
    lines: list[str] = []
    _, pieces = run(Listed(TEXT, TEXT), lines=lines)
    assert b'"internal_error"' in pieces[-1] and len(pieces) == 1
    crash, line = (json.loads(text) for text in lines[-2:])
    assert (crash["event"], crash["exception"], line["ending"]) == ("crash", "RuntimeError", "internal_error")
    assert "a bug" not in lines[-2]


def test_what_claude_code_probes_is_answered_and_its_telemetry_is_refused_quietly() -> None:
    for method in ("GET", "HEAD"):
        reply, (body,) = run(Listed(), request("/api/hello", b"", method=method))
        assert reply.status == 200 and body == b'{"message": "hello"}'
    for path, level in (
        ("/api/event_logging/batch", "info"),
        ("/api/claude_code/metrics", "info"),
        ("/wp-login.php", "warning"),
    ):
        lines: list[str] = []
        upstream = Listed()
        reply, _ = run(upstream, request(path), lines)
        assert reply.status == 404 and not upstream.sent and json.loads(lines[-1])["level"] == level


def test_errors_have_the_form_that_the_caller_s_headers_name() -> None:
    for header, form in (
        ("anthropic-version", '"type": "error"'),
        ("x-goog-api-key", '"status":"NOT_FOUND"'),
        ("a", ""),
    ):
        reply, (body,) = run(Listed(), request("/nothing", headers=((header, "x"),)))
        assert reply.status == 404 and form in body.decode()
    reply, _ = run(Listed(), request("/v1/messages", headers=()))
    assert reply.status == 401 and reply.headers.get("request-id") == "sl_1"
