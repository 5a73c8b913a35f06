"""Members of small objects: where they are, and what is no object."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import TooComplex
from proxy.wire import json_members
from proxy.wire.json_rules import MAX_MEMBERS

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["model", "n", "stream_options", "a b", "", 'a"b', "a\\b", "é", "\n", "x" * 65]) | st.text()


@given(st.dictionaries(NAMES, VALUES, max_size=5), st.sampled_from(["", " ", "\r\n\t "]), st.booleans())
def test_each_member_is_found_where_it_is(value: dict[str, Any], space: str, is_ascii: bool) -> None:
    separators = (f"{space},{space}", f"{space}:{space}")
    text = json.dumps(value, separators=separators, ensure_ascii=is_ascii)
    data = f"{space}{{{space}{text[1:-1]}{space}}}{space}".encode()
    found = json_members.spans(data)
    names = [json.loads(data[member.start : member.value].rstrip(b": \r\n\t")) for member in found]
    assert dict(zip(names, [json.loads(data[member.value : member.end]) for member in found], strict=True)) == value
    # A name is text as its bytes are, one character for each, unless it is escaped.
    assert [member.name for member in found] == [
        name if is_ascii else name.encode().decode("latin-1") for name in map(str, value)
    ]


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "[]", "null", "{", '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}', "{,}", '{"a" 1}', '{"a":}'),
        *('{"a":1}x', "{} {}", "{1:2}", '{"a\nb":1}', '{"a\\x":1}', "{'a':1}", '{"a":1;"b":2}', '{"é":1', '{"é" 1}'),
        *('{"a":1 "b":2}', '{"a":tru}', '{"a":1,\f"b":2}', '\ufeff{"a":1}'),
    ],
)
def test_what_is_no_object_is_none(text: str) -> None:
    with pytest.raises((ValueError, StopIteration)):
        json_members.spans(text.encode())


def test_of_two_members_with_one_name_both_are_found() -> None:
    assert [member.name for member in json_members.spans(b'{"a":1,"a":2}')] == ["a", "a"]


def test_members_are_limited() -> None:
    most = ",".join(f'"{number}":0' for number in range(MAX_MEMBERS))
    assert len(json_members.spans(f"{{{most}}}".encode())) == MAX_MEMBERS
    with pytest.raises(TooComplex, match="more than 1000 keys"):
        json_members.spans(f'{{{most},"one more":0}}'.encode())
