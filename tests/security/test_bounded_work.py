"""Work on a request is bounded and sliced, for inputs that were not tried before."""

from __future__ import annotations

import time
from typing import Any

import pytest

from proxy.cost import schema_size, upper_bound
from proxy.errors import TooComplex
from proxy.tokens.schema import Renderer, TooLarge
from proxy.tokens.vocabulary import Budget
from proxy.wire import safe_json, work


def spent(slices: Any) -> tuple[int, int]:
    """The units of work of all slices, and of the largest."""
    units = [0, *slices]
    return sum(units), max(units)


def test_nested_schemas_are_measured_once_and_in_slices() -> None:
    inner: dict[str, Any] = {"type": "object", "x": [[] for _ in range(20_000)]}
    for _ in range(100):
        inner = {"name": "f", "parameters": inner}
    total, most = spent(schema_size.added_bytes({"tools": [inner]}))
    assert total < 100_000 and most <= work.SLICE + 1


def test_deeply_nested_large_values_are_refused() -> None:
    deep = b"[" * 190 + b'"' + b"a" * 66_000 + b'"' + b"]" * 190
    body = b'{"model":"gpt-4o-mini","messages":[],"x":[' + b",".join([deep] * 10) + b"]}"
    with pytest.raises(TooComplex):
        spent(safe_json.read(body))
    once = b'{"x":' + deep + b"}"
    assert spent(safe_json.read(once))[0] > 0
    wide = b'{"x":[' + b",".join([b'["' + b"a" * 70_000 + b'"]'] * 50) + b"]}"
    assert spent(safe_json.read(wide))[0] > 0


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"type": ["a"] * 3_000, **{f"k{n}": 1 for n in range(3_000)}}}},
        {
            "$defs": {"a": {"type": "object", "properties": {"x": {}}, "required": ["r"] * 30_000}},
            "properties": {f"p{n}": {"$ref": "#/$defs/a"} for n in range(300)},
        },
    ],
)
def test_rendering_a_schema_counts_all_values_that_are_read(schema: dict[str, Any]) -> None:
    with pytest.raises(TooLarge):
        Renderer(True, Budget(10**9, 1e9, lambda: 0.0)).functions([{"name": "f", "parameters": schema}])


def test_blanks_before_a_url_are_not_searched_repeatedly() -> None:
    began = time.process_time()
    for _ in range(10):
        total, _ = spent(upper_bound.prompt_bound({"x": {"uri": " " * 2_000_000}}, 2_000_000))
    assert total > 0 and time.process_time() - began < 0.5  # a search took 0.1 s each
    bound = upper_bound.prompt_bound({"x": {"uri": " " * 200 + "https://x.example/a"}}, 300)
    with pytest.raises(StopIteration) as end:
        next(bound)
    assert end.value.value.unbounded is not None


def test_many_small_values_of_a_schema_are_measured_in_slices() -> None:
    total, most = spent(schema_size.added_bytes({"parameters": {"enum": list(range(10_000))}}))
    assert total > 4 * work.SLICE and most <= work.SLICE
