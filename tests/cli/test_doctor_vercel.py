"""The doctor in front of Vercel: its own answers in place of the function's, and the region in its headers."""

from __future__ import annotations

import json

import pytest

from proxy.adapters.vercel import VercelApp
from proxy.cli.doctor import vercel
from proxy.cli.doctor.client import Response
from tests.support.doctor import GUARDED, LISTED, answer, answers, changing, new_report, probe, running
from tests.support.upstream import Script, Upstream, whole

# What Vercel adds to every answer, its own and the function's.
SIGNED = (("Server", "Vercel"), ("X-Vercel-Id", "hkg1::iad1::k2xqn-1764234000000-made0up"))
LOGIN = b"<!doctype html><html><title>Authentication Required</title></html>"


def refusal(code: str, status: int, in_header: bool = True) -> Script:
    """An error of Vercel's own: its code in a header, and in a line of a text."""
    fields = (*SIGNED, ("X-Vercel-Error", code)) if in_header else SIGNED
    return whole(f"An error occurred\n\n{code}\n\niad1::made-up\n".encode(), status, *fields, kind="text/plain")


@pytest.mark.parametrize("in_header", [True, False])
@pytest.mark.parametrize(
    ("code", "status", "found"),
    [
        ("DEPLOYMENT_NOT_FOUND", 404, "vercel.missing"),
        ("NOT_FOUND", 404, "vercel.missing"),
        ("FUNCTION_INVOCATION_FAILED", 500, "vercel.crashed"),
        ("FUNCTION_INVOCATION_TIMEOUT", 504, "vercel.timeout"),
        ("FUNCTION_PAYLOAD_TOO_LARGE", 413, "vercel.large"),
        ("DEPLOYMENT_PAUSED", 503, "vercel.paused"),
        ("DEPLOYMENT_DISABLED", 402, "vercel.paused"),
    ],
)
def test_vercel_s_own_errors(upstream: Upstream, code: str, status: int, found: str, in_header: bool) -> None:
    upstream.choose = answers({}, refusal(code, status, in_header))
    findings = probe(f"http://127.0.0.1:{upstream.port}")
    assert findings.bad == [found] and findings.of(found).get("error") == code


def test_deployment_protection_asks_programs_and_browsers_for_a_login(upstream: Upstream) -> None:
    page = whole(LOGIN, 401, *SIGNED, kind="text/html; charset=utf-8")
    moved = whole(b"", 302, *SIGNED, ("Location", "https://vercel.com/sso-api?url=x"), kind="text/html")
    for script in (page, moved):
        upstream.choose = answers({}, script)
        assert probe(f"http://127.0.0.1:{upstream.port}").bad == ["vercel.protected"]


def test_an_unknown_error_of_vercel_is_shown_with_its_code(upstream: Upstream) -> None:
    upstream.choose = answers({}, refusal("INTERNAL_FUNCTION_NOT_READY", 500))
    findings = probe(f"http://127.0.0.1:{upstream.port}")
    assert findings.bad == ["platform.failed"]
    assert findings.of("platform.failed")["what"] == "HTTP 500, INTERNAL_FUNCTION_NOT_READY, text/plain"


def test_another_server_s_page_with_such_words_is_not_vercel_s(upstream: Upstream) -> None:
    upstream.choose = answers({}, whole(LOGIN, 401, kind="text/html"))
    assert "platform.other" in probe(f"http://127.0.0.1:{upstream.port}").bad


def test_a_function_that_is_stopped_in_the_middle_is_explained(upstream: Upstream) -> None:
    stopped = refusal("FUNCTION_INVOCATION_TIMEOUT", 504)
    upstream.choose = answers({**LISTED, "POST /v1/chat/completions": stopped}, answer({}, 404))
    findings = probe(f"http://127.0.0.1:{upstream.port}", model="m")
    assert findings.bad.count("vercel.timeout") == 2, "for the whole answer and for the stream"
    assert "FUNCTION_INVOCATION_TIMEOUT" in findings.of("chat.failed")["what"]


def test_sluice_behind_vercel_is_recognised_with_the_region_in_which_it_ran() -> None:
    def sign(message: dict[str, object]) -> list[object]:
        if message["type"] == "http.response.start":
            fields = [(name.lower().encode(), value.encode()) for name, value in SIGNED]
            message = {**message, "headers": [*message["headers"], *fields]}  # type: ignore[misc]
        return [message]

    with running(changing(VercelApp(GUARDED, write=lambda _: None), sign)) as url:
        findings = probe(url)
    assert findings.of("platform.ok")["platform"] == "vercel" and findings.of("region.ok")["region"] == "iad1"
    assert not [code for code in findings.codes if code.startswith("vercel.")] and findings.bad == []


def test_hong_kong_is_a_region_that_openai_does_not_serve(upstream: Upstream) -> None:
    fields = ("X-Vercel-Id", "hkg1::hkg1::made-up")
    told = answer({"status": "ready", "platform": "vercel", "access": "proxy-key"}, 200, fields)
    upstream.choose = answers({**LISTED, "GET /readyz": told}, answer({}, 404))
    assert probe(f"http://127.0.0.1:{upstream.port}").of("region.unserved")["region"] == "hkg1"


def test_an_answer_of_the_function_s_own_is_not_vercel_s() -> None:
    body = json.dumps({"error": {"message": "FUNCTION_INVOCATION_TIMEOUT\nNOT_FOUND", "code": "x"}}).encode()
    report = new_report()
    for status, kind in ((401, "application/json"), (200, "text/html"), (404, "application/json")):
        response = Response(status=status, body=body)
        response.headers.update({"server": "Vercel", "content-type": kind})
        assert not vercel.examine(response, report)
    assert vercel.region_of(Response()) is None and report.findings == []
