"""The doctor and answers: streams that are held back, cut, empty or broken, and Chinese that does not survive."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from proxy.adapters.asgi import App
from proxy.adapters.aws_buffered import BufferedFunction
from proxy.adapters.scf_event import EventFunction
from proxy.cli.doctor.client import Deadline
from tests.conftest import Serve
from tests.support import parts
from tests.support.doctor import (
    GUARDED,
    KEY,
    LISTED,
    EventFront,
    answer,
    answers,
    changing,
    probe,
    running,
    without,
)
from tests.support.process import free_port, process
from tests.support.talk import event
from tests.support.upstream import END, SSE_HEAD, Cut, Received, Script, Sleep, Upstream, chunk, head, whole


@contextmanager
def buffering(folder: Path, more: str) -> Iterator[str]:
    """nginx with what it does by default, in front of a server whose X-Accel-Buffering has been lost on the way."""
    nginx, port = parts.need("nginx"), free_port()
    app = changing(App(GUARDED, write=lambda _: None), without(b"x-accel-buffering"))
    # nginx passes HTTP/1.1 chunks through; it buffers responses without chunks, which h11 sends to HTTP/1.0.
    with running(app) as behind:
        (folder / "nginx.conf").write_text(f"""
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass {behind}; proxy_http_version 1.0; {more} }}
  }}
}}
""")
        with process([nginx, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", f"{folder}/error.log"], port):
            yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("more", "code"),
    [("proxy_buffer_size 64k; proxy_buffers 4 64k;", "stream.at_once"), ("proxy_buffer_size 4k;", "stream.lumps")],
)
def test_a_stream_that_nginx_buffers_is_detected(tmp_path: Path, more: str, code: str) -> None:
    with buffering(tmp_path, more) as url:
        findings = probe(url)
    assert findings.bad == [code]
    assert len(findings.of(code)["gaps_ms"]) == findings.of(code)["events"] - 1 > 20


@pytest.mark.parametrize(
    "front",
    [
        lambda: EventFront(BufferedFunction(GUARDED, write=lambda _: None), "aws-function-url"),
        lambda: EventFront(
            EventFunction(GUARDED, write=lambda _: None),
            "scf-function-url",
            lambda: {"time_limit_in_ms": 300_000, "memory_limit_in_mb": 256},
        ),
    ],
    ids=["aws", "tencent"],
)
def test_a_platform_that_cannot_stream_is_reported(front: Any) -> None:
    with running(front()) as url:
        findings = probe(url)
    assert findings.bad == ["stream.by_design"]
    assert "platform.buffered" in findings.codes and "utf8.ok" in findings.codes


CHAT = "POST /v1/chat/completions"


def test_a_character_cut_in_two_is_counted(serve: Serve) -> None:
    def cut(message: Any) -> list[Any]:
        body = message.get("body", b"")
        if message["type"] != "http.response.body" or not body.startswith(b"data:"):
            return [message]
        at = next((i for i in range(1, len(body)) if body[i] & 0xC0 == 0x80), 1)
        return [{**message, "body": body[:at], "more_body": True}, {**message, "body": body[at:]}]

    with running(changing(App(GUARDED, write=lambda _: None), cut)) as url:
        findings = probe(url)
    assert findings.bad == ["utf8.split"] and findings.of("utf8.split")["count"] > 5


@pytest.mark.parametrize("wrong", ["latin-1", "half"])
def test_garbled_chinese_is_detected(wrong: str) -> None:
    def change(message: Any) -> list[Any]:
        if message["type"] == "http.response.start":
            pairs = [pair for pair in message["headers"] if pair[0].lower() != b"content-length"]
            return [{**message, "headers": pairs}]
        body = message.get("body", b"")
        body = body.decode("latin-1").encode() if wrong == "latin-1" else body.replace(b"\xbd", b"")
        return [{**message, "body": body}]

    with running(changing(App(GUARDED, write=lambda _: None), change)) as url:
        assert "utf8.broken" in probe(url).bad


def playing(upstream: Upstream, streamed: Script, buffered: Script | None = None) -> str:
    """An endpoint of ours that answers with these; its address."""
    plain = buffered or answer({"choices": [{"message": {"content": "hello"}}]})

    def chat(received: Received) -> Script:
        return streamed if b'"stream":true' in received.body.replace(b" ", b"") else plain

    upstream.choose = answers({**LISTED, CHAT: chat}, answer({}, 401))
    return f"http://127.0.0.1:{upstream.port}"


DONE = chunk(b"data: [DONE]\n\n")
FIVE = tuple(step for _ in range(5) for step in (chunk(event("x")), Sleep(0.03)))


def test_malformed_streams_are_reported(upstream: Upstream) -> None:
    assert "stream.no_end" in probe(playing(upstream, (SSE_HEAD, *FIVE, END))).bad
    assert "stream.few" in probe(playing(upstream, (SSE_HEAD, chunk(event("x")), DONE, END))).bad
    assert {"stream.no_end", "stream.few"} <= set(probe(playing(upstream, (SSE_HEAD, END))).bad)
    cut = probe(playing(upstream, (SSE_HEAD, *FIVE, Cut())))
    assert "peer closed" in cut.of("stream.failed")["what"]
    failed = chunk(f'data: {{"error":{{"message":"no more of {KEY}"}}}}\n\n'.encode())
    failed_stream = probe(playing(upstream, (SSE_HEAD, *FIVE, failed, END)))
    assert failed_stream.of("stream.failed")["what"] == "no more of ***"
    assert probe(playing(upstream, answer({"a": 1}))).of("stream.failed")["what"] == "HTTP 200, application/json"
    huge = (SSE_HEAD, *FIVE, *[chunk(b": " + b"x" * 700_000 + b"\n\n")] * 3, DONE, END)
    assert "stream.no_end" in probe(playing(upstream, huge)).bad
    assert probe(playing(upstream, (SSE_HEAD, *FIVE, DONE, END))).bad == ["cors.none"]


DRIPS = tuple(step for _ in range(100) for step in (b"x", Sleep(0.05)))


def test_a_response_that_never_ends_times_out(upstream: Upstream) -> None:
    pings = tuple(step for _ in range(100) for step in (chunk(b": ping\n\n"), Sleep(0.05)))
    for lively in (pings, (*FIVE, *pings)):
        started = time.monotonic()
        findings = probe(playing(upstream, (SSE_HEAD, *lively)), call_seconds=0.5)
        assert findings.of("stream.failed")["what"] == "timeout" and time.monotonic() - started < 5
    endless = (head(200, ("Content-Type", "application/json")), *DRIPS)
    assert probe(playing(upstream, (SSE_HEAD, *FIVE, DONE, END), endless), call_seconds=0.5).of("chat.failed")[
        "what"
    ] == ("timeout")
    upstream.choose = answers({}, (b"HTTP/1.1 200 OK\r\nx-drips: ", *DRIPS))
    started = time.monotonic()
    findings = probe(f"http://127.0.0.1:{upstream.port}", call_seconds=0.5)
    assert findings.of("platform.failed")["what"] == "timeout" and time.monotonic() - started < 3


def test_a_connection_opened_after_the_deadline_is_closed_at_once() -> None:
    class Opened:
        def __init__(self, connection: socket.socket) -> None:
            self.get_extra_info = {"socket": connection}.get

    ours, theirs = socket.socketpair()
    with ours, theirs, Deadline(0.0, []) as deadline:
        while not deadline.passed:
            time.sleep(0.001)
        deadline.trace("connection.connect_tcp.started", {})
        deadline.trace("connection.start_tls.complete", {"return_value": Opened(ours)})
        assert theirs.recv(1) == b""


def test_malformed_answers_are_reported(upstream: Upstream) -> None:
    stream = (SSE_HEAD, *FIVE, DONE, END)
    assert "chat.failed" in probe(playing(upstream, stream, answer({"choices": "none"}))).bad
    assert "chat.failed" in probe(playing(upstream, stream, answer([1]))).bad
    assert "chat.failed" in probe(playing(upstream, stream, whole(b"x" * 3_000_000))).bad
    strange: Any
    for strange in ({"choices": []}, {"choices": [{"message": {"content": [1]}}]}):
        assert "chat.ok" in probe(playing(upstream, stream, answer(strange))).codes
    cut = probe(playing(upstream, stream, answer({"choices": []}, 200, ("x-sluice-truncated", "deadline"))))
    assert cut.of("chat.truncated")["why"] == "deadline"
    silent = probe(playing(upstream, (SSE_HEAD, chunk(b"data: {}\n\n"), DONE, END), answer({"choices": []})))
    assert not [code for code in silent.codes if code.startswith("utf8")]


def test_a_model_that_needs_max_completion_tokens_gets_it(upstream: Upstream) -> None:
    def chat(received: Received) -> Script:
        request = json.loads(received.body)
        if "max_completion_tokens" not in request:
            return answer({"error": {"message": "Use 'max_completion_tokens' instead."}}, 400)
        return (SSE_HEAD, *FIVE, DONE, END) if "stream" in request else answer({"choices": []})

    upstream.choose = answers({**LISTED, CHAT: chat}, answer({}, 401))
    findings = probe(f"http://127.0.0.1:{upstream.port}", model="o9")
    assert {"chat.ok", "stream.ok"} <= set(findings.codes)
    assert {json.loads(call.body)["model"] for call in upstream.received if len(call.body) > len("{}")} == {"o9"}
