"""Google's own answers in place of a Cloud Run service's: what they mean."""

from __future__ import annotations

from proxy.cli.doctor.client import Response
from proxy.cli.doctor.report import Report

# Google's front end answers with a page or a line of text (docs.cloud.google.com/run/docs/troubleshooting, read
# 2026-11-27). A service whose ingress is internal is a 404 to everybody else.
_FAULTS = {
    403: "cloudrun.private",
    404: "cloudrun.missing",
    413: "cloudrun.large",
    429: "cloudrun.busy",
    500: "cloudrun.crashed",
    503: "cloudrun.crashed",
    504: "cloudrun.timeout",
}


def examine(response: Response, report: Report) -> bool:
    """Report what Google answered itself. False if this is not an answer of Google's own."""
    headers = response.headers
    # Google writes its name on the service's answers too; Sluice writes its own on each of those.
    if headers.get("server", "").lower() != "google frontend" or "x-sluice-request-id" in headers or response.json:
        return False
    code = _FAULTS.get(response.status)
    if code is None:
        return False
    report.add(code, status=response.status)
    return True
