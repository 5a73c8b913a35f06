"""Who answers: readyz, the time it takes, the clock, and whether connections last."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from proxy import startup
from proxy.cli.doctor.addresses import origin_of, region_of
from proxy.cli.doctor.door import Door, Heard
from proxy.cli.doctor.report import Report
from proxy.settings import regions

SKEW_SECONDS = 60
COLD_MS = 700  # above what any network here adds: a process that had to start
# AWS's and Azure's names for Hong Kong; regions.py has Tencent's and Cloudflare's.
_UNSERVED_ELSEWHERE = ("ap-east-1", "eastasia")
_TIMEOUT = re.compile(r"time-out is (\d+) s")


@dataclass(frozen=True, slots=True)
class Entry:
    """What readyz has told: `platform` is '' where no Sluice answers."""

    platform: str = ""
    access: str = ""
    streams: bool = True


def examine(door: Door, report: Report) -> Entry | None:
    """What stands behind the door; None where nothing answers, or what answers cannot work."""
    report.begin("GET /readyz")
    first = door.ask("/readyz", key="")
    if not first.status:
        report.add("platform.failed", what=first.what)
        return None
    _clock(first, report)
    later = door.ask("/readyz", key="")
    report.add("start.cold" if first.ms > later.ms + COLD_MS else "start.ok", first=first.ms, later=later.ms)
    kept = later.local_port is not None and first.local_port == later.local_port
    report.add("reuse.ok" if kept else "reuse.none")
    told = first.json
    if "access" not in told and (better := _elsewhere(door)) is not None:
        report.add("platform.base", better=f"{origin_of(door.root)}/v1")
        door.root, told = origin_of(door.root), better.json
    if "access" not in told:
        if first.error.get("code") == "configuration_error":
            report.add("platform.stopped", message=first.error.get("message", ""))
            return None
        report.add("platform.failed" if first.status >= 500 else "platform.other", what=first.what)
        return Entry() if first.status < 500 else None
    entry = Entry(str(told.get("platform")), str(told["access"]), told.get("streams") is not False)
    code = "platform.ok" if entry.streams else "platform.buffered"
    report.add(code, version=str(told.get("version")), platform=entry.platform)
    said = told.get("warnings")
    warned = _warnings([str(one) for one in said] if isinstance(said, list) else [], report)
    _region(door, report, warned)
    return entry


def _elsewhere(door: Door) -> Heard | None:
    """Sluice's answer at the origin, where the address has a path too many."""
    origin = origin_of(door.root)
    if origin == door.root:
        return None
    heard = door.ask(f"{origin}/readyz", key="")
    return heard if "access" in heard.json else None


def _clock(heard: Heard, report: Report) -> None:
    try:
        theirs = parsedate_to_datetime(heard.headers.get("date", "")).timestamp()
    except (ValueError, TypeError):
        report.add("clock.unknown")
        return
    # A Date counts whole seconds, and was written some time while we waited.
    seconds = round(theirs + 0.5 - heard.began - heard.seconds / 2)
    report.add("clock.skewed" if abs(seconds) > SKEW_SECONDS else "clock.ok", seconds=seconds)


def _warnings(said: list[str], report: Report) -> bool:
    """Whether one of them was about the region."""
    about_region = False
    for message in said:
        if found := _TIMEOUT.search(message):
            report.add("ready.timeout", seconds=int(found[1]))
        elif "OpenAI does not serve" in message:
            about_region = True
            report.add("ready.region", message=message)
        elif "every call is refused" not in message:  # who gets in is looked at by trying
            report.add("ready.warning", message=message)
    return about_region


def _region(door: Door, report: Report, warned: bool) -> None:
    region = region_of(door.root)
    if region is not None and not warned:
        report.add("region.unserved" if is_unserved(region) else "region.ok", region=region)


def is_unserved(region: str) -> bool:
    """Whether OpenAI's own service is not to be called from this region."""
    return regions.warning(region, startup.load({})) is not None or region in _UNSERVED_ELSEWHERE
