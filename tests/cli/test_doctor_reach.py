"""The doctor on its way: addresses, names, ports, certificates, proxies, regions."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from proxy.cli.doctor import addresses, client, reach
from tests.conftest import Serve
from tests.support.doctor import (
    GUARDED,
    KEY,
    PAGE,
    probe,
)
from tests.support.process import free_port
from tests.support.proxies import SOCKS, only_proxies
from tests.support.upstream import Upstream, whole


def test_a_closed_port_and_an_unknown_name() -> None:
    closed = probe(f"http://127.0.0.1:{free_port()}")
    assert closed.codes == ["url.ok", "dns.ok", "tcp.failed"]
    assert probe("https://sluice.invalid").codes == ["url.ok", "dns.failed"]
    assert probe("https://" + "x" * 70 + ".test").codes[-1] == "dns.failed"


def test_a_host_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: Any) -> Any:
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", slow)
    assert probe("http://127.0.0.1:9").of("tcp.failed")["why"] == "timeout"


class Quiet(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(503)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Keep the server's log out of the tests' output."""


class Secured(HTTPServer):
    def handle_error(self, *_: Any) -> None:
        """A client that does not trust the certificate is what these tests are for."""


@contextmanager
def https(
    authority: trustme.CA, name: str = "127.0.0.1", days: float = 300, answering: type[Quiet] = Quiet
) -> Iterator[str]:
    """A server with a certificate for `name` that ends in so many days."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    until = datetime.now(timezone.utc) + timedelta(days=days)
    authority.issue_cert(name, not_after=until).configure_cert(context)
    server = Secured(("127.0.0.1", 0), answering)
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
        findings = probe(url, context=context)
    assert code in findings.codes
    if days > 0 and name == "127.0.0.1":
        assert findings.of(code)["days"] == int(days) - (days == int(days))
        assert findings.codes[-1] == "platform.failed"
    else:
        assert findings.codes[-1] == code


def test_a_certificate_that_nobody_trusts_and_a_port_without_tls(
    authority: trustme.CA, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    with https(authority) as url:
        assert probe(url).codes[-1] == "tls.untrusted"
    monkeypatch.setattr(reach, "CONNECT_SECONDS", 0.3)  # the scripted server waits for more than a handshake
    upstream.play(PAGE)
    assert probe(f"https://127.0.0.1:{upstream.port}").codes[-1] == "tls.failed"


def test_a_failing_outbound_proxy_is_named(serve: Serve, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = f"http://user:{KEY}@127.0.0.1:{free_port()}"
    only_proxies(monkeypatch, {"https_proxy": dead})
    findings = probe("https://sluice.invalid")
    assert findings.codes == ["url.ok", "proxy.dead"]
    assert findings.of("proxy.dead")["proxy"] == dead.replace(f"user:{KEY}@", "")
    assert findings.of("proxy.dead")["variable"] == "https_proxy"
    only_proxies(monkeypatch, {"all_proxy": "http://" + "x" * 70})
    assert probe("https://sluice.invalid").of("proxy.dead")["why"] == "DNS"
    upstream.play(whole(b"", 502))  # to CONNECT
    only_proxies(monkeypatch, {"https_proxy": f"http://127.0.0.1:{upstream.port}"})
    findings = probe("https://sluice.invalid")
    assert findings.codes == ["url.ok", "way.proxied", "platform.failed"]
    assert "502" in findings.of("platform.failed")["what"]
    monkeypatch.setenv("no_proxy", "sluice.invalid")
    assert probe("https://sluice.invalid").codes == ["url.ok", "dns.failed"]


def test_a_socks_proxy_is_reported_only_if_it_would_be_used(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clash exports a SOCKS proxy for everything and an HTTP proxy: the latter takes precedence."""
    url = serve(**GUARDED).url
    only_proxies(monkeypatch, {"all_proxy": SOCKS, "no_proxy": "127.0.0.1"})
    assert "platform.ok" in probe(url).codes
    only_proxies(monkeypatch, {"all_proxy": SOCKS})
    assert probe(url).codes == ["url.ok", "proxy.unusable"]
    # A redirection elsewhere, or the status page, may have another proxy than the endpoint.
    response = client.Client(url, "", ssl.create_default_context()).request("/healthz")
    assert (response.status, response.failure) == (0, f"all_proxy: {SOCKS}")
    only_proxies(monkeypatch, {"all_proxy": SOCKS, "https_proxy": f"http://127.0.0.1:{free_port()}"})
    assert probe("https://sluice.invalid").codes == ["url.ok", "proxy.dead"]


@pytest.mark.parametrize(
    ("region", "suffix", "code"),
    [
        ("ap-guangzhou", "tencentscf.com", "region.unserved"),
        ("ap-singapore", "tencentscf.com", "region.ok"),
        ("ap-east-1", "on.aws", "region.unserved"),
        ("cn-hangzhou", "fcapp.run", "region.unserved"),
        ("cn-hongkong", "fcapp.run", "region.unserved"),
        ("ap-northeast-1", "fcapp.run", "region.ok"),
    ],
)
def test_the_region_in_an_address(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, region: str, suffix: str, code: str
) -> None:
    port = serve(**GUARDED).port
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *more, **named: real("127.0.0.1", *more, **named))
    host = f"abc.lambda-url.{region}.{suffix}" if suffix == "on.aws" else f"1-abc.{region}.{suffix}"
    findings = probe(f"http://{host}:{port}", key="")
    assert findings.of(code)["region"] == region and "url.plain" in findings.bad


@pytest.mark.parametrize(
    ("text", "root"),
    [
        ("https://a.test", "https://a.test"),
        ("https://a.test/v1/", "https://a.test"),
        ("https://a.test/v1/v1", "https://a.test"),
        ("https://a.test/release/v1/chat/completions?x=1", "https://a.test/release"),
        ("127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("localhost/v1", "http://localhost"),
        ("[::1]:9000", "http://[::1]:9000"),
        ("localhost.evil.example", "https://localhost.evil.example"),
        (" a.test/v1/models ", "https://a.test"),
        ("http://[::1]:9000/V1", "http://[::1]:9000"),
        ("https://a.test/readyz", "https://a.test"),
    ],
)
def test_the_base_url_is_found_in_whatever_was_pasted(text: str, root: str) -> None:
    assert addresses.root_of(text) == root


@pytest.mark.parametrize(
    "text", ["", "ftp://a.test", "https://", "https://u:p@a.test", "https://a.test:99999", "http://["]
)
def test_invalid_addresses_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        addresses.root_of(text)


class Dripping(Quiet):
    def do_GET(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(b"H")
                time.sleep(0.05)


def test_a_deadline_ends_a_call_over_tls(authority: trustme.CA) -> None:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with https(authority, answering=Dripping) as url:
        started = time.monotonic()
        assert probe(url, context=context, call_seconds=0.5).of("platform.failed")["what"] == "timeout"
        assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("root", "plain"),
    [
        ("http://localhost:1", False),
        ("http://127.9.9.9", False),
        ("http://[::1]", False),
        ("https://a.test", False),
        ("http://localhost.evil.example", True),
        ("http://127.evil.com", True),
        ("http://10.0.0.1", True),
    ],
)
def test_only_loopback_addresses_are_local(root: str, plain: bool) -> None:
    assert addresses.is_plain(root) is plain


def test_a_failed_call_says_why() -> None:
    import httpx

    assert client.describe(httpx.ReadError("")) == "ReadError"
    assert Path(client.__file__).name == "client.py"
