"""The doctor probes real servers on this machine: sound ones, and such as have each thing wrong that people meet."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from proxy.adapters.asgi import App
from proxy.adapters.aws_buffered import BufferedFunction
from proxy.adapters.scf_event import EventFunction
from proxy.adapters.scf_web import ScfWebApp
from proxy.cli.doctoring import addresses, door, entry, extras, reach
from proxy.cli.doctoring.access import choose
from proxy.routes import TALLY
from tests.conftest import Serve
from tests.support import parts
from tests.support.doctor import (
    KEY,
    MODELS,
    EventFront,
    Table,
    adding,
    answers,
    changing,
    look,
    only_with_a_key,
    ready,
    running,
    said,
    without,
)
from tests.support.talk import event
from tests.support.upstream import END, SSE_HEAD, Cut, Received, Script, Sleep, Upstream, Wait, chunk, head, whole
from tests.test_bundle import free_port, process

GUARDED = {"DEMO": "1", "PROXY_KEY": KEY}
PAGE = whole(b"<html><h1>404</h1></html>", 404, kind="text/html")
CHAT = "POST /v1/chat/completions"
LISTED: Table = {"GET /readyz": ready(), "GET /v1/models": only_with_a_key(MODELS)}


def test_a_sound_endpoint_is_all_green(serve: Serve) -> None:
    found = look(serve(**GUARDED).url)
    assert found.bad == []
    assert {"platform.ok", "access.guarded", "models.ok", "chat.ok", "stream.ok", "utf8.ok", "cors.ok", "paths.ok",
            "reuse.ok", "clock.ok", "start.ok", "tcp.ok", "url.ok"} <= set(found.codes)  # fmt: skip
    measured = found.of("stream.ok")
    assert measured["events"] > 20 and len(measured["gaps_ms"]) == measured["events"] - 1
    assert 20 < measured["median"] <= measured["longest"]


def test_the_open_demo_is_green_too(serve: Serve) -> None:
    found = look(serve(DEMO="1").url, key="")
    assert found.bad == [] and "access.demo" in found.codes and "stream.ok" in found.codes


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


def test_a_server_that_lets_everybody_spend_the_owner_s_money(upstream: Upstream, serve: Serve) -> None:
    upstream.choose = answers({"GET /v1/models": MODELS}, said({"error": {"message": "later"}}, 500))
    found = look(serve(OPENAI_API_KEY="sk-canary-own", ALLOW_ANONYMOUS="1").url, key="")
    assert "access.anonymous" in found.bad
    upstream.choose = answers({"GET /v1/models": MODELS}, PAGE)
    assert "access.open" in look(f"http://127.0.0.1:{upstream.port}", key="").bad


def test_a_server_that_says_not_who_may_call(serve: Serve) -> None:
    found = look(serve(OPENAI_API_KEY="sk-canary-own").url)
    assert found.bad == ["access.closed", "key.refused"] and "chat.ok" not in found.codes


def test_a_wrong_key_and_none(serve: Serve) -> None:
    url = serve(**GUARDED).url
    wrong = look(url, key=f"{KEY}-x")
    assert wrong.bad == ["key.refused"] and "not one of this endpoint's" in wrong.of("key.refused")["message"]
    none = look(url, key="")
    assert none.bad == [] and "key.none" in none.codes and "paths.ok" in none.codes and "chat.ok" not in none.codes


def test_any_made_up_key_is_tried(upstream: Upstream) -> None:
    def asks(received: Received) -> Script:
        return MODELS if received.header("authorization") else said({}, 401)

    upstream.choose = answers({"GET /v1/models": asks}, PAGE)
    assert "access.any_key" in look(f"http://127.0.0.1:{upstream.port}").bad


def test_somebody_else_s_endpoint_that_is_guarded(upstream: Upstream) -> None:
    upstream.choose = answers({"GET /v1/models": only_with_a_key(MODELS)}, PAGE)
    found = look(f"http://127.0.0.1:{upstream.port}")
    assert [code for code in found.codes if code.startswith("access")] == ["access.guarded"]


def test_pass_through_is_not_asked_with_a_made_up_key(upstream: Upstream, serve: Serve) -> None:
    upstream.choose = answers({"GET /v1/models": MODELS}, PAGE)
    found = look(serve().url)
    assert "access.guarded" in found.codes and "access.own-key" in found.codes
    assert {one.header("authorization") for one in upstream.received} == {f"Bearer {KEY}"}


def test_three_seconds_and_a_region_that_openai_does_not_serve() -> None:
    app = ScfWebApp({"OPENAI_API_KEY": "sk-canary-own", "LOG_LEVEL": "off"}, write=lambda _: None)
    with running(adding(app, (b"x-scf-timeout", b"3000"), (b"x-scf-region", b"ap-guangzhou"))) as url:
        found = look(url, key="")
    assert found.of("ready.timeout")["seconds"] == 3
    assert "ap-guangzhou" in found.of("ready.region")["message"]
    assert found.bad == ["ready.timeout", "ready.region", "access.closed"]


def test_a_setting_that_stops_the_function() -> None:
    with running(ScfWebApp({"TIMEOUT_SECONDS": "soon"}, write=lambda _: None)) as url:
        found = look(url)
    assert found.bad == ["platform.stopped"] and "TIMEOUT_SECONDS" in found.of("platform.stopped")["message"]


def test_a_path_too_many(serve: Serve) -> None:
    root = serve(**GUARDED).url
    found = look(f"{root}/wrong/path")
    assert found.bad == ["platform.base"]
    assert found.of("platform.base")["better"] == f"{root}/v1"


def test_a_web_page_in_place_of_an_endpoint(upstream: Upstream) -> None:
    upstream.choose = answers({}, PAGE)
    found = look(f"http://127.0.0.1:{upstream.port}/wrong")
    assert found.of("platform.other")["what"] == "HTTP 404, text/html"
    assert found.bad == [
        "platform.other",
        "access.unknown",
        "models.none",
        "paths.some",
        "cors.none",
        "chat.failed",
        "stream.failed",
    ]
    upstream.choose = answers({}, whole(b"bad gateway", 502, kind="text/plain"))
    assert look(f"http://127.0.0.1:{upstream.port}").bad == ["platform.failed"]


def test_a_redirection_is_shown_with_where_it_leads(upstream: Upstream) -> None:
    moved = whole(b"", 301, ("Location", "https://example.com/"), kind="text/html")
    upstream.choose = answers({}, moved)
    found = look(f"http://127.0.0.1:{upstream.port}")
    assert found.of("platform.other")["what"] == "HTTP 301, text/html, → https://example.com/"


def test_a_server_that_hangs_up_and_one_that_says_nothing(upstream: Upstream) -> None:
    url = f"http://127.0.0.1:{upstream.port}"
    upstream.play((Cut(),))
    assert look(url).bad == ["platform.failed"]
    upstream.play((Wait(),))
    assert look(url, seconds=0.2).of("platform.failed")["what"] == "timeout"


@pytest.mark.parametrize(("seconds", "code"), [(-7200, "clock.skewed"), (0, "clock.ok"), (None, "clock.unknown")])
def test_clocks_are_compared(upstream: Upstream, seconds: int | None, code: str) -> None:
    def told(_: Received) -> Script:
        date = datetime.now(timezone.utc) + timedelta(seconds=seconds or 0)
        fields = (("Date", format_datetime(date, usegmt=True)),) if seconds is not None else ()
        return said({}, 404, *fields)

    upstream.choose = answers({"GET /readyz": told}, PAGE)
    found = look(f"http://127.0.0.1:{upstream.port}")
    assert code in found.codes
    if seconds:
        assert abs(found.of(code)["seconds"] - seconds) <= 2


def test_a_cold_start_and_connections_that_do_not_last(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "COLD_MS", 100)
    body = json.dumps({"platform": "server", "access": "proxy-key", "warnings": ["Mind the gap."]}).encode()
    closing = (head(200, ("Content-Length", str(len(body))), ("Connection", "close")) + body, Cut())
    waits = [True]

    def told(_: Received) -> Script:
        return (Sleep(0.4), *closing) if waits and waits.pop() else closing

    upstream.choose = answers({"GET /readyz": told}, said({}, 401))
    found = look(f"http://127.0.0.1:{upstream.port}")
    assert {"start.cold", "reuse.none", "ready.warning"} <= set(found.bad)
    assert found.of("ready.warning")["message"] == "Mind the gap." and found.of("start.cold")["first"] >= 400


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


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (said({"error": {"message": "no", "code": "unsupported_country_region_territory"}}, 403), "models.region"),
        (said({"error": {"message": "no", "code": "x"}}, 500), "models.failed"),
        (said({"error": "a text"}, 200), "models.failed"),
        (said({}, 404), "models.none"),
    ],
)
def test_lists_of_models_that_do_not_come(upstream: Upstream, script: Script, code: str) -> None:
    upstream.choose = answers({**LISTED, "GET /v1/models": only_with_a_key(script)}, said({}, 401))
    found = look(f"http://127.0.0.1:{upstream.port}")
    assert code in found.bad
    assert ("chat.failed" in found.bad) is (code == "models.none" or b"a text" in script[0])  # type: ignore[operator]


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (("gpt-5", "gpt-4o-mini"), "gpt-4o-mini"),
        (("text-embedding-3-small", "some-model"), "some-model"),
        (("whisper-1",), "gpt-4o-mini"),
        ((), "gpt-4o-mini"),
    ],
)
def test_a_cheap_model_that_can_chat_is_asked(names: tuple[str, ...], chosen: str) -> None:
    assert choose(names) == chosen


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ((("access-control-allow-origin", "*"), ("access-control-allow-headers", "Authorization")), "cors.ok"),
        ((("access-control-allow-origin", "*, *"), ("access-control-allow-headers", "x")), "cors.doubled"),
        ((("access-control-allow-origin", "*"), ("access-control-allow-headers", "content-type")), "cors.none"),
        ((("access-control-allow-origin", "https://other.test"),), "cors.none"),
    ],
)
def test_what_a_browser_would_say(upstream: Upstream, fields: tuple[tuple[str, str], ...], code: str) -> None:
    table = {**LISTED, "OPTIONS /v1/chat/completions": whole(b"", 200, *fields)}
    upstream.choose = answers(table, said({}, 401))
    assert code in look(f"http://127.0.0.1:{upstream.port}").codes


def test_the_spellings_that_do_not_work_are_named(upstream: Upstream) -> None:
    upstream.choose = answers({**LISTED, "GET /models": whole(b"<p>", 200, kind="text/html")}, PAGE)
    found = look(f"http://127.0.0.1:{upstream.port}")
    assert found.of("paths.some")["list"] == "…, …/v1/v1, …//v1, …/v1/"
    assert found.of("paths.some")["base"] == f"http://127.0.0.1:{upstream.port}/v1"


def test_sizes_are_tried_without_anything_going_up(upstream: Upstream, serve: Serve) -> None:
    upstream.choose = answers({"GET /v1/models": MODELS}, said({}, 500))
    found = look(serve(ScfWebApp).url, size=True)
    assert found.of("size.below")["size"] == extras.BELOW
    assert found.of("size.above")["status"] == 413 and found.of("size.above")["size"] > 6_000_000
    assert max(len(one.body) for one in upstream.received) < 1000
    small = look(serve(ScfWebApp, MAX_BODY_MB="1").url, size=True)
    assert "413" in small.of("size.refused")["what"]
    assert "size.unknown" in look(serve().url, size=True).codes


@pytest.mark.parametrize(("script", "code"), [(said({}, 400), "size.passed"), ((Cut(),), "size.lost")])
def test_sizes_that_a_platform_takes_otherwise_than_it_says(upstream: Upstream, script: Script, code: str) -> None:
    table = {**LISTED, "GET /readyz": ready(platform="aws-lambda-stream"), f"POST /v1/{TALLY}": script}
    upstream.choose = answers(table, said({}, 401))
    assert code in look(f"http://127.0.0.1:{upstream.port}", size=True).bad


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"status": {"indicator": "none", "description": "All Systems Operational"}}, "status.ok"),
        ({"status": {"indicator": "major", "description": "Elevated errors"}}, "status.trouble"),
        ({"page": {}}, "status.unknown"),
    ],
)
def test_openai_s_status_page_is_asked_where_openai_answers(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch, told: Any, code: str
) -> None:
    monkeypatch.setattr(extras, "STATUS_URL", f"http://127.0.0.1:{upstream.port}/status.json")
    listed = said({"data": [{"id": "m"}]}, 200, ("openai-version", "2020-10-01"))
    table = {**LISTED, "GET /v1/models": only_with_a_key(listed), "GET /status.json": said(told)}
    upstream.choose = answers(table, said({}, 401))
    found = look(f"http://127.0.0.1:{upstream.port}")
    assert code in found.codes
    (asked,) = [one for one in upstream.received if one.target == "/status.json"]
    assert asked.header("authorization") is None


def test_a_closed_port_and_an_unknown_name() -> None:
    closed = look(f"http://127.0.0.1:{free_port()}")
    assert closed.codes == ["url.ok", "dns.ok", "tcp.failed"]
    assert look("https://sluice.invalid").codes == ["url.ok", "dns.failed"]
    assert look("https://" + "x" * 70 + ".test").codes[-1] == "dns.failed"


def test_a_host_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: Any) -> Any:
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", slow)
    assert look("http://127.0.0.1:9").of("tcp.failed")["why"] == "timeout"


class Quiet(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(503)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing of it belongs into the tests' output."""


class Secured(HTTPServer):
    def handle_error(self, *_: Any) -> None:
        """A client that does not trust the certificate is what these tests are for."""


@contextmanager
def https(authority: trustme.CA, name: str = "127.0.0.1", days: float = 300) -> Iterator[str]:
    """A server with a certificate for `name` that ends in so many days."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    until = datetime.now(timezone.utc) + timedelta(days=days)
    authority.issue_cert(name, not_after=until).configure_cert(context)
    server = Secured(("127.0.0.1", 0), Quiet)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.mark.parametrize(
    ("name", "days", "code"),
    [
        ("127.0.0.1", 300.0, "tls.ok"),
        ("127.0.0.1", 5.5, "tls.soon"),
        ("127.0.0.1", -1.0, "tls.expired"),
        ("other.test", 300.0, "tls.name"),
    ],
)
def test_certificates(authority: trustme.CA, name: str, days: float, code: str) -> None:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with https(authority, name, days) as url:
        found = look(url, context=context)
    assert code in found.codes
    if days > 0 and name == "127.0.0.1":
        assert found.of(code)["days"] == int(days) - (days == int(days))
        assert found.codes[-1] == "platform.failed"
    else:
        assert found.codes[-1] == code


def test_a_certificate_that_nobody_trusts_and_a_port_without_tls(
    authority: trustme.CA, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    with https(authority) as url:
        assert look(url).codes[-1] == "tls.untrusted"
    monkeypatch.setattr(reach, "CONNECT_SECONDS", 0.3)  # the scripted server waits for more than a handshake
    upstream.play(PAGE)
    assert look(f"https://127.0.0.1:{upstream.port}").codes[-1] == "tls.failed"


def test_behind_an_outbound_proxy_the_way_is_the_proxy_s(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{free_port()}")
    found = look("https://sluice.invalid")
    assert found.codes == ["url.ok", "way.proxied", "platform.failed"]
    monkeypatch.setenv("no_proxy", "sluice.invalid")
    assert not reach.proxied("https", "sluice.invalid")


@pytest.mark.parametrize(
    ("region", "suffix", "code"),
    [
        ("ap-guangzhou", "tencentscf.com", "region.unserved"),
        ("ap-singapore", "tencentscf.com", "region.ok"),
        ("ap-east-1", "on.aws", "region.unserved"),
    ],
)
def test_the_region_in_an_address(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, region: str, suffix: str, code: str
) -> None:
    port = serve(**GUARDED).port
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *more, **named: real("127.0.0.1", *more, **named))
    host = f"1-abc.{region}.{suffix}" if suffix == "tencentscf.com" else f"abc.lambda-url.{region}.{suffix}"
    found = look(f"http://{host}:{port}", key="")
    assert found.of(code)["region"] == region and "url.plain" in found.bad


@pytest.mark.parametrize(
    ("text", "root"),
    [
        ("https://a.test", "https://a.test"),
        ("https://a.test/v1/", "https://a.test"),
        ("https://a.test/v1/v1", "https://a.test"),
        ("https://a.test/release/v1/chat/completions?x=1", "https://a.test/release"),
        (" a.test/v1/models ", "https://a.test"),
        ("http://[::1]:9000/V1", "http://[::1]:9000"),
        ("https://a.test/readyz", "https://a.test"),
    ],
)
def test_whatever_was_copied_the_base_is_found(text: str, root: str) -> None:
    assert addresses.root_of(text) == root


@pytest.mark.parametrize(
    "text", ["", "ftp://a.test", "https://", "https://u:p@a.test", "https://a.test:99999", "http://["]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        addresses.root_of(text)


def test_a_failed_call_says_why() -> None:
    import httpx

    assert door.reason(httpx.ReadError("")) == "ReadError"
    assert Path(door.__file__).name == "door.py"
