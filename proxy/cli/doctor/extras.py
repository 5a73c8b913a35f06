"""Checks that only make sense for some endpoints: request sizes, and OpenAI's status page."""

from __future__ import annotations

from proxy.cli.doctor.client import Client
from proxy.cli.doctor.endpoint import Endpoint
from proxy.cli.doctor.report import Report
from proxy.platforms import registry
from proxy.platforms.limits import LIMITS
from proxy.wire.path_table import INPUT_TOKENS

STATUS_URL = "https://status.openai.com/api/v2/status.json"
STATUS_SECONDS = 3.0
BELOW = 4_000_000  # leaves room for Lambda's JSON envelope and base64 within 6 MB
_ABOVE = 1_000


def sizes(client: Client, endpoint: Endpoint, report: Report) -> None:
    """Send a body below the platform's limit and one above it, to a path that never calls the upstream."""
    limit = body_limit(endpoint.platform)
    if limit is None:
        report.add("size.unknown", platform=endpoint.platform or "?")
        return
    for size, fits in ((BELOW, True), (limit + _ABOVE, False)):
        report.progress(f"{size / 1e6:.1f} MB")
        # Not JSON, so no tokens are counted: the response is a 400 as soon as the whole body has arrived.
        response = client.request(f"/v1/{INPUT_TOKENS}", "POST", content=b"x" * size)
        accepted = response.status in (200, 400, 501)
        if fits:
            report.add("size.below" if accepted else "size.refused", size=size, what=response.summary)
        elif not response.status:
            report.add("size.lost", size=size, what=response.summary)
        else:
            report.add("size.passed" if accepted else "size.above", size=size, status=response.status)


def body_limit(name: str) -> int | None:
    """How large a request body may be at the first door of the function `name`. None where no fixed limit is known."""
    function = registry.FUNCTIONS.get(name)
    if function is None:
        return None
    place = (registry.platform_of(function).name, function.doors[0].name, "request body")
    rows = [row for row in LIMITS if row.hard and (row.platform, row.door, row.what) == place]
    return int(rows[0].number) if rows else None


def status_page(client: Client, is_openai: bool, report: Report) -> None:
    """Quote OpenAI's status page if the upstream is OpenAI."""
    if not is_openai:
        report.add("status.other")
        return
    report.progress("status.openai.com")
    status = client.request(STATUS_URL, key="", timeout=STATUS_SECONDS).json.get("status")
    if not isinstance(status, dict):
        report.add("status.unknown")
        return
    healthy = status.get("indicator") == "none"
    report.add("status.ok" if healthy else "status.trouble", message=str(status.get("description")))
