"""What is only looked at where it makes sense: body sizes, and OpenAI's own status page."""

from __future__ import annotations

from proxy.cli.doctor.door import Door
from proxy.cli.doctor.entry import Entry
from proxy.cli.doctor.report import Report
from proxy.platforms import registry
from proxy.platforms.limits import LIMITS
from proxy.wire.path_table import INPUT_TOKENS

STATUS_URL = "https://status.openai.com/api/v2/status.json"
STATUS_SECONDS = 3.0
BELOW = 4_000_000  # Lambda's envelope of JSON, and base64, take their share of 6 MB
_ABOVE = 1_000


def sizes(door: Door, entry: Entry, report: Report) -> None:
    """A body below the platform's limit and one above, to our own page that counts: neither goes up."""
    limit = body_limit(entry.platform)
    if limit is None:
        report.add("size.unknown", platform=entry.platform or "?")
        return
    for size, fits in ((BELOW, True), (limit + _ABOVE, False)):
        report.begin(f"{size / 1e6:.1f} MB")
        # Not JSON, so that nothing is counted: the answer is a 400 as soon as all of it has come.
        heard = door.ask(f"/v1/{INPUT_TOKENS}", "POST", content=b"x" * size)
        through = heard.status in (200, 400, 501)
        if fits:
            report.add("size.below" if through else "size.refused", size=size, what=heard.what)
        elif not heard.status:
            report.add("size.lost", size=size, what=heard.what)
        else:
            report.add("size.passed" if through else "size.above", size=size, status=heard.status)


def body_limit(name: str) -> int | None:
    """How large a request body may be at the first door of the function `name`. None where no fixed limit is known."""
    function = registry.FUNCTIONS.get(name)
    if function is None:
        return None
    place = (registry.platform_of(function).name, function.doors[0].name, "request body")
    rows = [row for row in LIMITS if row.hard and (row.platform, row.door, row.what) == place]
    return int(rows[0].number) if rows else None


def status_page(door: Door, is_openai: bool, report: Report) -> None:
    """OpenAI's word on how it is, where the upstream is OpenAI's."""
    if not is_openai:
        report.add("status.other")
        return
    report.begin("status.openai.com")
    heard = door.ask(STATUS_URL, key="", timeout=STATUS_SECONDS)
    told = heard.json.get("status")
    if not isinstance(told, dict):
        report.add("status.unknown")
        return
    fine = told.get("indicator") == "none"
    report.add("status.ok" if fine else "status.trouble", message=str(told.get("description")))
