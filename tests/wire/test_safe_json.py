"""One strict reader: what it takes, every other reader takes for the same; and it never works long at a stretch."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import BadRequest, TooComplex
from proxy.wire import bounded_json, json_rules, json_window, safe_json, work
from tests.support.slices import run, scanned

TEXTS = st.text(max_size=40) | st.sampled_from(["\\" * 70, "😀" * 40, "\n" * 90, "中文" * 40, "\ud83d", '"' * 60])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=30,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=6)
SPACE = st.sampled_from(["", " ", "\n\t ", "\r\n" * 50])
MB = 1_000_000


@pytest.fixture(params=[96, 1_000, json_window.WINDOW])
def window(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(json_window, "WINDOW", request.param)
    return int(request.param)


def encoded(value: dict[str, Any], ascii_only: bool, before: str, after: str) -> bytes:
    text = json.dumps(value, ensure_ascii=ascii_only, separators=(f"{after},{before}", f"{before}:{after}"))
    return f"{before}{text}{after}".encode("utf-8", "surrogatepass")


@settings(deadline=None)
@given(OBJECTS, st.booleans(), SPACE, SPACE, st.sampled_from([96, 300, json_window.WINDOW]))
def test_an_object_is_read_as_python_reads_it(
    value: dict[str, Any], ascii_only: bool, before: str, after: str, size: int
) -> None:
    data = encoded(value, ascii_only, before, after)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_window, "WINDOW", size)
        try:
            plain = json.loads(data.decode())
        except UnicodeDecodeError:  # half of a character, written as it is
            with pytest.raises(BadRequest):
                run(safe_json.read(data))
            return
        if any(len(json.dumps(name)) > size - 20 for name in names(plain)) or len({n.casefold() for n in plain}) != len(
            plain
        ):
            return
        document, _ = run(safe_json.read(data))
        assert document.value == plain == value
        scanned, _ = run(safe_json.scan(data))
        assert scanned is not None
        # Lenient reading does not decode names as UTF-8: only positions count, and ASCII names.
        assert [(member.start, member.value, member.end) for member in scanned.members] == [
            (member.start, member.value, member.end) for member in document.members
        ]
        for member in document.members:
            assert json.loads(data[member.value : member.end]) == value[member.name]
            assert json.JSONDecoder().raw_decode(data[member.start :].decode())[0] == member.name


def names(value: Any) -> list[str]:
    if isinstance(value, list):
        return [name for item in value for name in names(item)]
    if isinstance(value, dict):
        return [*value, *(name for item in value.values() for name in names(item))]
    return []


@settings(deadline=None)
@given(OBJECTS, st.data())
def test_what_is_broken_anywhere_is_refused(value: dict[str, Any], data: st.DataObject) -> None:
    raw = bytearray(json.dumps(value).encode())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] = data.draw(st.integers(0, 255))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_window, "WINDOW", 96)
        try:
            document = run(safe_json.read(bytes(raw)))[0].value
        except BadRequest:
            return
    assert json.loads(raw.decode()) == document


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b" ", b"[]", b"{", b'{"a"', b'{"a":', b'{"a":1', b'{"a":1,', b'{"a":1,}', b'{"a":1}x', b"{1:2}"),
        *(b'{"a" 1}', b'{"a":1 "b":2}', b'{"a":NaN}', b'{"a":[Infinity]}', b'{"a":01}', b'{"a":1.}', b"nul"),
        *(b"\xef\xbb\xbf{}", b'{"a":"\xff"}', '{"a":1}'.encode("utf-16"), b'{"a":"\x01"}', b'{"a":[' + b"1" * 200),
        *(b'{"a":"' + b"x" * 200, b'{"a":"' + b"\\" * 201, b'{"a":' + b"9" * 5_000 + b"}", b'{"a":[1,' + b" " * 300),
        *(b'{"' + b"n" * 300 + b'":1}', b'{"a":' + b"[" * 100_000, b'{"a":{"b":' + b"[" * 300 + b"1}}"),
    ],
)
def test_what_is_no_object_is_refused(raw: bytes, window: int) -> None:
    if len(raw) == 306 and window > 96:  # a name that fits
        return
    with pytest.raises(BadRequest):
        run(safe_json.read(raw))


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1,"a":1}',
        b'{"a":[{"b":1,"b":2}]}',
        b'{"a":{"b":1,"\\u0062":2,"c":"' + b"x" * 200 + b'"}}',
        b'{"A":1,"a":2}',
        b'{"Model":"m"}',
        b'{"mod\\u0065l":"m"}',
        '{"moder":1,"ſtream":true}'.encode(),
    ],
)
def test_what_two_readers_could_take_for_different_things_is_refused(raw: bytes, window: int) -> None:
    with pytest.raises(BadRequest) as refused:
        run(safe_json.read(raw, frozenset({"model", "stream"})))
    assert refused.value.code == "duplicate_key"


def test_numbers_of_any_length_are_passed_over_where_nothing_is_decided(window: int) -> None:
    raw = b'{"a":' + b"9" * 10_000 + b',"moderation":1}'
    document, _ = run(safe_json.scan(raw))
    assert document is not None and [member.name for member in document.members] == ["a", "moderation"]
    assert run(safe_json.scan(b'{"a":' + b"9" * 10_000 + b"x}"))[0] is None


@pytest.mark.parametrize("number", [b"-12.5e+10", b"0.25", b"1e5", b"12345678901234567890"])
def test_a_number_on_a_windows_edge_stays_whole(number: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_window, "WINDOW", 96)
        for pad in range(120):
            raw = b'{"a":"%s","n":%s,"l":[%s,%s]}' % (b"x" * pad, number, number, number)
            document, _ = run(safe_json.read(raw))
            assert document.value == json.loads(raw)


@pytest.mark.parametrize("unit", ["\\n", "\\u00e9", "\\ud83d\\ude00", "\\\\", '\\"', "中", "x\\", "\\ud83dx"])
def test_an_escape_on_a_windows_edge_stays_whole(unit: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_window, "WINDOW", 96)
        for pad in range(14):
            text = "x" * pad + (unit * 120 if unit != "x\\" else "x\\\\" * 120)
            raw = f'{{"a":"{text}","b":"{text}"}}'.encode()
            document, _ = run(safe_json.read(raw))
            assert document.value == json.loads(raw)


def test_limits_are_told() -> None:
    for raw, how in (
        (b"{%s}" % b",".join(b'"%d":1' % number for number in range(1_001)), "keys"),
        (b'{"a":[' + b"0," * json_rules.MAX_VALUES + b"0]}", "values"),
        (b'{"a":{"%s":1}}' % (b"n" * 1_001), "key"),
        (('{"a":"' + "中" * (json_rules.MAX_TEXT + 40_000) + '"}').encode(), "text"),
    ):
        with pytest.raises(TooComplex, match=how):
            run(safe_json.read(raw))
    plain = b'{"a":"' + b"A" * (json_rules.MAX_TEXT + 100) + b'"}'
    assert len(run(safe_json.read(plain))[0].value["a"]) == json_rules.MAX_TEXT + 100


def test_depth_is_limited_on_every_python() -> None:
    for levels, fits in ((bounded_json.LEVELS - 2, True), (bounded_json.LEVELS + 1, False)):
        raw = b'{"a":' + b"[" * levels + b"]" * levels + b"}"
        if fits:
            run(safe_json.read(raw))
        else:
            with pytest.raises(BadRequest):
                run(safe_json.read(raw))


def fill(unit: bytes) -> Callable[[int], bytes]:
    """So many bytes of `unit` again and again."""
    return lambda size: unit * (size // len(unit))


def wide(size: int) -> bytes:
    return b"".join(b'"%d":0,' % number for number in range(size // 12))


# Bodies that once blocked other calls, or are made to waste work.
HOSTILE: dict[str, tuple[bytes, Callable[[int], bytes], bytes]] = {
    "small lists": (b'{"messages":[', fill(b"[],"), b"[]]}"),
    "small objects": (b'{"messages":[', fill(b"{},"), b"{}]}"),
    "numbers": (b'{"input":[', fill(b"1,"), b"1]}"),
    "one number": (b'{"n":', fill(b"9"), b"}"),
    "members": (b"{", wide, b'"a":0}'),
    "nested members": (b'{"a":{', wide, b'"a":0}}'),
    "one text": (b'{"a":"', fill(b"x"), b'"}'),
    "Chinese": (b'{"a":"', fill("中".encode()), b'"}'),
    "escapes": (b'{"a":"', fill(b"\\n"), b'"}'),
    "backslashes": (b'{"a":"', fill(b"\\\\"), b'"}'),
    "halves": (b'{"a":"', fill(b"\\ud83d"), b'"}'),
    "texts": (b'{"a":[', fill(b'"ab",'), b'""]}'),
    "commas in texts": (b'{"a":[', fill(b'{"a":"],},"},'), b'""]}'),
    "blanks": (b'{"a":', fill(b" "), b"1}"),
    "a name": (b'{"', fill(b"n"), b'":1}'),
    "depth": (b'{"a":', fill(b"["), b"}"),
    "braces": (b"", fill(b'{"a":'), b""),
    "half windows": (b'{"a":[', fill(b'["' + b"x" * 33_000 + b'"],'), b"0]}"),
    "pairs": (b'{"a":[', fill(b"[0,[0,0]],"), b"0]}"),
    "broken at the end": (b'{"a":[', fill(b"[],"), b"}"),
}


# Twenty million lists take a minute to read, and six megabytes of them show the same.
LARGE = ("one text", "Chinese", "escapes", "blanks", "a name", "depth")


@pytest.mark.parametrize(
    ("kind", "megabytes"),
    [*((kind, size) for kind in HOSTILE for size in (1, 6)), *((kind, 60) for kind in LARGE)],
)
def test_nobody_waits_long_while_a_body_is_read(kind: str, megabytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    windows = 0
    slide = json_window.Window.slide

    def counted(self: json_window.Window, at: int) -> None:
        nonlocal windows
        windows += 1
        slide(self, at)

    monkeypatch.setattr(json_window.Window, "slide", counted)
    head, unit, tail = HOSTILE[kind]
    raw = head + unit(megabytes * MB) + tail
    limit = 2 * work.SLICE + 100  # what one window may add to a slice that is nearly full
    for slices in (safe_json.read(raw), safe_json.scan(raw)):
        total = windows = 0
        with suppress(BadRequest):
            for units in slices:
                assert units <= limit
                assert windows <= 4  # so many windows at a stretch, each of some milliseconds at the worst
                total += units
                windows = 0
            assert total <= len(raw) + 10_000  # linear: each byte is looked at a few times
        assert windows <= 4  # also where it is refused


def test_items_are_found_where_they_are(window: int) -> None:
    items = [b'"a"', b" {} ", b"[1,[2]]", b'"' + b"x" * 200 + b'"', b"1.5"]
    raw = b'{"messages": [' + b",".join(items) + b"]}"
    spans, _ = run(safe_json.item_spans(raw, raw.index(b"[")))
    assert [raw[start:end] for start, end in spans] == [item.strip() for item in items]
    assert run(safe_json.item_spans(b"[ ]", 0))[0] == []


@pytest.mark.parametrize("kind", ["small lists", "small objects", "texts", "numbers", "pairs", "nested members"])
def test_memory_is_a_small_multiple_of_the_body(kind: str) -> None:
    head, unit, tail = HOSTILE[kind]
    raw = head + unit(MB // 4) + tail
    for read in (safe_json.read, safe_json.scan):
        tracemalloc.start()
        try:
            with suppress(BadRequest):
                run(read(raw))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 40 * len(raw)


def test_a_duplicate_name_is_found_across_windows() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_window, "WINDOW", 96)
        for first in range(0, 30, 7):
            names = [*range(40), first]
            raw = b'{"a":{%s}}' % b",".join(b'"%d":[%s]' % (name, b"0," * (name % 5) + b"0") for name in names)
            with pytest.raises(BadRequest, match="twice"):
                run(safe_json.read(raw))
            assert run(safe_json.scan(raw))[0] is not None


@pytest.mark.parametrize("tail", [b"[1 2]", b'["x" "y"]', b'{"a":1 "b":2}', b"[1,]", b"[,1]"])
def test_what_is_broken_in_a_large_value_is_refused(tail: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_window, "WINDOW", 96)
        raw = b'{"a":[%s%s]}' % (b'"%s",' % (b"x" * 90) * 3, tail)
        with pytest.raises(BadRequest):
            run(safe_json.read(raw))
        raw = b'{"a":[%s"y" "z"]}' % (b'"%s",' % (b"x" * 90) * 3)
        with pytest.raises(BadRequest):
            run(safe_json.read(raw))


def test_a_name_that_stands_twice_is_found_across_windows() -> None:
    members = ",".join(f'"k{number}":"{"x" * 50}"' for number in range(5_000))
    more = ",".join(f'"n{number}":1' for number in range(5_000))
    data = f'{{"a":{{{members},{more},"k1":1,{more.replace("n", "m")}}}}}'.encode()
    with pytest.raises(BadRequest, match="k1") as raised:
        list(safe_json.read(data))
    assert raised.value.code == "duplicate_key"


def test_long_members_let_others_run() -> None:
    members = ",".join(f'"k{number}":"{"x" * 1_000}"' for number in range(900))
    slices = sum(1 for _ in safe_json.read(f"{{{members}}}".encode()))
    assert slices > 1


def test_a_large_body_with_what_is_no_value_is_not_json(window: int) -> None:
    for value in (b"x", b"'a'"):
        text = b'"text":"%b"' % (b"y" * 5 * window)
        for body in (b'{%b,"a":%b}' % (text, value), b'{"a":%b,%b}' % (value, text)):
            assert run(safe_json.scan(body))[0] is None


@pytest.mark.parametrize("body", [b'{"abc', b'{"a":1,"abc', b'{"a":1,"\\'])
def test_a_name_without_an_end_is_no_json(body: bytes) -> None:
    with pytest.raises(BadRequest):
        run(safe_json.read(body))


@pytest.mark.parametrize(("raw", "is_object"), [(b"{%b}", True), (b'{"a"%b1}', False)])
def test_an_object_may_be_larger_than_a_window_by_its_white_space_alone(raw: bytes, is_object: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_window, "WINDOW", 96)
        raw %= b" " * 200
        assert (run(safe_json.scan(raw))[0] is not None) == is_object
        if is_object:
            assert run(safe_json.read(raw))[0].value == {}
        else:
            with pytest.raises(BadRequest):
                run(safe_json.read(raw))


@pytest.mark.parametrize("after", [b"1:2}", b"b}", b'"b', b'"b\x01":2}', b'"b" 2}', b"}"])
def test_what_is_no_member_after_a_large_one_is_refused(after: bytes) -> None:
    raw = b'{"a":"%b",%b' % (b"x" * 2 * json_window.WINDOW, after)
    assert scanned(raw) is None
    with pytest.raises(BadRequest):
        run(safe_json.read(raw))
