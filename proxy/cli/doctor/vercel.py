"""Vercel's own answers in place of the function's: what they mean, and where the function ran."""

from __future__ import annotations

import re

from proxy.cli.doctor.client import Response
from proxy.cli.doctor.report import Report

# Vercel's error codes (vercel.com/docs/errors, read 2026-11-27) and what is reported of them.
_FAULTS = {
    "FUNCTION_INVOCATION_TIMEOUT": "vercel.timeout",
    "FUNCTION_INVOCATION_FAILED": "vercel.crashed",
    "FUNCTION_PAYLOAD_TOO_LARGE": "vercel.large",
    "NOT_FOUND": "vercel.missing",
    "DEPLOYMENT_NOT_FOUND": "vercel.missing",
    "DEPLOYMENT_PAUSED": "vercel.paused",
    "DEPLOYMENT_DISABLED": "vercel.paused",
}
# A code stands in a header, and in a line of its own where the answer is plain text.
_CODE = re.compile(rb"^([A-Z]+(?:_[A-Z]+)+)\r?$", re.MULTILINE)
_LOGIN = "https://vercel.com/sso-api"
_REGION = re.compile(r"([a-z]{3}[0-9])::")


def examine(response: Response, report: Report) -> bool:
    """Report what Vercel answered itself. False if this is not an answer of Vercel's own."""
    if "x-vercel-id" not in response.headers and response.headers.get("server", "").lower() != "vercel":
        return False
    code = code_of(response)
    if code in _FAULTS:
        report.add(_FAULTS[code], error=code)
        return True
    # Deployment Protection sends programs an HTML page with 401 and browsers to its login. Sluice's own 401 is JSON.
    is_page = response.status == 401 and response.headers.get("content-type", "").startswith("text/html")
    if is_page or response.headers.get("location", "").startswith(_LOGIN):
        report.add("vercel.protected")
        return True
    return False


def code_of(response: Response) -> str:
    """Vercel's error code in an answer; '' if there is none."""
    in_text = _CODE.search(response.body) if response.status >= 400 and not response.json else None
    return response.headers.get("x-vercel-error") or (in_text[1].decode() if in_text else "")


def region_of(response: Response) -> str | None:
    """The region in which the function ran: the last of those in x-vercel-id (`hkg1::iad1::…`)."""
    regions = _REGION.findall(response.headers.get("x-vercel-id", ""))
    return regions[-1] if regions else None
