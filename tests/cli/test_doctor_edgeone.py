"""The doctor in front of EdgeOne: its own answers in place of the function's."""

from __future__ import annotations

import pytest

from proxy.adapters.edgeone import EdgeOneApp
from proxy.cli.doctor import edgeone
from proxy.cli.doctor.client import Response
from tests.support.doctor import GUARDED, KEY, LISTED, answer, answers, changing, new_report, probe, running
from tests.support.upstream import Script, Upstream, whole

# What EdgeOne writes on every answer, its own and the function's.
SIGNED = (("EO-LOG-UUID", "4225735494395586037"), ("EO-Cache-Status", "MISS"))


def refusal(status: int, code: str) -> Script:
    return whole(f"<html><h1>{code}</h1></html>".encode(), status, *SIGNED, kind="text/html")


@pytest.mark.parametrize(
    ("status", "code", "found"),
    [
        (401, "Unauthorized", "edgeone.token"),
        (504, "CLOUD_FUNCTION_INVOCATION_TIMEOUT", "edgeone.timeout"),
        (500, "CLOUD_FUNCTION_INVOCATION_FAILED", "edgeone.failed"),
        (500, "INTERNAL_CLOUD_FUNCTION_INVOCATION_FAILED", "edgeone.failed"),
    ],
)
def test_edgeone_s_own_errors(upstream: Upstream, status: int, code: str, found: str) -> None:
    upstream.choose = answers({}, refusal(status, code))
    findings = probe(f"http://127.0.0.1:{upstream.port}")
    assert findings.bad == [found] and findings.of(found)["status"] == status


def test_an_unknown_page_of_edgeone_s_is_shown_as_it_is(upstream: Upstream) -> None:
    upstream.choose = answers({}, refusal(545, "Something else"))
    assert probe(f"http://127.0.0.1:{upstream.port}").bad == ["platform.failed"]


def test_a_call_that_takes_too_long_is_explained(upstream: Upstream) -> None:
    late = refusal(504, "CLOUD_FUNCTION_INVOCATION_TIMEOUT")
    upstream.choose = answers({**LISTED, "POST /v1/chat/completions": late}, answer({}, 404))
    findings = probe(f"http://127.0.0.1:{upstream.port}", model="m")
    assert findings.bad.count("edgeone.timeout") == 2, "for the whole answer and for the stream"


def test_a_function_behind_edgeone_is_well() -> None:
    def sign(message: dict[str, object]) -> list[dict[str, object]]:
        if message["type"] == "http.response.start":
            fields = [(name.lower().encode(), value.encode()) for name, value in SIGNED]
            message = {**message, "headers": [*message["headers"], *fields]}  # type: ignore[misc]
        return [message]

    with running(changing(EdgeOneApp({**GUARDED, "LOG_LEVEL": "off"}, write=lambda _: None), sign)) as url:
        findings = probe(url, key=KEY)
    assert findings.bad == [] and findings.of("platform.ok")["platform"] == "edgeone"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b"CLOUD_FUNCTION_INVOCATION_TIMEOUT"),
        ({"eo-log-uuid": "1", "x-sluice-request-id": "sl_1"}, b"CLOUD_FUNCTION_INVOCATION_TIMEOUT"),
        ({"eo-log-uuid": "1"}, b'{"error": {"message": "CLOUD_FUNCTION_INVOCATION_TIMEOUT"}}'),
    ],
)
def test_what_is_not_edgeone_s_own_is_left_to_others(headers: dict[str, str], body: bytes) -> None:
    report = new_report()
    response = Response(status=401, body=body)
    response.headers.update(headers)
    assert not edgeone.examine(response, report) and report.findings == []
