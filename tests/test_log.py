"""Which log lines are written, and which of a caller's trace they name."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from proxy import log
from tests.support.core import JSON_HEAD, KEY, Listed, host, request, run


@pytest.mark.parametrize(
    ("least", "level", "written"), [("info", "info", 1), ("warning", "info", 0), ("off", "error", 0)]
)
def test_lines_below_the_level_are_not_written(least: str, level: str, written: int) -> None:
    lines: list[str] = []
    log.line(host(lines), least, level, {"event": "x"})
    assert len(lines) == written


TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = ("traceparent", f"00-{TRACE}-{SPAN}-01")
TRACING = (TRACEPARENT, ("tracestate", "vendor=canary"))


def call(*headers: tuple[str, str], **settings: str) -> tuple[str, dict[str, str]]:
    """The line of a call, and the headers that went up."""
    lines: list[str] = []
    upstream = Listed(b"{}", headers=JSON_HEAD)
    run(upstream, request(headers=(*headers, *KEY)), lines, settings=settings)
    return lines[-1], dict(upstream.sent[0].headers)


def test_a_caller_s_trace_is_in_the_line_and_goes_no_further() -> None:
    line, up = call(*TRACING)
    assert (json.loads(line)["trace_id"], json.loads(line)["span_id"]) == (TRACE, SPAN)
    assert "canary" not in line and not {"traceparent", "tracestate"} & up.keys()


def test_a_trace_goes_up_where_the_owner_says_so() -> None:
    line, up = call(*TRACING, FORWARD_HEADERS="traceparent,tracestate")
    assert (up["traceparent"], up["tracestate"]) == (TRACEPARENT[1], "vendor=canary")
    assert json.loads(line)["trace_id"] == TRACE and "canary" not in line


@pytest.mark.parametrize("key", [TRACE, SPAN])
def test_a_key_in_the_place_of_a_trace_s_id_is_not_logged(key: str) -> None:
    """`openssl rand -hex 16`, with which docs/ let people make keys, prints what looks like a trace's id."""
    line, _ = call(TRACEPARENT, ("authorization", f"Bearer {key}"), OPENAI_API_KEY="sk-owner", PROXY_KEY=key)
    assert TRACE not in line and SPAN not in line


@given(some.lists(some.text(some.characters(min_codepoint=32, max_codepoint=255), max_size=70), max_size=3))
def test_any_other_traceparent_leaves_no_trace_in_the_line(values: list[str]) -> None:
    plain, marked = (
        json.loads(call(*[("traceparent", prefix + value) for value in values])[0]) for prefix in ("", "00-canary")
    )
    assert "canary" not in json.dumps(marked) and "trace_id" not in marked
    assert set(plain) == set(marked)
