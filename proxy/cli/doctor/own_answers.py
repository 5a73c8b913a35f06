"""Answers that a platform gives itself in place of the function."""

from __future__ import annotations

from proxy.cli.doctor import azure, cloudrun, edgeone, vercel
from proxy.cli.doctor.client import Response
from proxy.cli.doctor.report import Report


def examine(response: Response, root: str, report: Report) -> bool:
    """Report what it means; `root` is the address that was called. False if no platform that we know has answered."""
    return azure.examine(response, root, report) or any(
        platform.examine(response, report) for platform in (vercel, cloudrun, edgeone)
    )
