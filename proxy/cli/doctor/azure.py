"""Azure's own answers in place of the function's: what they mean.

Two say who sends them: the host's 503 (HostAvailabilityCheckMiddleware.cs in github.com/Azure/azure-functions-host) and
the front end's pages of 403, which many people quote. The host's 401, 404 and 500 have no body, so the host name must
be Azure's. Read 2026-11-27.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from proxy.cli.doctor.client import Response
from proxy.cli.doctor.report import Report

_DOMAIN = ".azurewebsites.net"
_NOT_RUNNING = b"Function host is not running."
# What the pages of 403 say, and what is reported of them.
_PAGES = {b"This web app is stopped": "azure.stopped", b"has blocked your access": "azure.blocked"}
# Where Easy Auth (App Service authentication) sends browsers.
_LOGINS = ("https://login.microsoftonline.com/", "https://login.windows.net/")
_EMPTY = {401: "azure.key", 404: "azure.route", 500: "azure.crashed", 502: "azure.silent", 504: "azure.silent"}


def examine(response: Response, root: str, report: Report) -> bool:
    """Report what Azure answered itself; `root` is the address that was called. False if the answer is not Azure's."""
    code = _code(response, root)
    if code:
        report.add(code, status=response.status)
    return bool(code)


def _code(response: Response, root: str) -> str:
    if response.status == 503 and response.body.strip() == _NOT_RUNNING:
        return "azure.not_running"
    if response.status == 403:
        return next((code for text, code in _PAGES.items() if text in response.body), "")
    if not (urlsplit(root).hostname or "").endswith(_DOMAIN):
        return ""
    if response.headers.get("location", "").startswith(_LOGINS) or (
        response.status == 401 and "www-authenticate" in response.headers and not response.json
    ):
        return "azure.login"
    is_page = response.headers.get("content-type", "").startswith("text/html")
    is_gateway = response.status in (502, 504) and is_page
    return _EMPTY.get(response.status, "") if is_gateway or not response.body else ""
