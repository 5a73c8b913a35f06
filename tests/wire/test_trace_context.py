"""`traceparent`: only what has exactly the form of W3C Trace Context is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from proxy.messages import Headers
from proxy.wire import trace_context

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
IDS = {"trace_id": TRACE, "span_id": SPAN}
VALID = f"00-{TRACE}-{SPAN}-01"


def read(*values: str) -> dict[str, str]:
    return trace_context.read(Headers([("traceparent", value) for value in values]))


@pytest.mark.parametrize("value", [VALID, f"00-{TRACE}-{SPAN}-ff", f"01-{TRACE}-{SPAN}-00", f"cc-{TRACE}-{SPAN}-01-x"])
def test_a_valid_one_is_read(value: str) -> None:
    assert read(value) == IDS


@pytest.mark.parametrize(
    "value",
    [
        *("", "00", VALID.upper(), f"{VALID}-", f"{VALID}-x", f"{VALID}\n", f" {VALID}", f"{VALID},{VALID}"),
        *(f"ff-{TRACE}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01"),
        *(f"01-{TRACE}-{SPAN}-01.", f"01-{TRACE}-{SPAN}-011", f"00-{TRACE[1:]}-{SPAN}-01", f"00-{TRACE}-{SPAN}x-01"),
    ],
)
def test_any_other_is_ignored(value: str) -> None:
    assert read(value) == {}


def test_none_and_several_are_ignored() -> None:
    assert read() == {} and read(VALID, VALID) == {} and read(VALID, "x") == {}


def expected(value: str) -> dict[str, str]:
    """By the text of the specification, field by field."""
    if value.count("-") < 3:
        return {}
    version, trace, span, flags, *more = value.split("-", 4)
    for field, length in ((version, 2), (trace, 32), (span, 16), (flags, 2)):
        if len(field) != length or set(field) - set("0123456789abcdef"):
            return {}
    if version == "ff" or (version == "00" and more) or "\n" in value or not int(trace, 16) or not int(span, 16):
        return {}
    return {"trace_id": trace, "span_id": span}


NEARLY = some.builds(
    lambda fields, more: "-".join(fields) + more,
    some.tuples(
        some.one_of(some.sampled_from(["00", "01", "ff", "0", "000"]), some.text(max_size=2)),
        some.one_of(some.text("0123456789abcdefABCDEF", min_size=31, max_size=33), some.just("0" * 32)),
        some.one_of(some.text("0123456789abcdef", min_size=16, max_size=16), some.text(max_size=17)),
        some.one_of(some.text("0123456789abcdef", min_size=2, max_size=2), some.text(max_size=3)),
    ),
    some.one_of(some.just(""), some.text(max_size=5), some.text(max_size=5).map(lambda text: f"-{text}")),
)


@given(some.one_of(some.text(), NEARLY))
def test_only_the_exact_form_is_read(value: str) -> None:
    assert read(value) == expected(value)
