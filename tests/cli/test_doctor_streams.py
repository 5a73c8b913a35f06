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
from proxy.cli.doctor.door import Deadline
from tests.cli.test_bundle import free_port, process
from tests.conftest import Serve
from tests.support import parts
from tests.support.doctor import (
    GUARDED,
    KEY,
    LISTED,
    EventFront,
    answers,
    changing,
    look,
    running,
    said,
    without,
)
from tests.support.talk import event
from tests.support.upstream import END, SSE_HEAD, Cut, Received, Script, Sleep, Upstream, chunk, head, whole


@contextmanager
def buffering(folder: Path, more: str) -> Iterator[str]:
    """nginx with what it does by default, in front of a server whose X-Accel-Buffering has been lost on the way."""
    nginx, port = parts.need("nginx"), free_port()
    app = changing(App(GUARDED, write=lambda _: None), without(b"x-accel-buffering"))
    # nginx passes HTTP/1.1's chunks on one by one; what it gathers is an answer without, as h11 gives to HTTP/1.0.
    with running(app, "h11") as behind:
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
def test_a_stream_that_nginx_holds_back_is_found_out(tmp_path: Path, more: str, code: str) -> None:
    with buffering(tmp_path, more) as url:
        found = look(url)
    assert found.bad == [code]
    assert len(found.of(code)["gaps_ms"]) == found.of(code)["events"] - 1 > 20


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
def test_a_door_that_cannot_stream_is_named_as_such(front: Any) -> None:
    with running(front()) as url:
        found = look(url)
    assert found.bad == ["stream.by_design"]
    assert "platform.buffered" in found.codes and "utf8.ok" in found.codes


CHAT = "POST /v1/chat/completions"


def test_a_character_cut_in_two_is_counted(serve: Serve) -> None:
    def cut(message: Any) -> list[Any]:
        body = message.get("body", b"")
        if message["type"] != "http.response.body" or not body.startswith(b"data:"):
            return [message]
        at = next((i for i in range(1, len(body)) if body[i] & 0xC0 == 0x80), 1)
        return [{**message, "body": body[:at], "more_body": True}, {**message, "body": body[at:]}]

    with running(changing(App(GUARDED, write=lambda _: None), cut)) as url:
        found = look(url)
    assert found.bad == ["utf8.split"] and found.of("utf8.split")["count"] > 5


@pytest.mark.parametrize("wrong", ["latin-1", "half"])
def test_chinese_that_comes_back_broken_is_seen(wrong: str) -> None:
    def change(message: Any) -> list[Any]:
        if message["type"] == "http.response.start":
            pairs = [pair for pair in message["headers"] if pair[0].lower() != b"content-length"]
            return [{**message, "headers": pairs}]
        body = message.get("body", b"")
        body = body.decode("latin-1").encode() if wrong == "latin-1" else body.replace(b"\xbd", b"")
        return [{**message, "body": body}]

    with running(changing(App(GUARDED, write=lambda _: None), change)) as url:
        assert "utf8.broken" in look(url).bad


def playing(upstream: Upstream, streamed: Script, buffered: Script | None = None) -> str:
    """An endpoint of ours that answers with these; its address."""
    plain = buffered or said({"choices": [{"message": {"content": "hello"}}]})

    def chat(received: Received) -> Script:
        return streamed if b'"stream":true' in received.body.replace(b" ", b"") else plain

    upstream.choose = answers({**LISTED, CHAT: chat}, said({}, 401))
    return f"http://127.0.0.1:{upstream.port}"


DONE = chunk(b"data: [DONE]\n\n")
FIVE = tuple(step for _ in range(5) for step in (chunk(event("x")), Sleep(0.03)))


def test_streams_that_are_not_what_they_should_be(upstream: Upstream) -> None:
    assert "stream.no_end" in look(playing(upstream, (SSE_HEAD, *FIVE, END))).bad
    assert "stream.few" in look(playing(upstream, (SSE_HEAD, chunk(event("x")), DONE, END))).bad
    assert {"stream.no_end", "stream.few"} <= set(look(playing(upstream, (SSE_HEAD, END))).bad)
    cut = look(playing(upstream, (SSE_HEAD, *FIVE, Cut())))
    assert "peer closed" in cut.of("stream.failed")["what"]
    failed = chunk(f'data: {{"error":{{"message":"no more of {KEY}"}}}}\n\n'.encode())
    told = look(playing(upstream, (SSE_HEAD, *FIVE, failed, END)))
    assert told.of("stream.failed")["what"] == "no more of ***"
    assert look(playing(upstream, said({"a": 1}))).of("stream.failed")["what"] == "HTTP 200, application/json"
    huge = (SSE_HEAD, *FIVE, *[chunk(b": " + b"x" * 700_000 + b"\n\n")] * 3, DONE, END)
    assert "stream.no_end" in look(playing(upstream, huge)).bad
    assert look(playing(upstream, (SSE_HEAD, *FIVE, DONE, END))).bad == ["cors.none"]


DRIPS = tuple(step for _ in range(100) for step in (b"x", Sleep(0.05)))


def test_what_never_ends_is_a_time_out(upstream: Upstream) -> None:
    pings = tuple(step for _ in range(100) for step in (chunk(b": ping\n\n"), Sleep(0.05)))
    for lively in (pings, (*FIVE, *pings)):
        started = time.monotonic()
        found = look(playing(upstream, (SSE_HEAD, *lively)), total=0.5)
        assert found.of("stream.failed")["what"] == "timeout" and time.monotonic() - started < 5
    endless = (head(200, ("Content-Type", "application/json")), *DRIPS)
    assert look(playing(upstream, (SSE_HEAD, *FIVE, DONE, END), endless), total=0.5).of("chat.failed")["what"] == (
        "timeout"
    )
    upstream.choose = answers({}, (b"HTTP/1.1 200 OK\r\nx-drips: ", *DRIPS))
    started = time.monotonic()
    found = look(f"http://127.0.0.1:{upstream.port}", total=0.5)
    assert found.of("platform.failed")["what"] == "timeout" and time.monotonic() - started < 3


def test_a_connection_that_comes_after_the_deadline_is_shut_at_once() -> None:
    class Opened:
        def __init__(self, connection: socket.socket) -> None:
            self.get_extra_info = {"socket": connection}.get

    ours, theirs = socket.socketpair()
    with ours, theirs, Deadline(0.0, []) as deadline:
        while not deadline.passed:
            time.sleep(0.001)
        deadline.note("connection.connect_tcp.started", {})
        deadline.note("connection.start_tls.complete", {"return_value": Opened(ours)})
        assert theirs.recv(1) == b""


def test_answers_that_are_not_what_they_should_be(upstream: Upstream) -> None:
    stream = (SSE_HEAD, *FIVE, DONE, END)
    assert "chat.failed" in look(playing(upstream, stream, said({"choices": "none"}))).bad
    assert "chat.failed" in look(playing(upstream, stream, said([1]))).bad
    assert "chat.failed" in look(playing(upstream, stream, whole(b"x" * 3_000_000))).bad
    strange: Any
    for strange in ({"choices": []}, {"choices": [{"message": {"content": [1]}}]}):
        assert "chat.ok" in look(playing(upstream, stream, said(strange))).codes
    cut = look(playing(upstream, stream, said({"choices": []}, 200, ("x-sluice-truncated", "deadline"))))
    assert cut.of("chat.truncated")["why"] == "deadline"
    silent = look(playing(upstream, (SSE_HEAD, chunk(b"data: {}\n\n"), DONE, END), said({"choices": []})))
    assert not [code for code in silent.codes if code.startswith("utf8")]


def test_a_model_that_wants_the_newer_name_for_the_most_tokens_gets_it(upstream: Upstream) -> None:
    def chat(received: Received) -> Script:
        asked = json.loads(received.body)
        if "max_completion_tokens" not in asked:
            return said({"error": {"message": "Use 'max_completion_tokens' instead."}}, 400)
        return (SSE_HEAD, *FIVE, DONE, END) if "stream" in asked else said({"choices": []})

    upstream.choose = answers({**LISTED, CHAT: chat}, said({}, 401))
    found = look(f"http://127.0.0.1:{upstream.port}", model="o9")
    assert {"chat.ok", "stream.ok"} <= set(found.codes)
    assert {json.loads(one.body)["model"] for one in upstream.received if one.body} == {"o9"}
