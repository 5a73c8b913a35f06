"""Endings are true: what a caller sees when the upstream fails, and the upstream when the caller leaves."""

from __future__ import annotations

import json

import pytest

from tests.conftest import Serve
from tests.support.client import call
from tests.support.talk import CHAT, KEY, PLAIN, QUICK, event, opened, wait_for
from tests.support.upstream import (
    CEILING,
    END,
    SSE_HEAD,
    Cut,
    Script,
    Sleep,
    Upstream,
    Wait,
    chunk,
    whole,
)
from tests.support.upstream import head as response_head


def cuts() -> list[Cut]:
    return [Cut(), Cut(reset=True)]


def test_an_error_before_the_first_ping_has_its_own_status(upstream: Upstream, serve: Serve) -> None:
    upstream.play((Sleep(0.1), *whole(b'{"error":{"message":"slow down"}}', 429, ("Retry-After", "7"))))
    result = call(serve().port, "POST", "/v1/chat/completions", KEY, CHAT)
    assert (result.status, result.header("retry-after")) == (429, "7")
    assert result.body == b'{"error":{"message":"slow down"}}'


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/completions"])
def test_an_error_after_a_ping_becomes_an_event(upstream: Upstream, serve: Serve, path: str) -> None:
    error = b'{"error":{"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}}'
    upstream.play((Wait(), *whole(error, 429, ("Retry-After", "7"))))
    connection = opened(serve, QUICK, path=path)
    result = connection.head()
    writes = connection.writes(result)
    assert next(writes) == b": ping\n\n"
    upstream.proceed()
    last = [got for got in writes if got != b": ping\n\n"]
    connection.close()
    assert len(last) == 1
    assert b"[DONE]" not in last[0]
    assert last[0].startswith(b"event: response.failed\n" if path == "/v1/responses" else b"data: ")
    value = json.loads(last[0].partition(b"data: ")[2])
    told = value["error"]
    if path == "/v1/responses":  # where Codex looks
        assert value["response"]["error"] == {"code": "rate_limit_exceeded", "message": "slow down"}
    assert told == {
        "message": "slow down",
        "type": "requests",
        "param": None,
        "code": "rate_limit_exceeded",
        "status": 429,
        "retry_after": 7,
    }


def test_a_buffered_answer_after_a_ping_is_told_as_an_error(upstream: Upstream, serve: Serve) -> None:
    upstream.play((Wait(), *whole(b'{"choices":[]}')))
    connection = opened(serve, QUICK)
    writes = connection.writes(connection.head())
    assert next(writes) == b": ping\n\n"
    upstream.proceed()
    assert b"upstream_not_streaming" in [*writes][-1]
    connection.close()


def test_a_buffered_answer_to_a_streamed_call_passes_before_any_ping(upstream: Upstream, serve: Serve) -> None:
    upstream.play(whole(b'{"choices":[]}'))
    assert call(serve(**QUICK).port, "POST", "/v1/chat/completions", KEY, CHAT).body == b'{"choices":[]}'


@pytest.mark.parametrize("how", cuts())
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/completions", "/v1/images/generations"])
def test_a_cut_stream_ends_with_an_error_event_and_no_done(
    upstream: Upstream, serve: Serve, path: str, how: Cut
) -> None:
    said = b'event: x\ndata: {"type":"x","sequence_number":4,"response":{"id":"r"}}\n\n'
    # Not before the first event has been read: a reset throws away what the other side has not read yet.
    upstream.play((SSE_HEAD, chunk(said), chunk(b'data: {"half'), Wait(), how))
    server = serve()
    connection = opened(serve, path=path)
    result = connection.head()
    writes = connection.writes(result)
    assert next(writes) == said
    upstream.proceed()
    assert [*writes]
    connection.close()
    last = result.writes[-1]
    assert b"upstream_disconnected" in last and b"half" not in result.body and b"[DONE]" not in result.body
    value = json.loads(last.partition(b"data: ")[2])
    assert set(value["error"]) == {"message", "type", "param", "code"}
    if path == "/v1/responses":
        assert (value["type"], value["sequence_number"]) == ("response.failed", 5)
        assert (value["response"]["id"], value["response"]["error"]["code"]) == ("r", "upstream_disconnected")
    named = b"event: response.failed\n" if path == "/v1/responses" else b"event: error\n"
    assert last.startswith(b"data:" if "completions" in path else named)
    assert server.line(result.header("x-sluice-request-id"))["ending"] == "upstream_disconnected"


def test_a_cut_file_breaks_the_connection_off(upstream: Upstream, serve: Serve) -> None:
    kind = ("Content-Type", "audio/mpeg")
    upstream.play((response_head(200, kind, ("Transfer-Encoding", "chunked")) + chunk(b"ID3" * 100), Cut()))
    result = call(serve().port, "POST", "/v1/audio/speech", KEY, PLAIN)
    assert result.status == 200 and result.broken
    upstream.play((response_head(200, kind, ("Content-Length", "2000000")) + b"x" * 1000, Cut()))
    result = call(serve().port, "POST", "/v1/audio/speech", KEY, PLAIN)
    assert result.broken and len(result.body) == 1000


def test_a_cut_short_answer_is_a_clean_502(upstream: Upstream, serve: Serve) -> None:
    upstream.play((response_head(200, ("Content-Type", "application/json"), ("Content-Length", "100")) + b"{", Cut()))
    result = call(serve().port, "POST", "/v1/chat/completions", KEY, PLAIN)
    assert (result.status, result.json()["error"]["code"]) == (502, "upstream_disconnected")
    assert not result.broken


def test_a_silent_upstream_is_a_504_or_an_error_event(upstream: Upstream, serve: Serve) -> None:
    server = serve(TIMEOUT_SECONDS="1")
    upstream.play((Wait(),))
    result = call(server.port, "POST", "/v1/chat/completions", KEY, PLAIN)
    assert (result.status, result.json()["error"]["code"]) == (504, "upstream_timeout")
    assert upstream.gone.wait(CEILING)
    upstream.play((SSE_HEAD, chunk(event("a")), Wait()))
    result = call(server.port, "POST", "/v1/chat/completions", KEY, CHAT)
    assert b"upstream_timeout" in result.writes[-1] and b"[DONE]" not in result.body


def test_the_first_byte_has_a_patience_of_its_own(upstream: Upstream, serve: Serve) -> None:
    server = serve(FIRST_BYTE_SECONDS="1")
    upstream.play((Wait(),))
    assert call(server.port, "POST", "/v1/embeddings", KEY, PLAIN).status == 504
    upstream.play((SSE_HEAD, Sleep(1.3), chunk(event("late")), END))
    assert call(server.port, "POST", "/v1/chat/completions", KEY, CHAT).body == event("late")


def test_no_upstream_is_a_502(serve: Serve, upstream: Upstream) -> None:
    server = serve(OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    result = call(server.port, "POST", "/v1/chat/completions", KEY, PLAIN)
    assert (result.status, result.json()["error"]["code"]) == (502, "upstream_unreachable")


@pytest.mark.parametrize("engine", ["direct", "httpx"])
@pytest.mark.parametrize(
    ("script", "code"),
    [
        ((Cut(),), "upstream_disconnected"),
        ((Cut(reset=True),), "upstream_disconnected"),
        ((b"garbage\r\n\r\n", Cut()), "upstream_malformed"),
    ],
)
def test_an_upstream_that_hangs_up_is_a_502(
    upstream: Upstream, serve: Serve, script: Script, code: str, engine: str
) -> None:
    upstream.play(script)
    result = call(serve(UPSTREAM_ENGINE=engine).port, "POST", "/v1/chat/completions", KEY, PLAIN)
    assert (result.status, result.json()["error"]["code"]) == (502, code)


def test_leaving_while_waiting_for_the_first_byte_cancels_the_upstream(upstream: Upstream, serve: Serve) -> None:
    upstream.play((Wait(),))
    server = serve()
    before = len(server.raw_lines)
    connection = opened(serve)
    wait_for(lambda: len(upstream.received) == 1)
    connection.close()
    assert upstream.gone.wait(CEILING)
    wait_for(lambda: len(server.raw_lines) > before)
    assert server.lines[-1]["ending"] == "client_disconnected" and server.lines[-1]["status"] == 499


@pytest.mark.parametrize("settings", [{}, QUICK])
def test_leaving_during_a_stream_cancels_the_upstream(
    upstream: Upstream, serve: Serve, settings: dict[str, str]
) -> None:
    upstream.play((SSE_HEAD, chunk(event("a")), Wait()))
    connection = opened(serve, settings)
    result = connection.head()
    while next(connection.writes(result)) != event("a"):
        pass
    connection.close()
    assert upstream.gone.wait(CEILING)
    line = serve(**settings).line(result.header("x-sluice-request-id"))
    assert (line["ending"], line["status"], line["level"]) == ("client_disconnected", 200, "info")


def test_a_kept_connection_is_used_again(upstream: Upstream, serve: Serve) -> None:
    upstream.play(whole(b"{}"))
    for _ in range(3):
        assert call(serve(FORWARD_HEADERS="x-kept").port, "GET", "/v1/models", KEY).status == 200
    before = upstream.connections
    call(serve(FORWARD_HEADERS="x-kept").port, "GET", "/v1/models", KEY)
    assert upstream.connections == before


@pytest.mark.parametrize("how", cuts())
def test_a_kept_connection_that_closes_does_not_fail_the_call(upstream: Upstream, serve: Serve, how: Cut) -> None:
    server = serve(FORWARD_HEADERS="x-stale")
    upstream.play(whole(b"{}"), (how,), whole(b'{"again":1}'))
    assert call(server.port, "GET", "/v1/models", KEY).body == b"{}"
    assert call(server.port, "POST", "/v1/chat/completions", KEY, PLAIN).body == b'{"again":1}'
    assert [one.method for one in upstream.received] == ["GET", "POST", "POST"]


def test_a_new_connection_that_closes_is_not_tried_again(upstream: Upstream, serve: Serve) -> None:
    server = serve(FORWARD_HEADERS="x-new")
    upstream.play((Cut(),))
    assert call(server.port, "POST", "/v1/chat/completions", KEY, PLAIN).status == 502
    assert len(upstream.received) == 1
