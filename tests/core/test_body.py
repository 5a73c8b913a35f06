"""Editing request JSON without touching what is not meant."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import body
from proxy.errors import BadRequest

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["moderation", "moderation_level", "a", "b", 'q"\\', "好"])
SPACE = st.sampled_from(["", " ", "\n\t ", "\r\n"])


@given(st.dictionaries(NAMES, VALUES), SPACE, SPACE)
def test_removing_leaves_all_other_bytes_as_they_were(value: dict[str, Any], before: str, after: str) -> None:
    members = [f"{json.dumps(k)}{before}:{after}{json.dumps(v, ensure_ascii=False)}" for k, v in value.items()]
    raw = (before + "{" + after + f"{before},{after}".join(members) + before + "}" + after).encode()
    edited = body.without(raw, ("moderation", "moderation_level"))
    kept = {k: v for k, v in value.items() if not k.startswith("moderation")}
    assert json.loads(edited) == kept
    assert list(json.loads(edited)) == list(kept)
    for member in members:
        name = json.loads(member.partition(before + ":")[0]) if member.startswith('"moderation') else None
        if name is None:
            assert member.encode() in edited
    if kept == value:
        assert edited is raw


@given(st.binary(max_size=40))
def test_any_bytes_are_either_an_object_or_not(raw: bytes) -> None:
    found = body.members(raw)
    if found is not None:
        assert raw.strip().startswith(b"{")


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"[]", b"{", b'{"a"', b'{"a":', b'{"a":1', b'{"a":1,', b'{"a":1,}', b'{"a":1}x', b"{1:2}", b'{"a" 1}'),
        *(b'{"a":1 "b"}', b'{"a":' + b"[" * 100_000),
    ],
)
def test_what_is_no_object_is_left_alone(raw: bytes) -> None:
    assert body.members(raw) is None
    assert body.without(raw + b'"moderation"', ("moderation",)) == raw + b'"moderation"'


def test_numbers_of_any_length_are_passed_over() -> None:
    raw = b'{"a":' + b"9" * 10_000 + b',"moderation":1}'
    assert body.without(raw, ("moderation",)) == raw.partition(b",")[0] + b"}"
    assert body.read(raw, ("a",)) == {"a": None}


def test_a_name_in_a_nested_object_or_a_text_is_not_a_member() -> None:
    raw = b'{"messages":[{"moderation":1}],"x":"\\"moderation\\""}'
    assert body.without(raw, ("moderation",)) is raw


def test_a_key_that_stands_twice_is_refused_only_where_something_is_removed() -> None:
    assert body.without(b'{"a":1,"a":2}', ("moderation",)) == b'{"a":1,"a":2}'
    with pytest.raises(BadRequest) as refused:
        body.without(b'{"a":1,"\\u0061":2,"moderation":1}', ("moderation",))
    assert refused.value.param == "a"


def test_values_are_read_from_the_top_level_alone() -> None:
    raw = '{"n":{"model":"inner"},"model":"好","stream":true}'.encode()
    assert body.read(raw, ("model", "stream", "n")) == {"model": "好", "stream": True, "n": {"model": "inner"}}
    assert body.read(b"{}", ("model",)) == {}
    assert body.members(b" {} ") == []
    assert body.read(b'"model"', ("model",)) == {}
