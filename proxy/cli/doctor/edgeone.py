"""EdgeOne's own answers in place of the function's: what they mean."""

from __future__ import annotations

import re

from proxy.cli.doctor.client import Response
from proxy.cli.doctor.report import Report

# The codes stand in EdgeOne's error pages, as public code that looks for them shows (2026-07 to 2026-10).
_CODE = re.compile(rb"\b(?:INTERNAL_)?CLOUD_FUNCTION_INVOCATION_(TIMEOUT|FAILED)\b")
_FAULTS = {b"TIMEOUT": "edgeone.timeout", b"FAILED": "edgeone.failed"}


def examine(response: Response, report: Report) -> bool:
    """Report what EdgeOne answered itself. False if this is not an answer of EdgeOne's own."""
    # EdgeOne numbers each answer; Sluice writes its own id on each of those that it has made.
    if "eo-log-uuid" not in response.headers or "x-sluice-request-id" in response.headers or response.json:
        return False
    if (code := _CODE.search(response.body)) is not None:
        report.add(_FAULTS[code[1]], status=response.status)
        return True
    if response.status == 401:
        report.add("edgeone.token", status=response.status)
        return True
    return False
