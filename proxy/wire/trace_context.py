"""The ids in a caller's `traceparent` header (W3C Trace Context, www.w3.org/TR/trace-context, read 2026-11-27)."""

from __future__ import annotations

import re

from proxy.messages import Headers

# Version 00 has four fields. Later ones may add more; `ff` is invalid, and so are ids of zeros only.
_IDS = "-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}"
_VERSION_0 = re.compile(f"00{_IDS}")
_LATER_VERSION = re.compile(f"(?!00|ff)[0-9a-f]{{2}}{_IDS}(?:-.*)?")


def read(headers: Headers) -> dict[str, str]:
    """The caller's `trace_id` and `span_id`, by OpenTelemetry's names; empty unless one valid header has them."""
    values = [value for name, value in headers if name == "traceparent"]
    if len(values) != 1:
        return {}
    match = _VERSION_0.fullmatch(values[0]) or _LATER_VERSION.fullmatch(values[0])
    return {"trace_id": match[1], "span_id": match[2]} if match else {}
