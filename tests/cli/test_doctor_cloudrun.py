"""The doctor in front of Cloud Run: Google's own answers in place of the service's."""

from __future__ import annotations

import pytest

from proxy.adapters.cloudrun import CloudRunApp
from proxy.cli.doctor import addresses, cloudrun
from proxy.cli.doctor.client import Response
from tests.support.doctor import GUARDED, KEY, LISTED, answer, answers, changing, new_report, probe, running
from tests.support.upstream import Script, Upstream, whole

# What Google's front end writes on every answer, its own and the service's.
SIGNED = ("Server", "Google Frontend")
PAGE = b"<html><head><title>403 Forbidden</title></head><body><h1>Error: Forbidden</h1></body></html>"


def refusal(status: int, body: bytes = PAGE, kind: str = "text/html; charset=UTF-8") -> Script:
    return whole(body, status, SIGNED, kind=kind)


@pytest.mark.parametrize(
    ("script", "status", "found"),
    [
        (refusal(403), 403, "cloudrun.private"),
        (refusal(404), 404, "cloudrun.missing"),
        (refusal(413), 413, "cloudrun.large"),
        (refusal(429, b"Rate exceeded.", "text/plain"), 429, "cloudrun.busy"),
        (refusal(500), 500, "cloudrun.crashed"),
        (refusal(503, b"Service Unavailable", "text/plain"), 503, "cloudrun.crashed"),
        (refusal(504, b"upstream request timeout", "text/plain"), 504, "cloudrun.timeout"),
    ],
)
def test_google_s_own_errors(upstream: Upstream, script: Script, status: int, found: str) -> None:
    upstream.choose = answers({}, script)
    findings = probe(f"http://127.0.0.1:{upstream.port}")
    assert findings.bad == [found] and findings.of(found)["status"] == status


def test_a_status_that_google_does_not_explain_is_shown_as_it_is(upstream: Upstream) -> None:
    upstream.choose = answers({}, refusal(502))
    assert probe(f"http://127.0.0.1:{upstream.port}").bad == ["platform.failed"]


def test_a_call_that_takes_too_long_is_explained(upstream: Upstream) -> None:
    late = refusal(504, b"upstream request timeout", "text/plain")
    upstream.choose = answers({**LISTED, "POST /v1/chat/completions": late}, answer({}, 404))
    findings = probe(f"http://127.0.0.1:{upstream.port}", model="m")
    assert findings.bad.count("cloudrun.timeout") == 2, "for the whole answer and for the stream"


def test_a_service_behind_google_is_well() -> None:
    """Google writes its name on the service's answers too, also on its errors."""
    environ = {**GUARDED, "LOG_LEVEL": "off"}

    def sign(message: dict[str, object]) -> list[dict[str, object]]:
        if message["type"] == "http.response.start":
            headers = [pair for pair in message["headers"] if pair[0] != b"server"]  # type: ignore[attr-defined]
            message = {**message, "headers": [*headers, (b"server", b"Google Frontend")]}
        return [message]

    with running(changing(CloudRunApp(environ, write=lambda _: None), sign)) as url:
        findings = probe(url, key=KEY)
    assert findings.bad == [] and findings.of("platform.ok")["platform"] == "cloudrun"


@pytest.mark.parametrize(
    ("server", "more", "body"),
    [
        ("uvicorn", {}, PAGE),
        ("Google Frontend", {"x-sluice-request-id": "sl_1"}, b"an answer of an upstream"),
        ("Google Frontend", {}, b'{"error": {"message": "Another program behind Google."}}'),
    ],
)
def test_what_is_not_google_s_own_is_left_to_others(server: str, more: dict[str, str], body: bytes) -> None:
    report = new_report()
    response = Response(status=403, body=body)
    response.headers.update({"server": server, **more})
    assert not cloudrun.examine(response, report) and report.findings == []


@pytest.mark.parametrize(
    ("host", "region"),
    [
        *((f"sluice-123.{region}.run.app", region) for region in ("us-central1", "europe-west12", "asia-east2")),
        ("sluice-123.northamerica-northeast1.run.app", "northamerica-northeast1"),
        ("sluice-123.sk-secret1.run.app", None),
        ("sluice-abc-uc.a.run.app", None),
        ("fn.eu-west-1.on.aws", None),
        ("abc.lambda-url.eu-west-1.on.aws", "eu-west-1"),
        ("abc.lambda-url.eu-1.on.aws", None),
    ],
)
def test_a_report_names_a_region_only_if_it_is_made_of_known_words(host: str, region: str | None) -> None:
    assert addresses.known_region(f"https://{host}") == region
