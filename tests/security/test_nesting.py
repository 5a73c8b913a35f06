"""JSON without end: counted before it is read, where reading it would end the process."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given

from proxy import body, nesting
from tests.support.hostile import ANYTHING


@pytest.fixture
def fatal(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is under Pyodide."""
    monkeypatch.setattr(nesting, "FATAL", True)


@pytest.mark.parametrize("inner", ["[", '{"a":', '[{"a":[', '["]",'])
def test_what_is_nested_too_deeply_is_not_read(inner: str, fatal: None) -> None:
    text = inner * 201
    with pytest.raises(RecursionError):
        nesting.loads(text)
    with pytest.raises(RecursionError):
        nesting.loads(text.encode("utf-16"))
    assert body.members(b'{"x":' + text.encode() + b"}") is None


@pytest.mark.parametrize(
    "value", ["[" * 500, "]" * 500, '"' * 501, "\\[" * 300, [[]] * 500, [{"a": {}}] * 500, ['"['] * 500]
)
def test_brackets_beside_one_another_or_in_texts_are_no_depth(value: object, fatal: None) -> None:
    text = json.dumps({"a": value})
    assert nesting.loads(text) == {"a": value}
    assert [member.name for member in body.members(text.encode()) or ()] == ["a"]


@given(ANYTHING)
def test_any_value_is_read_as_json_reads_it(value: object) -> None:
    text = json.dumps(value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nesting, "FATAL", True)
        assert repr(nesting.loads(text)) == repr(json.loads(text)) == repr(nesting.loads(text.encode()))


@pytest.mark.parametrize("text", ['["' + '\\"' * 500_000 + "[" * 300, '"[",' * 300_000, "[]" * 500_000])
def test_counting_takes_no_longer_than_the_text_is_long(text: str) -> None:
    began = time.process_time()
    nesting.check(text)
    assert time.process_time() - began < 3
