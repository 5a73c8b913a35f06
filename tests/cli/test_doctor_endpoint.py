"""The doctor and who answers: settings that stop it, paths too many, web pages, clocks, cold starts."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from proxy.adapters.aliyun_fc import FcApp
from proxy.adapters.scf_web import ScfWebApp
from proxy.cli.doctor import endpoint
from proxy.messages import Headers
from tests.conftest import Serve
from tests.support.doctor import (
    GUARDED,
    PAGE,
    adding,
    answer,
    answers,
    probe,
    running,
)
from tests.support.upstream import Cut, Received, Script, Sleep, Upstream, Wait, head, whole


def test_three_seconds_and_a_region_that_openai_does_not_serve() -> None:
    app = ScfWebApp({"OPENAI_API_KEY": "sk-canary-own", "LOG_LEVEL": "off"}, write=lambda _: None)
    with running(adding(app, (b"x-scf-timeout", b"3000"), (b"x-scf-region", b"ap-guangzhou"))) as url:
        findings = probe(url, key="")
    assert findings.of("ready.timeout")["seconds"] == 3
    assert "ap-guangzhou" in findings.of("ready.region")["message"]
    assert findings.bad == ["ready.timeout", "ready.region", "access.closed"]


def test_aliyun_s_three_seconds_and_its_default_domain() -> None:
    """The API's default time-out, a region that OpenAI does not serve, and browsers that download each answer."""

    class FcDefaultDomain(FcApp):
        def fit_headers(self, headers: Headers) -> None:
            headers.set("content-disposition", "attachment")

    environ = {"OPENAI_API_KEY": "sk-canary-own", "LOG_LEVEL": "off", "FC_REGION": "cn-hangzhou"}
    with running(adding(FcDefaultDomain(environ, write=lambda _: None), (b"x-fc-function-timeout", b"3"))) as url:
        findings = probe(url, key="")
    assert findings.of("platform.ok")["platform"] == "aliyun-fc"
    assert "cn-hangzhou" in findings.of("ready.region")["message"]
    assert findings.bad == ["page.download", "ready.timeout", "ready.region", "access.closed"]


def test_a_function_that_aliyun_cannot_start(upstream: Upstream) -> None:
    body = b'{"ErrorCode":"FunctionNotStarted","ErrorMessage":"dial tcp 21.0.5.7:9000: connection refused"}'
    upstream.choose = lambda _: whole(body, 502, ("x-fc-request-id", "1-67adb489"))
    findings = probe(f"http://127.0.0.1:{upstream.port}")
    assert findings.bad == ["platform.fc"] and findings.of("platform.fc")["what"] == "FunctionNotStarted"


def test_another_function_of_aliyun_s_is_no_failure_of_the_platform(upstream: Upstream) -> None:
    """Its header is on every answer, and only the platform's own errors have a code."""
    upstream.choose = lambda _: whole(b'{"ErrorCode":1}', 200, ("x-fc-request-id", "1-67adb489"))
    assert "platform.other" in probe(f"http://127.0.0.1:{upstream.port}").bad


def test_an_invalid_setting_that_stops_the_function_is_reported() -> None:
    with running(ScfWebApp({"TIMEOUT_SECONDS": "soon"}, write=lambda _: None)) as url:
        findings = probe(url)
    assert findings.bad == ["platform.stopped"] and "TIMEOUT_SECONDS" in findings.of("platform.stopped")["message"]


def test_an_extra_path_in_the_address_is_reported(serve: Serve) -> None:
    root = serve(**GUARDED).url
    findings = probe(f"{root}/wrong/path")
    assert findings.bad == ["platform.base"]
    assert findings.of("platform.base")["better"] == f"{root}/v1"


def test_a_web_page_in_place_of_an_endpoint(upstream: Upstream) -> None:
    upstream.choose = answers({}, PAGE)
    findings = probe(f"http://127.0.0.1:{upstream.port}/wrong")
    assert findings.of("platform.other")["what"] == "HTTP 404, text/html"
    assert findings.bad == [
        "platform.other",
        "access.unknown",
        "models.none",
        "paths.some",
        "cors.none",
        "chat.failed",
        "stream.failed",
    ]
    upstream.choose = answers({}, whole(b"bad gateway", 502, kind="text/plain"))
    assert probe(f"http://127.0.0.1:{upstream.port}").bad == ["platform.failed"]


def test_a_redirection_is_shown_with_where_it_leads(upstream: Upstream) -> None:
    moved = whole(b"", 301, ("Location", "https://example.com/"), kind="text/html")
    upstream.choose = answers({}, moved)
    findings = probe(f"http://127.0.0.1:{upstream.port}")
    assert findings.of("platform.other")["what"] == "HTTP 301, text/html, → https://example.com/"


def test_a_server_that_hangs_up_and_one_that_stays_silent(upstream: Upstream) -> None:
    url = f"http://127.0.0.1:{upstream.port}"
    upstream.play((Cut(),))
    assert probe(url).bad == ["platform.failed"]
    upstream.play((Wait(),))
    assert probe(url, silence_seconds=0.2).of("platform.failed")["what"] == "timeout"


@pytest.mark.parametrize(("seconds", "code"), [(-7200, "clock.skewed"), (0, "clock.ok"), (None, "clock.unknown")])
def test_clocks_are_compared(upstream: Upstream, seconds: int | None, code: str) -> None:
    def readyz(_: Received) -> Script:
        date = datetime.now(timezone.utc) + timedelta(seconds=seconds or 0)
        fields = (("Date", format_datetime(date, usegmt=True)),) if seconds is not None else ()
        return answer({}, 404, *fields)

    upstream.choose = answers({"GET /readyz": readyz}, PAGE)
    findings = probe(f"http://127.0.0.1:{upstream.port}")
    assert code in findings.codes
    if seconds:
        assert abs(findings.of(code)["seconds"] - seconds) <= 2


def test_a_cold_start_and_connections_that_do_not_last(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "COLD_MS", 100)
    body = json.dumps({"platform": "server", "access": "proxy-key", "warnings": ["Mind the gap."]}).encode()
    closing = (head(200, ("Content-Length", str(len(body))), ("Connection", "close")) + body, Cut())
    waits = [True]

    def readyz(_: Received) -> Script:
        return (Sleep(0.4), *closing) if waits and waits.pop() else closing

    upstream.choose = answers({"GET /readyz": readyz}, answer({}, 401))
    findings = probe(f"http://127.0.0.1:{upstream.port}")
    assert {"start.cold", "reuse.none", "ready.warning"} <= set(findings.bad)
    assert findings.of("ready.warning")["message"] == "Mind the gap." and findings.of("start.cold")["first"] >= 400
