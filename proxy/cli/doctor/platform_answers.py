"""What platforms answer themselves in place of the function, whichever platform it is."""

from __future__ import annotations

from proxy.cli.doctor import cloudrun, edgeone, vercel
from proxy.cli.doctor.client import Response
from proxy.cli.doctor.report import Report


def examine(response: Response, report: Report) -> bool:
    """Report what a platform answered itself. False if this is no platform's own answer that is known here."""
    return any(platform.examine(response, report) for platform in (vercel, cloudrun, edgeone))
