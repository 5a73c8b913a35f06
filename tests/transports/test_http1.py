"""The HTTP/1.1 parser: by rule, however the bytes are cut, and against what h11 and httptools make of the same."""

from __future__ import annotations

import h11
import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.transports.http1 import MAX_CHUNK_LINE_BYTES, MAX_HEAD_BYTES, Answer, Incomplete, Malformed

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def parsed(data: bytes, cut: int = 1 << 20, method: str = "POST", ended: bool = False) -> tuple[Answer, bytes]:
    answer = Answer(method)
    out: list[bytes] = []
    for at in range(0, len(data), cut):
        answer.feed(data[at : at + cut], out)
    if ended:
        answer.end()
    return answer, b"".join(out)


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 1 << 20])
@pytest.mark.parametrize(
    ("data", "status", "body", "done", "keep"),
    [
        (OK + b"Content-Length: 3\r\n\r\nabc", 200, b"abc", True, True),
        (OK + b"Content-Length: 0\r\n\r\n", 200, b"", True, True),
        (OK + b"Content-Length: 3\r\n\r\nab", 200, b"ab", False, True),
        (OK + b"content-length: 3\r\nContent-Length: 3, 3\r\n\r\nabc", 200, b"abc", True, True),
        (OK + b"Content-Length: 3\r\n\r\nabcd", 200, b"abc", True, False),
        (OK + b"Connection: foo, Close\r\nContent-Length: 1\r\n\r\na", 200, b"a", True, False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", 200, b"a", True, False),
        (OK + b"\r\nrest", 200, b"rest", False, False),
        (b"HTTP/1.1 204\r\n\r\n", 204, b"", True, True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, b"", True, True),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 X\r\nA: b\r\n\r\n" + OK + b"\r\nx", 200, b"x", False, False),
        (OK.replace(b"\r", b"") + b"Content-Length: 1\n\na", 200, b"a", True, True),
        (CHUNKED + b"3\r\nabc\r\n0\r\n\r\n", 200, b"abc", True, True),
        (
            CHUNKED + b"003;x=y\r\nabc\r\nA  ;z\r\n0123456789\r\n00\r\nT: r\r\nU: s\r\n\r\n",
            200,
            b"abc0123456789",
            True,
            True,
        ),
        (CHUNKED + b"0\r\n\r\nHTTP/1.1 200 OK\r\n", 200, b"", True, False),
        (CHUNKED + b"5\r\nab", 200, b"ab", False, True),
        (OK + b"Content-Length: 9\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", 200, b"a", True, False),
    ],
)
def test_what_an_answer_is(data: bytes, status: int, body: bytes, done: bool, keep: bool, cut: int) -> None:
    answer, parsed_body = parsed(data, cut)
    assert (answer.status, parsed_body, answer.done, answer.keep) == (status, body, done, keep)


def test_fields_are_joined_trimmed_and_in_order() -> None:
    answer, _ = parsed(OK + b"X-One: \t a b \r\n  c\r\n\td \r\nEmpty:\r\nX-One: \xe4\r\n\r\n")
    assert answer.headers == [("x-one", "a b c d"), ("empty", ""), ("x-one", "\xe4")]


def test_with_both_framings_the_length_is_not_passed_on() -> None:
    answer, _ = parsed(OK + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert answer.headers == [("transfer-encoding", "chunked")]


def test_an_answer_to_head_has_no_body() -> None:
    answer, body = parsed(OK + b"Content-Length: 3\r\n\r\n", method="HEAD")
    assert answer.done
    assert answer.headers == [("content-length", "3")]
    assert body == b""


@pytest.mark.parametrize("cut", [1, 1 << 20])
@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-x",
        b"\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.2 200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000\r\n\r\n",
        b"HTTP/1.1 099 X\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b"HTTP/1.1 200 \x00\r\n\r\n",
        OK + b" folded: first\r\n\r\n",
        OK + b"No-Colon\r\n\r\n",
        OK + b"Space : x\r\n\r\n",
        OK + b": x\r\n\r\n",
        OK + b"A: \x00\r\n\r\n",
        OK + b"A: b\rc\r\n\r\n",
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Content-Length: +1\r\n\r\n",
        OK + b"Content-Length: 1_0\r\n\r\n",
        OK + b"Content-Length: 0x1\r\n\r\n",
        OK + b"Content-Length:\r\n\r\n",
        OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        OK + b"Content-Length: 1, 2\r\n\r\n",
        OK + b"Content-Length: " + b"9" * 21 + b"\r\n\r\n",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        OK + b"Transfer-Encoding: identity\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK + b"A: " + b"a" * MAX_HEAD_BYTES,
        OK + b"A: " + b"a" * MAX_HEAD_BYTES + b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * (MAX_HEAD_BYTES // 20),
        CHUNKED + b"g\r\n",
        CHUNKED + b"\r\n",
        CHUNKED + b"-1\r\n",
        CHUNKED + b"+1\r\n",
        CHUNKED + b"0x1\r\n",
        CHUNKED + b"1_0\r\n",
        CHUNKED + b" 1\r\n",
        CHUNKED + b"1\na\n",
        CHUNKED + b"1 x\r\n",
        CHUNKED + b"1" * 17 + b"\r\n",
        CHUNKED + b"1;" + b"x" * MAX_CHUNK_LINE_BYTES,
        CHUNKED + b"3\r\nabcd\r\n",
        CHUNKED + b"3\r\nabc0\r\n\r\n",
        CHUNKED + b"3\r\nabc\n0\r\n\r\n",
        CHUNKED + b"0\r\nNo colon\r\n\r\n",
        CHUNKED + b"0\r\nA: " + b"a" * MAX_HEAD_BYTES,
    ],
)
def test_what_is_no_answer(data: bytes, cut: int) -> None:
    if cut == 1 and len(data) > MAX_HEAD_BYTES:
        cut = 997  # a byte at a time would only be slow
    with pytest.raises(Malformed):
        parsed(data, cut)


@pytest.mark.parametrize(
    "data",
    [b"", b"HTTP/1.1 2", OK, OK + b"Content-Length: 2\r\n\r\na", CHUNKED, CHUNKED + b"1\r\na\r\n", CHUNKED + b"0\r\n"],
)
def test_an_end_that_comes_too_early(data: bytes) -> None:
    with pytest.raises(Incomplete):
        parsed(data, ended=True)


@pytest.mark.parametrize("data", [OK + b"\r\nab", OK + b"Content-Length: 2\r\n\r\nab"])
def test_an_end_in_time(data: bytes) -> None:
    answer, body = parsed(data, ended=True)
    assert (answer.done, answer.keep, body) == (True, False, b"ab")


# Differential: the same bytes, as random and as near to HTTP as hypothesis makes them, go to the two well-kept parsers.
_WORDS = [
    b"HTTP/1.1 ", b"HTTP/1.0 ", b"200 OK", b"404", b"100 C", b"204 N", b"\r\n", b"\r\n\r\n", b"\n", b" ", b"\t",
    b":", b"0", b"1", b"3", b"a", b"abc", b"g", b";x=1", b"A: b", b"Content-Length: ", b"Transfer-Encoding: ",
    b"chunked", b"Connection: close", b"\x00", b"\xff", b",", b"-", b"0\r\n\r\n", b"3\r\nabc\r\n",
]  # fmt: skip
_starts = st.sampled_from([b"", OK, CHUNKED, OK + b"Content-Length: 3\r\n\r\n", b"HTTP/1.1 100 C\r\n\r\n" + OK])
_bytes = st.builds(
    lambda start, parts: start + b"".join(parts), _starts, st.lists(st.sampled_from(_WORDS) | st.binary(max_size=2))
)


def ours(data: bytes, cut: int = 1 << 20) -> tuple[int, bytes, bool] | None:
    try:
        answer, body = parsed(data, cut)
    except Malformed:
        return None
    return answer.status, body, answer.done


def h11s(data: bytes) -> tuple[int, bytes, bool] | None:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
    connection.send(h11.Request(method="POST", target="/", headers=[("host", "x"), ("content-length", "0")]))
    connection.send(h11.EndOfMessage())
    status, body = 0, b""
    try:
        connection.receive_data(data)
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return status, body, True
            elif event is h11.NEED_DATA or event is h11.PAUSED:
                return status, body, False
    except h11.RemoteProtocolError:
        return None


class Httptools:
    """What httptools' callbacks tell, up to the end of the first final answer."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.status, self.body, self.done = 0, b"", False

    def on_headers_complete(self) -> None:
        if not self.done and self.parser.get_status_code() >= 200:
            self.status = self.parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        if not self.done:
            self.body += data

    def on_message_complete(self) -> None:
        self.done = self.done or self.status >= 200


def httptoolss(data: bytes) -> tuple[int, bytes, bool] | None:
    seen = Httptools()
    try:
        seen.parser.feed_data(data)
    except httptools.HttpParserError:
        return (seen.status, seen.body, True) if seen.done else None
    return seen.status, seen.body, seen.done


@given(_bytes, st.integers(1, 40))
def test_how_the_bytes_are_cut_changes_nothing(data: bytes, cut: int) -> None:
    whole, pieces = ours(data), ours(data, cut)
    assert whole == pieces


@given(_bytes)
def test_what_is_complete_here_is_the_same_to_h11(data: bytes) -> None:
    """Never more lenient than h11, with the exceptions listed here."""
    own = ours(data)
    if own is None or not own[2]:
        return
    reference = h11s(data)
    assert reference == own


@given(_bytes)
def test_what_httptools_and_h11_agree_on_is_the_same_here(data: bytes) -> None:
    """Never stricter than both, and never another answer."""
    first, second = h11s(data), httptoolss(data)
    if first is not None and first == second and first[2]:
        assert ours(data) == first
