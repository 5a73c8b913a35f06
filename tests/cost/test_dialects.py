"""Usage by provider: every row of the table with what that provider really sends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cost import dialects, figures
from proxy.protocols.usage import Usage, merged, reported
from tests.support.paths import SHARED

NATIVE = SHARED / "data" / "native"


class Shape(NamedTuple):
    """`answer` is an event or a body as the provider sends it; `expected` are the figures that it means."""

    provider: str
    base_url: str
    answer: Any
    expected: dict[str, Any]


# One line each: what recorded streams and the providers' documents show.
LINES = Path(__file__).with_name("usage_shapes.jsonl").read_text(encoding="utf-8").splitlines()
SHAPES = [Shape(**json.loads(line)) for line in LINES]
by_provider = pytest.mark.parametrize("shape", SHAPES, ids=[shape.provider for shape in SHAPES])


def figures_of(answer: Any, base_url: str) -> dict[str, Any]:
    found = figures.of(reported(b"data: " + json.dumps(answer).encode() + b"\n\n"), dialects.of(base_url))
    return {name: getattr(found, name) for name in Usage.__slots__ if getattr(found, name) is not None}


def test_every_row_has_a_source_with_its_date_and_a_shape_here() -> None:
    assert [row.name for row in dialects.DIALECTS] == list(dict.fromkeys(shape.provider for shape in SHAPES))
    for row in dialects.DIALECTS:
        assert row.source.rpartition(", ")[2].startswith("2026-"), row.name


@by_provider
def test_what_a_provider_reports(shape: Shape) -> None:
    assert dialects.of(shape.base_url).name == (shape.provider if shape.provider != "vllm" else "other")
    told = figures_of(shape.answer, shape.base_url)
    assert told.pop("cost_usd", None) == pytest.approx(shape.expected.get("cost_usd"))
    assert told == {name: value for name, value in shape.expected.items() if name != "cost_usd"}


@by_provider
def test_a_relay_in_between_changes_no_token(shape: Shape) -> None:
    """At an address that says nothing, tokens are the same; only a charge is nobody's word."""
    told = figures_of(shape.answer, "https://relay.example/v1")
    assert "cost_usd" not in told
    if shape.provider not in ("perplexity", "xai"):
        told.pop("reasoning", None)
        expected = {name: value for name, value in shape.expected.items() if name not in ("cost_usd", "reasoning")}
        assert told == expected


def test_a_host_that_only_looks_like_a_provider_s_is_none() -> None:
    for base_url in ("https://api.x.ai.evil.example/v1", "https://evil.example/openrouter.ai", "", None):
        assert dialects.of(base_url) is dialects.OTHER
    assert dialects.of("https://openrouter.ai:443/api/v1").name == "openrouter"


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        # B7: reasoning beside completion, in the total alone.
        ({"prompt_tokens": 10120, "completion_tokens": 1499, "total_tokens": 14428}, (10120, 4308)),
        ({"prompt_tokens": 20, "completion_tokens": 198, "total_tokens": 623}, (20, 603)),
        # Totals that contradict their parts from below say nothing.
        ({"prompt_tokens": 20, "completion_tokens": 198, "total_tokens": 5}, (20, 198)),
        ({"prompt_tokens": 20, "completion_tokens": 198, "total_tokens": 0}, (20, 198)),
        ({"completion_tokens": 198, "total_tokens": 218}, (20, 198)),
        ({"prompt_tokens": 0, "completion_tokens": 198, "total_tokens": 218}, (20, 198)),
        ({"prompt_tokens": 20, "total_tokens": 218}, (20, 198)),
        ({"prompt_tokens": 20, "total_tokens": 20}, (20, None)),  # embeddings
        # More reasoning than output, and no total: it can only be beside it.
        ({"prompt_tokens": 1, "completion_tokens": 2, "completion_tokens_details": {"reasoning_tokens": 9}}, (1, 11)),
        # Both spellings, one of them empty.
        ({"prompt_tokens": 0, "completion_tokens": 0, "input_tokens": 3, "output_tokens": 4}, (3, 4)),
    ],
)
def test_contradictions(usage: dict[str, Any], expected: tuple[int, int | None]) -> None:
    found = figures.of(usage)
    assert (found.input, found.output) == expected


def test_parts_that_together_exceed_their_whole_are_left_out() -> None:
    details = {"cached_tokens": 60, "cache_write_tokens": 60}
    found = figures.of({"prompt_tokens": 100, "completion_tokens": 1, "prompt_tokens_details": details})
    assert found == Usage(input=100, output=1)
    assert figures.of({"completion_tokens_details": {"reasoning_tokens": 5}, "total_tokens": 9}) == Usage(total=9)


NAMES = sorted({path for paths in dialects.COUNTS.values() for path in paths})
VALUES = st.one_of(st.none(), st.integers(-5, 10**13), st.floats(), st.text(max_size=3), st.booleans(), st.just([]))


@st.composite
def usages(draw: st.DrawFn) -> dict[str, Any]:
    usage: dict[str, Any] = {}
    for path in draw(st.lists(st.sampled_from(NAMES), max_size=12)):
        place = usage
        for name in path[:-1]:
            place = place.setdefault(name, {})
            if not isinstance(place, dict):
                break
        else:
            place[path[-1]] = draw(VALUES)
    return usage


@given(usages(), st.sampled_from([*dialects.DIALECTS, dialects.OTHER]))
def test_no_figure_is_negative_and_no_part_exceeds_its_whole(usage: dict[str, Any], dialect: dialects.Dialect) -> None:
    found = figures.of(usage, dialect)
    for name in Usage.__slots__:
        value = getattr(found, name)
        assert value is None or isinstance(value, str) or value >= 0
    if found.input is not None:
        assert (found.cached or 0) + (found.cache_write or 0) <= found.input
    if found.output is not None:
        assert (found.reasoning or 0) <= found.output and (found.audio_output or 0) <= found.output
    assert (found.cache_write_1h or 0) <= (found.cache_write or 0)


COUNT = st.integers(1, 10**6)


@given(COUNT, COUNT, st.integers(0, 10**6))
def test_output_is_never_more_than_the_total(prompt: int, completion: int, beside: int) -> None:
    total = prompt + completion + beside
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": total,
        "completion_tokens_details": {"reasoning_tokens": beside},
    }
    for dialect in (row for row in dialects.DIALECTS if not row.outside_total):
        found = figures.of(usage, dialect)
        assert found.input is not None and found.output is not None
        assert found.input + found.output == total and found.output <= total


@given(
    st.lists(st.tuples(COUNT, COUNT), min_size=1, max_size=6),
    st.lists(st.sampled_from([{}, {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, None]), max_size=4),
    st.randoms(use_true_random=False),
)
def test_the_last_complete_figures_count_wherever_they_come(
    counts: list[tuple[int, int]], empty: list[Any], random: Any
) -> None:
    """In the first chunk, in the last or in each, with chunks in between that report nothing, null or zeros."""
    full = [
        {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output}
        for prompt, output in counts
    ]
    chunks: list[Any] = list(full)
    for nothing in empty:
        chunks.insert(random.randrange(len(chunks) + 1), nothing)
    found: dict[str, Any] = {}
    for usage in chunks:
        found = merged(found, reported(b'data: {"usage":' + json.dumps(usage).encode() + b"}\n\n"))
    last = figures.of(found)
    assert (last.input, last.output) == counts[-1]
    as_one = b"".join(b'data: {"usage":' + json.dumps(usage).encode() + b"}\n\n" for usage in chunks)
    assert figures.of(reported(as_one)) == last


@given(COUNT, st.integers(0, 1000), st.integers(0, 1000), COUNT, st.booleans())
def test_first_and_last_are_merged_figure_by_figure(
    fresh: int, read: int, written: int, output: int, repeats: bool
) -> None:
    """The Messages API has the input at the beginning of a stream and the output at its end."""
    start = {"input_tokens": fresh, "cache_read_input_tokens": read, "cache_creation_input_tokens": written}
    end = {"output_tokens": output, **({"input_tokens": fresh} if repeats else {})}
    for parts in ([{**start, "output_tokens": 1}, end], [end, start]):
        found: dict[str, Any] = {}
        for part in parts:
            found = merged(found, part)
        told = figures.of(found)
        assert (told.input, told.output) == (fresh + read + written, output)
        assert (told.cached, told.cache_write) == (read, written or None)


@pytest.mark.skipif(not NATIVE.exists(), reason="the recorded streams are not beside this checkout")
@pytest.mark.parametrize("folder", ["messages", "gemini"])
def test_recorded_native_streams_report_what_their_last_figures_say(folder: str) -> None:
    checked = 0
    for file in sorted((NATIVE / folder).glob("*.sse")):
        found = figures.of(reported(file.read_bytes()))
        assert found.input and found.output, file.name
        assert (found.reasoning or 0) <= found.output and (found.cached or 0) <= found.input, file.name
        checked += 1
    assert checked > 20
