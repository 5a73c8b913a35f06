"""What runs at the address: its readiness report, response time, clock, connection reuse and region."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from proxy import startup
from proxy.cli.doctor import own_answers, vercel
from proxy.cli.doctor.addresses import origin_of, region_of
from proxy.cli.doctor.client import Client, Response
from proxy.cli.doctor.report import Report
from proxy.settings import regions

SKEW_SECONDS = 60
COLD_MS = 700  # more than any network adds: a process had to start
_TIMEOUT = re.compile(r"time-out is (\d+) s")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What `/readyz` reports. `platform` is '' if the endpoint is not Sluice."""

    platform: str = ""
    access: str = ""
    streams: bool = True


def examine(client: Client, report: Report) -> Endpoint | None:
    """Identify the endpoint. None if nothing answers, or if what answers cannot work."""
    report.progress("GET /readyz")
    first = client.request("/readyz", key="")
    if not first.status:
        report.add("platform.failed", what=first.summary)
        return None
    if own_answers.examine(first, client.root, report):
        return None
    _clock(first, report)
    later = client.request("/readyz", key="")
    report.add("start.cold" if first.ms > later.ms + COLD_MS else "start.ok", first=first.ms, later=later.ms)
    reused = later.local_port is not None and first.local_port == later.local_port
    report.add("reuse.ok" if reused else "reuse.none")
    ready = first.json
    if "access" not in ready and (at_origin := _at_origin(client)) is not None:
        report.add("platform.base", better=f"{origin_of(client.root)}/v1")
        client.root, ready = origin_of(client.root), at_origin.json
    if "access" not in ready:
        if first.error.get("code") == "configuration_error":
            report.add("platform.stopped", message=first.error.get("message", ""))
            return None
        if "x-fc-request-id" in first.headers and isinstance(refusal := first.json.get("ErrorCode"), str):
            report.add("platform.fc", what=refusal)  # every answer of the platform has that header, also a function's
            return None
        report.add("platform.failed" if first.status >= 500 else "platform.other", what=first.summary)
        return Endpoint() if first.status < 500 else None
    endpoint = Endpoint(str(ready.get("platform")), str(ready["access"]), ready.get("streams") is not False)
    code = "platform.ok" if endpoint.streams else "platform.buffered"
    report.add(code, version=str(ready.get("version")), platform=endpoint.platform)
    if later.headers.get("content-disposition", "").startswith("attachment"):
        report.add("page.download")
    warnings = ready.get("warnings")
    region_warned = _warnings([str(text) for text in warnings] if isinstance(warnings, list) else [], report)
    if not region_warned:
        _region(region_of(client.root) or vercel.region_of(later), report)
    return endpoint


def _at_origin(client: Client) -> Response | None:
    """Sluice's response at the origin, if the address has an extra path."""
    origin = origin_of(client.root)
    if origin == client.root:
        return None
    response = client.request(f"{origin}/readyz", key="")
    return response if "access" in response.json else None


def _clock(response: Response, report: Report) -> None:
    try:
        theirs = parsedate_to_datetime(response.headers.get("date", "")).timestamp()
    except (ValueError, TypeError):
        report.add("clock.unknown")
        return
    # Date has whole seconds and was written at some point while we waited: assume the middle of both.
    seconds = round(theirs + 0.5 - response.started - response.seconds / 2)
    report.add("clock.skewed" if abs(seconds) > SKEW_SECONDS else "clock.ok", seconds=seconds)


def _warnings(warnings: list[str], report: Report) -> bool:
    """Report the endpoint's own warnings; whether one of them is about the region."""
    about_region = False
    for message in warnings:
        if timeout := _TIMEOUT.search(message):
            report.add("ready.timeout", seconds=int(timeout[1]))
        elif "OpenAI does not serve" in message:
            about_region = True
            report.add("ready.region", message=message)
        elif "every call is refused" not in message:  # access.py finds out by trying
            report.add("ready.warning", message=message)
    return about_region


def _region(region: str | None, report: Report) -> None:
    if region is not None:
        report.add("region.unserved" if is_unserved(region) else "region.ok", region=region)


def is_unserved(region: str) -> bool:
    """Whether OpenAI does not serve this region."""
    return regions.warning(region, startup.load({})) is not None
