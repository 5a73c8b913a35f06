"""Tells errors of the upstream from errors of the endpoint, and names the setting that causes them."""

from __future__ import annotations

from typing import Any

from proxy.cli.doctor.client import Client, Response
from proxy.cli.doctor.report import Report
from proxy.errors import NoUpstream
from proxy.settings.single_upstreams import setting_of

# No model and no messages: no upstream generates anything for this.
EMPTY: dict[str, Any] = {}


def diagnose(client: Client, access: str, report: Report) -> bool:
    """Whether Sluice reports that an upstream refuses the key or answers 404 to everything; adds a finding for each.

    Asks `/readyz?deep=1`, which lists the upstreams' statuses and itself refuses callers without a valid key.
    """
    answer = client.request("/readyz?deep=1").json
    listed = answer["upstreams"] if isinstance(answer.get("upstreams"), list) else [answer.get("upstream")]
    upstreams = [upstream for upstream in listed if isinstance(upstream, dict)]
    refusing = [upstream for upstream in upstreams if upstream.get("status") in (401, 403)]
    for upstream in refusing:
        name = str(upstream.get("name"))
        what = f"HTTP {upstream['status']}"
        if access.startswith("own-key"):
            report.add("upstream.own_key", name=name, what=what)
        else:
            report.add("upstream.key", name=name, what=what, setting=setting_of(name, "keys"))
    missing = [upstream for upstream in upstreams if upstream.get("status") == 404]
    if missing and len(missing) == len(upstreams):
        response = client.request("/v1/chat/completions", "POST", json=EMPTY)
        if is_unknown_path(response):
            for upstream in missing:
                name = str(upstream.get("name"))
                report.add("upstream.base", name=name, better="…/v1", setting=setting_of(name, "base_url"))
            return True
    return bool(refusing)


def is_unknown_path(response: Response) -> bool:
    """Whether a call that names no model got a 404 from the upstream: then the upstream does not know its path."""
    return response.status == 404 and response.error.get("code") != NoUpstream.code
