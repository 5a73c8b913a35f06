"""The report of a deployed endpoint that its owner can show to everybody, as Markdown.

An endpoint may answer with anything: keys, host names, prompts. So no text of a finding is ever copied. What the report
holds is written here: codes of checks, names of the platform registry, measured numbers, versions, regions by name.
"""

from __future__ import annotations

import platform
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from proxy import __version__
from proxy.cli.doctor import addresses, apis, deployment, messages_en
from proxy.cli.doctor.report import Finding, Report

TITLE = "# Sluice endpoint report"
_DECIMALS = 1
_HTTP_STATUS = re.compile(r"HTTP ([1-5]\d\d)\b")
# Which numbers of a finding are shown: what stands before each, with which unit, and the largest one, because an
# endpoint can choose some of them itself.
_NUMBERS = {
    "ms": ("", "{} ms", 1_000_000),
    "first": ("first", "{} ms", 1_000_000),
    "later": ("second", "{} ms", 1_000_000),
    "events": ("", "{} events", 100_000),
    "lumps": ("", "{} batches", 100_000),
    "median": ("median", "{} ms", 1_000_000),
    "longest": ("longest", "{} ms", 1_000_000),
    "count": ("count", "{}", 10_000),
    "days": ("", "{} days", 10_000),
    "seconds": ("", "{} s", 100_000),
    "size": ("", "{} bytes", 1_000_000_000),
    "status": ("", "HTTP {}", 599),
}
ARRIVAL = {
    "stream.ok": "one by one",
    "stream.lumps": "in batches: something in between buffers",
    "stream.at_once": "all at once: something in between buffers",
    "stream.by_design": "in one piece: this platform's function does not stream",
    "stream.few": "too few events to tell",
    "stream.no_end": "cut off, without an end",
    "stream.failed": "no stream came",
}
SIZES = {
    "size.below": "accepted",
    "size.above": "refused with",
    "size.refused": "refused, although the documented limit is higher",
    "size.passed": "accepted, although the documented limit is lower",
    "size.lost": "the connection was closed without an answer",
    "size.unknown": "not tried: no limit of this platform is documented",
}
APIS = {
    apis.CHAT: "chat completions",
    "responses": "Responses",
    "messages": "Messages",
    apis.GEMINI: "Gemini",
}
_API_STATES = {apis.SERVED: "served", apis.NONE: "not served", apis.UNKNOWN: "tried, no clear answer"}


@dataclass(frozen=True, slots=True)
class Scope:
    """What was asked for. `root` is the base URL without /v1; `today` is a day in UTC.

    `sizes` says whether sizes were tested, `with_host` whether the report may name the host.
    """

    root: str
    today: date
    sizes: bool = False
    with_host: bool = False


def markdown(report: Report, scope: Scope) -> str:
    """The report as Markdown, in English, whatever the doctor's language: it is for the project's issues."""
    parts = [
        TITLE,
        "Written by `python -m proxy doctor --report`. It has no key, no prompt and no answer in it.",
        _table(("what", "value"), _facts(report, scope)),
        "## Measured",
        _table(("what", "value"), [*_start(report), *_stream(report), *_sizes(report, scope)]),
        "## APIs",
        _table(("API", "result"), _apis(report)),
        "## Checks",
        _table(("code", "result", "numbers"), [(f"`{one.code}`", one.state, _numbers(one)) for one in report.findings]),
    ]
    return "\n\n".join(parts) + "\n"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell or '-' for cell in line)} |" for line in lines)


def _facts(report: Report, scope: Scope) -> list[tuple[str, str]]:
    """What was checked, from where, with what."""
    host = urlsplit(scope.root).hostname or ""
    found = deployment.recognise(report, host)
    release = re.match(r"\d+(\.\d+)?", platform.release())  # what follows can be a name of the machine's owner
    system = " ".join(filter(None, (platform.system(), release and release[0], platform.machine())))
    way = "this machine: a server of its own, or a simulator" if addresses.is_local(host) else "the network"
    if any(finding.code == "way.proxied" for finding in report.findings):
        way += ", through an outbound proxy"
    rows = [
        ("date", f"{scope.today.isoformat()} (UTC)"),
        ("platform", f"{found.title} (`{found.function.name}`)" if found.function else "not recognised"),
        ("door", " or ".join(door.name for door in found.doors)),
        ("region", addresses.known_region(scope.root) or "not in the address"),
        ("called over", way),
        ("Sluice there", found.version or "not told"),
        ("Python there", f"not told; the bundle is made for {found.python}" if found.python else "not told"),
        ("doctor", f"Sluice {__version__}, Python {platform.python_version()}, {system}"),
        ("result", messages_en.SUMMARY.format(**report.counts)),
    ]
    # A host name is the user's own word. Nothing in it may end the cell.
    return [*rows, ("host", f"`{re.sub(r'[^a-z0-9.:-]', '?', host)}`")] if scope.with_host else rows


def _start(report: Report) -> list[tuple[str, str]]:
    """The first two responses: what the first took longer is the cold start."""
    for finding in report.findings:
        if finding.check == "start":
            return [
                ("first response", _number(finding, "first") + " (a cold start)" * (finding.code == "start.cold")),
                ("second response", _number(finding, "later")),
            ]
    return []


def _stream(report: Report) -> list[tuple[str, str]]:
    """How the events of the streamed answer came."""
    stream = next((finding for finding in reversed(report.findings) if finding.code in ARRIVAL), None)
    if stream is None:
        return [("streamed events", "not tried")]
    rows = [("streamed events", ARRIVAL[stream.code])]
    if "gaps_ms" in stream.values:
        gaps = stream.values["gaps_ms"]
        rows += [("number", _number(stream, "events")), ("first event after", _number(stream, "first"))]
        if gaps:
            rows.append(("median gap", f"{round(statistics.median(gaps), _DECIMALS)} ms"))
            rows.append(("longest gap", f"{max(gaps)} ms"))
    if "lumps" in stream.values:
        rows.append(("arrived in", _number(stream, "lumps")))
    return rows


def _sizes(report: Report, scope: Scope) -> list[tuple[str, str]]:
    """Which bodies were accepted."""
    if not scope.sizes:
        return [("request sizes", "not tried (`--size`)")]
    rows = []
    for finding in report.findings:
        if finding.code in SIZES:
            size, status = _number(finding, "size"), _number(finding, "status")
            what = f"a request of {size}" if size else "request sizes"
            rows.append((what, f"{SIZES[finding.code]} {status}".strip()))
    return rows or [("request sizes", "not tried: an earlier check failed")]


def _apis(report: Report) -> list[tuple[str, str]]:
    """Which APIs were tried, and which are served."""
    found = {finding.code for finding in report.findings}
    rows = []
    for api, name in APIS.items():
        states = [words for state, words in _API_STATES.items() if f"{api}_api.{state}" in found]
        rows.append((name, states[0] if states else "not tried"))
    return rows


def _numbers(finding: Finding) -> str:
    """All numbers of a finding that may be shown, and the status of a response that it quotes."""
    numbers = [(label, _number(finding, name)) for name, (label, _, _) in _NUMBERS.items()]
    shown = [f"{label} {number}".strip() for label, number in numbers if number]
    quoted = [_HTTP_STATUS.match(value) for value in finding.values.values() if isinstance(value, str)]
    return ", ".join([*shown, *(status[0] for status in quoted if status)])


def _number(finding: Finding, name: str) -> str:
    """One number of a finding with its unit; '' if there is none. One beyond the largest is shown as that."""
    value: Any = finding.values.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return ""
    _, text, largest = _NUMBERS[name]
    if abs(value) > largest:
        return text.format(f"over {largest}" if value > 0 else f"under {-largest}")
    return text.format(round(value, _DECIMALS))
