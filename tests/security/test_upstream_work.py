"""Heads, chunks and trailers that an upstream makes as expensive as it can: reading them takes time in their length.

What is quadratic takes minutes for these; the ceiling is a hundred times what is needed, in CPU time of this process.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from proxy.adapters import aws_buffered
from proxy.adapters.scf_web import ScfWebApp
from proxy.messages import Headers
from proxy.transports.http1 import MAX_CHUNK_LINE_BYTES, MAX_HEAD_BYTES, Answer, Incomplete, Malformed

CEILING_SECONDS = 2.0
SIZE = MAX_HEAD_BYTES - 500
OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: 0\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def filled(before: bytes, unit: bytes, after: bytes = b"", size: int = SIZE) -> bytes:
    return before + unit * ((size - len(before) - len(after)) // len(unit)) + after


UNITS = (b" ", b"\t", b" \t", b"a ", b"  a", b",", b":", b"\r", b";", b"\xff", b"a", b"\x00")
HOSTILE = {
    **{f"a value of {unit!r}": filled(OK + b"X: a", unit, b"b\r\n" + LENGTH) for unit in UNITS},
    **{f"a value of {unit!r} without an end": filled(OK + b"X: a", unit) for unit in UNITS},
    **{f"a name of {unit!r}": filled(OK, unit, b": x\r\n" + LENGTH) for unit in UNITS},
    **{f"a reason of {unit!r}": filled(b"HTTP/1.1 200 ", unit, b"\r\n" + LENGTH) for unit in UNITS},
    **{
        f"{name!r} of {unit!r}": filled(OK + name + b": ", unit, b"\r\n\r\n")
        for unit in UNITS
        for name in (b"Content-Length", b"Transfer-Encoding", b"Connection")
    },
    **{
        f"folds with {unit!r}": filled(OK + b"X: a", unit, b"\r\n" + LENGTH)
        for unit in (b"\r\n ", b"\n\t", b" \r\n ", b"\r\n" + b" " * 500, b" " * 500 + b"\r\n x")
    },
    "fields": filled(OK, b"a:\r\n", LENGTH),
    "fields with one name": filled(OK, b"Connection: close\r\n", LENGTH),
    "lengths": filled(OK, b"Content-Length: 0\r\n", LENGTH),
    "informational answers": filled(b"", b"HTTP/1.1 100 \r\n\r\n", OK + LENGTH),
    "informational answers with fields": filled(b"", b"HTTP/1.1 103 \r\na:b\r\nc:\r\n\r\n", OK + LENGTH),
    "line ends": filled(OK, b"\r\n"),
    **{f"a trailer of {unit!r}": filled(CHUNKED + b"0\r\nX: a", unit, b"b\r\n\r\n") for unit in UNITS},
    "trailers": filled(CHUNKED + b"0\r\n", b"a:\r\n", b"\r\n"),
    "chunks of a byte": filled(CHUNKED, b"1\r\nx\r\n", b"0\r\n\r\n"),
    **{
        f"extensions of {unit!r}": filled(
            CHUNKED, b"1;" + unit * ((MAX_CHUNK_LINE_BYTES - 10) // len(unit)) + b"\r\nx\r\n", b"0\r\n\r\n"
        )
        for unit in (b" ", b";", b"a", b"\t;")
    },
    "blanks before an extension": filled(CHUNKED, b"1" + b" " * 4000 + b"\r\nx\r\n", b"0\r\n\r\n"),
}


def timed(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def read(data: bytes, cut: int) -> None:
    answer = Answer("GET")
    out: list[bytes] = []
    try:
        for at in range(0, len(data), cut):
            answer.feed(data[at : at + cut], out)
        answer.end()
    except (Malformed, Incomplete):
        pass


@pytest.mark.parametrize("cut", [1, 1460, 65_536, 1_000_000])
@pytest.mark.parametrize("shape", HOSTILE)
def test_reading_takes_time_in_the_length(shape: str, cut: int) -> None:
    assert timed(lambda: read(HOSTILE[shape], cut)) < CEILING_SECONDS


def test_blanks_within_a_value_stay_and_those_around_it_go() -> None:
    answer = Answer("GET")
    answer.feed(OK + b"A: \t a  \t b \t\r\nB:\r\nC:  \r\nD: x \r\n\t y\r\n" + LENGTH, [])
    assert answer.headers[:4] == [("a", "a  \t b"), ("b", ""), ("c", ""), ("d", "x y")]


@pytest.mark.parametrize(
    ("fit_headers", "value"),
    [(ScfWebApp({}).fit_headers, "x"), (aws_buffered.fit_headers, "ü")],
    ids=["scf-web", "aws-buffered"],
)
def test_dropping_many_headers_takes_time_in_their_number(fit_headers: Callable[[Headers], None], value: str) -> None:
    headers = Headers((f"x-ratelimit-{number}", value) for number in range(20_000))
    assert timed(lambda: fit_headers(headers)) < CEILING_SECONDS
    assert not [name for name, _ in headers if name.startswith("x-ratelimit-")]
