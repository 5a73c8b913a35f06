"""Whether it is the upstream that answers with an error, and which setting is to blame."""

from __future__ import annotations

from typing import Any

from proxy.cli.doctor.door import Door, Heard
from proxy.cli.doctor.report import Report
from proxy.errors import NoUpstream

# Nobody generates anything for this: no model and no messages.
EMPTY: dict[str, Any] = {}


def blamed(door: Door, access: str, report: Report) -> bool:
    """Whether a Sluice says that its upstream refuses the key, or knows no path at all; with a finding for each.

    Asks `/readyz?deep=1`, which tells the statuses of the upstreams, and refuses callers whom it does not know itself.
    """
    told = door.ask("/readyz?deep=1").json
    listed = told["upstreams"] if isinstance(told.get("upstreams"), list) else [told.get("upstream")]
    upstreams = [one for one in listed if isinstance(one, dict)]
    refusing = [one for one in upstreams if one.get("status") in (401, 403)]
    own = access.startswith("own-key")
    for one in refusing:
        report.add("upstream.own_key" if own else "upstream.key", name=one.get("name"), what=f"HTTP {one['status']}")
    lost = [one for one in upstreams if one.get("status") == 404]
    if lost and len(lost) == len(upstreams) and is_lost(door.ask("/v1/chat/completions", "POST", json=EMPTY)):
        for one in lost:
            report.add("upstream.base", name=one.get("name"), better="…/v1")
        return True
    return bool(refusing)


def is_lost(heard: Heard) -> bool:
    """Whether a call that names no model got a 404 from an upstream: then its path is unknown there."""
    return heard.status == 404 and heard.error.get("code") != NoUpstream.code
