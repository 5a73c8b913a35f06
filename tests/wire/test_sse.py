"""The splitter and the reader of events, against a slow and obvious reading of the grammar."""

from __future__ import annotations

import itertools
import re

from hypothesis import example, given
from hypothesis import strategies as st

from proxy.wire import sse

PIECES = st.lists(
    st.sampled_from([b"\n", b"\r", b"\r\n", b"data: x", b": ping", b"id: 1", "好".encode(), b"\xe5", b""]), max_size=40
)


def cut(data: bytes, at: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(position % (len(data) + 1) for position in at)})
    return [data[a:b] for a, b in itertools.pairwise(edges)]


def ends(data: bytes) -> set[int]:
    """Every position behind an empty line, reading line by line; a CR LF that is cut there counts as well."""
    ends = set()
    at = 0
    after_line = False  # a blank at the very start ends no event, but cutting there does no harm
    for line in re.findall(rb"[^\r\n]*(?:\r\n|\n|\r)", data):
        at += len(line)
        if line in (b"\n", b"\r", b"\r\n") and after_line:
            ends.add(at)
            if line == b"\r\n":
                ends.add(at - 1)
        after_line = True
    return ends


@given(PIECES, st.lists(st.integers(min_value=0), max_size=12))
@example([b"data: x", b"\r\n", b"\r\n", b"data: x"], list(range(40)))
@example([b"data: x", b"\n", b"\r", b"data: x", b"\n", b"\r"], list(range(40)))
@example([b"data: x", b"\r", b"\r", b"\n"], [9])
def test_nothing_is_lost_and_every_piece_ends_where_an_event_ends(parts: list[bytes], at: list[int]) -> None:
    data = b"".join(parts)
    splitter = sse.Splitter()
    out = [splitter.feed(piece) for piece in cut(data, at)]
    rest = splitter.rest()
    assert b"".join(out) + rest == data
    allowed = ends(data)
    position = 0
    for piece in out:
        position += len(piece)
        assert not piece or position in allowed
    # Nothing is held back that could have gone: only an event without its end, or a CR that may become CR LF.
    held = [end for end in allowed if position < end < len(data) and data[end - 1 : end + 1] != b"\r\n"]
    assert not [end for end in held if data[position:end].strip(b"\r\n")]


def test_a_splitter_is_empty_after_its_rest() -> None:
    splitter = sse.Splitter()
    assert splitter.feed(b"data: a\n") == b""
    assert splitter.rest() == b"data: a\n"
    assert splitter.rest() == b""
    assert splitter.feed(b"data: b\n\n") == b"data: b\n\n"


def test_a_long_event_in_small_pieces_is_searched_once() -> None:
    splitter = sse.Splitter()
    assert not any(splitter.feed(b"x" * 100) for _ in range(50_000))
    assert len(splitter.feed(b"\n\n")) == 5_000_002


def test_events_are_read_as_a_browser_reads_them() -> None:
    data = b': hello\r\nevent: a\rdata: 1\ndata:2\n\nid: 7\n\ndata:  {"x": "\xe2\x80\xa8"}\n\nretry\n\ndata: unfinished'
    assert list(sse.events(data)) == [("a", b"1\n2"), ("", b' {"x": "\xe2\x80\xa8"}')]


def test_a_byte_order_mark_in_front_is_no_part_of_the_first_line() -> None:
    assert list(sse.events(b"\xef\xbb\xbfdata: a\n\ndata: b\n\n")) == [("", b"a"), ("", b"b")]


def test_objects_pass_over_what_is_no_object() -> None:
    data = b'data: [DONE]\n\ndata: {"a": 1}\n\ndata: 5\n\ndata: {"broken\n\ndata: ' + b"[" * 100_000 + b"\n\n"
    assert list(sse.objects(data)) == [{"a": 1}]


def test_an_event_is_written_raw_and_named() -> None:
    assert sse.event({"x": "好"}) == 'data: {"x":"好"}\n\n'.encode()
    assert sse.event({}, "error") == b"event: error\ndata: {}\n\n"
