"""The doctor in front of Azure: its own answers in place of the function's, and the region in its host names."""

from __future__ import annotations

import pytest

from proxy.adapters.azure_functions import FunctionsApp
from proxy.cli.doctor import addresses, azure, own_answers
from proxy.cli.doctor.client import Response
from proxy.cli.doctor.endpoint import is_unserved
from tests.support.azure import ADDED
from tests.support.doctor import GUARDED, LISTED, adding, answer, answers, new_report, probe, running
from tests.support.upstream import Upstream, whole

ROOT = "https://sluice-a1b2c3d4e5f6a7b8.eastus-01.azurewebsites.net"
FORBIDDEN = (
    b'<h1 id="unavailable">Error 403 - Forbidden</h1><p>The web app you have attempted to reach has blocked your'
)
STOPPED = b'<h1 id="unavailable">Error 403 - This web app is stopped.</h1><p>The web app you have attempted to reach is'


def made(status: int, body: bytes = b"", **headers: str) -> Response:
    response = Response(status=status, body=body)
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return response


def found(response: Response, root: str = ROOT) -> list[str]:
    report = new_report()
    assert own_answers.examine(response, root, report) == bool(report.findings)
    assert all(finding.text("en") and finding.text("zh") for finding in report.findings)
    return [finding.code for finding in report.findings]


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (made(401), "azure.key"),
        (made(404), "azure.route"),
        (made(500), "azure.crashed"),
        (made(502, b"<html>", content_type="text/html"), "azure.silent"),
        (made(504), "azure.silent"),
        (made(401, b"You do not have permission", www_authenticate='Bearer realm="x"'), "azure.login"),
        (made(302, location="https://login.windows.net/common/oauth2/authorize?x=1"), "azure.login"),
    ],
)
def test_an_answer_without_a_name_is_azure_s_where_the_host_is(response: Response, code: str) -> None:
    assert found(response) == [code]
    assert found(response, "https://llm.example.com") == []


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (made(503, b"Function host is not running.\n"), "azure.not_running"),
        (made(403, STOPPED, content_type="text/html"), "azure.stopped"),
        (made(403, FORBIDDEN + b" access.</p>", content_type="text/html"), "azure.blocked"),
    ],
)
def test_an_answer_with_a_name_is_azure_s_on_every_host(response: Response, code: str) -> None:
    assert found(response) == found(response, "https://llm.example.com") == [code]


@pytest.mark.parametrize(
    "response",
    [
        made(200),
        made(403, b'{"error": {"message": "x"}}', content_type="application/json"),
        made(401, b'{"error": {"message": "x"}}', www_authenticate="Bearer", content_type="application/json"),
        made(404, b'{"error": {"message": "x"}}', content_type="application/json"),
        made(502, b'{"error": {"message": "x"}}', content_type="application/json"),
        made(503, b"Function host is not running, says a model."),
    ],
)
def test_an_answer_of_the_function_s_own_is_not_azure_s(response: Response) -> None:
    report = new_report()
    assert not azure.examine(response, ROOT, report) and report.findings == []


def test_a_function_that_does_not_start_is_explained(upstream: Upstream) -> None:
    upstream.choose = answers({}, whole(b"Function host is not running.", 503, kind="text/plain"))
    findings = probe(f"http://127.0.0.1:{upstream.port}")
    assert findings.bad == ["azure.not_running"] and findings.of("azure.not_running")["status"] == 503


def test_a_function_that_stops_in_the_middle_is_explained(upstream: Upstream) -> None:
    stopped = whole(b"Function host is not running.", 503, kind="text/plain")
    upstream.choose = answers({**LISTED, "POST /v1/chat/completions": stopped}, answer({}, 404))
    findings = probe(f"http://127.0.0.1:{upstream.port}", model="m")
    assert findings.bad.count("azure.not_running") == 2, "for the whole answer and for the stream"


def test_sluice_on_azure_is_recognised_and_warns_of_hong_kong() -> None:
    added = [(name.lower().encode(), value.encode()) for name, value in ADDED]
    app = FunctionsApp(
        {"REGION_NAME": "East Asia", "OPENAI_API_KEY": "sk-canary-own", "PROXY_KEY": GUARDED["PROXY_KEY"]}
    )
    with running(adding(app, *added)) as url:
        findings = probe(url, key="")
    assert findings.of("platform.ok")["platform"] == "azure-functions"
    assert "eastasia" in findings.of("ready.region")["message"] and findings.bad == ["ready.region"]


@pytest.mark.parametrize(
    ("host", "region", "known"),
    [
        ("sluice-a1b2.eastus-01.azurewebsites.net", "eastus", "eastus"),
        ("sluice-a1b2.southeastasia-01.azurewebsites.net", "southeastasia", "southeastasia"),
        ("sluice-a1b2.secret-01.azurewebsites.net", "secret", None),
        ("sluice.azurewebsites.net", None, None),
        ("eastus.example.com", None, None),
    ],
)
def test_newer_host_names_have_the_region(host: str, region: str | None, known: str | None) -> None:
    assert addresses.region_of(f"https://{host}") == region
    assert addresses.known_region(f"https://{host}") == known
    assert is_unserved("eastasia") and not is_unserved("southeastasia")
