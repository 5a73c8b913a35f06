"""Editing request JSON without touching what is not meant."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import BadRequest
from proxy.wire import safe_json
from proxy.wire.json_edit import Document
from tests.support.slices import read, run, scanned

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["moderation", "moderation_level", "a", "b", 'q"\\', "好"])
SPACE = st.sampled_from(["", " ", "\n\t ", "\r\n"])
OBJECTS = st.dictionaries(NAMES, VALUES)
NEW = st.dictionaries(st.sampled_from(["a", "moderation", "max_tokens", "store"]), st.integers(0, 10**20), max_size=3)


def spelled(value: dict[str, Any], before: str, after: str) -> tuple[bytes, list[str]]:
    members = [f"{json.dumps(k)}{before}:{after}{json.dumps(v, ensure_ascii=False)}" for k, v in value.items()]
    return (before + "{" + after + f"{before},{after}".join(members) + before + "}" + after).encode(), members


def agrees(document: Document) -> None:
    """The positions, and the value if there is one, match the bytes."""
    fresh = read(document.data)
    assert [(member.name, member.start, member.value, member.end) for member in fresh.members] == [
        (member.name, member.start, member.value, member.end) for member in document.members
    ]
    assert document.value in (None, fresh.value)


@given(OBJECTS, SPACE, SPACE)
def test_removing_leaves_all_other_bytes_as_they_were(value: dict[str, Any], before: str, after: str) -> None:
    raw, members = spelled(value, before, after)
    document = read(raw)
    edited = document.without(("moderation", "moderation_level"))
    kept = {k: v for k, v in value.items() if not k.startswith("moderation")}
    assert json.loads(edited.data) == kept == edited.value
    assert list(json.loads(edited.data)) == list(kept)
    for member in members:
        if not member.startswith('"moderation'):
            assert member.encode() in edited.data
    if kept == value:
        assert edited is document
    agrees(edited)


@given(OBJECTS, SPACE, SPACE, NEW, NEW)
def test_setting_leaves_all_other_bytes_as_they_were(
    value: dict[str, Any], before: str, after: str, first: dict[str, int], second: dict[str, int]
) -> None:
    raw, members = spelled(value, before, after)
    document = read(raw)
    for new in (first, second):
        document = document.setting({name: b"%d" % number for name, number in new.items()})
        agrees(document)
    expected = value | first | second
    assert json.loads(document.data) == expected == document.value
    assert list(json.loads(document.data)) == list(expected)
    for name, member in zip(value, members, strict=True):
        if name not in first and name not in second:
            assert member.encode() in document.data
    left = document.without(tuple(first)).without(tuple(second))
    assert json.loads(left.data) == {k: v for k, v in value.items() if k not in first and k not in second}
    agrees(left)


@given(st.binary(max_size=40))
def test_any_bytes_are_either_an_object_or_not(raw: bytes) -> None:
    if scanned(raw) is not None:
        assert raw.strip().startswith(b"{")


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"[]", b"{", b'{"a"', b'{"a":', b'{"a":1', b'{"a":1,', b'{"a":1,}', b'{"a":1}x', b"{1:2}", b'{"a" 1}'),
        *(b'{"a":1 "b"}', b'{"a":' + b"[" * 100_000),
    ],
)
def test_what_is_no_object_has_no_members(raw: bytes) -> None:
    assert scanned(raw) is None


def test_a_name_in_a_nested_object_or_a_text_is_not_a_member() -> None:
    document = scanned(b'{"messages":[{"moderation":1}],"x":"\\"moderation\\""}')
    assert document is not None and document.without(("moderation",)) is document


def test_a_duplicate_key_is_refused_only_if_something_is_changed() -> None:
    document = scanned(b'{"a":1,"a":2}')
    assert document is not None
    assert document.without(("moderation",)) is document and document.get("a") == 2
    with pytest.raises(BadRequest):
        document.setting({"stream": b"true"})
    document = scanned(b'{"a":1,"\\u0061":2,"moderation":1}')
    assert document is not None
    with pytest.raises(BadRequest) as refused:
        document.without(("moderation",))
    assert refused.value.param == "a"


def test_values_are_read_from_the_top_level_alone() -> None:
    raw = '{"n":{"model":"inner"},"model":"好","stream":true,"bad":"\x00"}'.encode().replace(b"\x00", b"\xff")
    document = scanned(raw)
    assert document is not None
    assert [document.get(name) for name in ("model", "stream", "n", "bad", "x")] == [
        "好",
        True,
        {"model": "inner"},
        None,
        None,
    ]
    long = scanned(b'{"a":"%s"}' % (b"x" * 5_000))
    assert long is not None and long.get("a") is None  # nobody needs it
    empty = scanned(b" {} ")
    assert empty is not None and empty.members == () and empty.setting({"a": b"1"}).data == b' {"a":1} '


def test_items_are_taken_out_and_nothing_else() -> None:
    raw = '{"a": [1,{"b": [2, "]"]} ,"你"] , "c":1.50}'.encode()
    document = read(raw)
    spans, _ = run(safe_json.item_spans(raw, document.members[0].value))
    assert document.without_items("a", spans, {0, 2}).data == b'{"a": [{"b": [2, "]"]}] , "c":1.50}'
    assert document.without_items("a", spans, {1}).data == '{"a": [1,"你"] , "c":1.50}'.encode()
    agrees(document.without_items("a", spans, {1}))
    document = read(b'{"a": [ ]}')
    assert document.without_items("a", [], set()).data == b'{"a": []}'
    plain = scanned(raw)
    assert plain is not None and plain.without_items("a", spans, {0, 1, 2}).data == b'{"a": [] , "c":1.50}'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"{}", b'{"stream":true,"x":1}'),
        (b'{ "a":2.50 }', b'{ "a":2.50,"stream":true,"x":1 }'),
        (b'{"stream" : false ,"a":1}', b'{"stream" : true ,"a":1,"x":1}'),
        (b'{"x":{"y":[1]},"stream":null}', b'{"x":1,"stream":true}'),
    ],
)
def test_a_member_is_set_and_every_other_byte_stays(before: bytes, after: bytes) -> None:
    assert read(before).setting({"stream": b"true", "x": b"1"}).data == after
