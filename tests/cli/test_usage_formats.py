"""Sluice's lines are found in every form in which platforms and tools hand them out."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cli.usage import extract
from proxy.cli.usage.extract import Extractor
from tests.support.log_exports import EVENT, FORMATS, START, fields, filter_log_events, line


def read(text: str, size: int = 1_000_000) -> tuple[list[dict[str, Any]], Extractor]:
    extractor = Extractor()
    blocks = (text[start : start + size] for start in range(0, len(text), size))
    return list(extractor.lines(blocks)), extractor


def ids(found: Iterable[dict[str, Any]]) -> list[str]:
    return [one["request_id"] for one in found if "request_id" in one]


@pytest.fixture
def small_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values longer than this are read in parts, as those of megabytes are."""
    monkeypatch.setattr(extract, "MAX_VALUE", 4_000)


LINES = [line(number) for number in range(1, 51)]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("size", [1_000_000, 997])
def test_each_format_gives_the_same_lines(name: str, size: int) -> None:
    found, extractor = read(FORMATS[name](LINES), size)
    assert ids(found) == [f"sl_{number:024x}" for number in range(1, 51)]
    # START, and with `aws logs tail --format json` the lines above each entry
    assert extractor.damaged_lines == 0 and extractor.other_entries <= (51 if name.endswith("json") else 1)
    assert Decimal(str(found[0]["cost_usd"])) == Decimal("0.000015")
    assert int(found[-1]["gen_ai.usage.input_tokens"]) == 1000


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.usefixtures("small_values")
def test_values_longer_than_the_buffer_are_read_in_parts(name: str) -> None:
    found, extractor = read(FORMATS[name](LINES), 1_500)
    assert ids(found) == [f"sl_{number:024x}" for number in range(1, 51)]
    assert extractor.damaged_lines == 0


@pytest.mark.parametrize("name", FORMATS)
def test_a_log_may_be_cut_anywhere(name: str) -> None:
    whole = FORMATS[name](LINES[:3])
    for end in range(0, len(whole), 41):
        found, _ = read(whole[:end])
        assert ids(found) == [f"sl_{number:024x}" for number in range(1, len(ids(found)) + 1)]
    for start in range(0, len(whole), 41):  # a header of CSV is lost, and all its rows with it
        found, _ = read(whole[start:] + LINES[3] + "\n")
        assert ids(found)[-1] == f"sl_{4:024x}" or not whole[start:].endswith("\n")


def test_all_formats_may_stand_in_one_text() -> None:
    text = "".join(f"{wrap([line(number)])}\n" for number, wrap in enumerate(FORMATS.values()) if number != 22)
    assert len(ids(read(text)[0])) >= len(FORMATS) - 1


def test_a_mark_that_is_another_program_s_hides_no_line() -> None:
    other = '{"timestamp": "2026-11-27T04:52:46Z", "message": "text"}'
    found, _ = read(f"x {other} {line(1)}\nx {other}\n")
    assert ids(found) == [f"sl_{1:024x}"]


def test_what_is_not_sluice_s_is_counted() -> None:
    text = f"""Sluice is running.
  Base URL   http://127.0.0.1:9000/v1

{START}{{"level": "info", "msg": "another program"}}
{line(1)}
127.0.0.1 - "GET /" 200 {{}}
2026-11-27 INFO {{"a": 1}} done
{EVENT}
{{"timestamp": "2026-11-27T04:52:46Z", "level": "INFO", "message": "another's"}}
"""
    found, extractor = read(text)
    assert len(found) == 2 and ids(found) == [f"sl_{1:024x}"]
    assert (extractor.other_entries, extractor.damaged_lines) == (7, 0)


def test_entries_of_an_export_are_counted_one_by_one() -> None:
    found, extractor = read(filter_log_events(LINES))
    assert len(found) == 50 and extractor.other_entries == 1  # START


def test_cut_lines_are_counted_as_damaged() -> None:
    half = line(1)[:100]
    found, extractor = read(f"{half}\n{half}{line(2)}\n")
    assert ids(found) == [f"sl_{2:024x}"] and (extractor.damaged_lines, extractor.other_entries) == (2, 0)
    found, extractor = read(json.dumps({"message": half}) + "\n" + json.dumps({"message": line(3)}))
    assert ids(found) == [f"sl_{3:024x}"] and extractor.damaged_lines == 1
    export = filter_log_events(LINES[:2])
    found, extractor = read(export[: export.rindex("gen_ai.usage")])
    assert ids(found) == [f"sl_{1:024x}"] and extractor.damaged_lines == 1


def test_a_row_of_csv_that_is_none_is_passed_over() -> None:
    header = "request_id,platform,status\r\n"
    found, extractor = read(f"{header}sl_1,server,200\r\nsl_2,server\r\nfree text\r\n")
    assert ids(found) == ["sl_1"] and extractor.other_entries == 2
    found, extractor = read(f'{header}"{"x" * 200_000}",request_id,1\r\n')
    assert not found and extractor.other_entries == 1
    found, extractor = read('{"": 1}\nx {"": "request_id"}\n')
    assert not found and extractor.other_entries == 2


def test_nesting_is_bounded() -> None:
    text = line(1)
    for _ in range(12):
        text = json.dumps({"message": text})
    assert not read(text)[0]  # deeper than any platform quotes
    deep: Any = fields(1)
    for _ in range(30):
        deep = [deep]
    assert not read(json.dumps(deep))[0]
    assert not read(json.dumps({"message": "{timestamp" * 50}))[0]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 300_000,
        "[\n" * 150_000,
        '{"a":' * 60_000,
        '{"timestamp": "' * 20_000,
        '["1",' * 60_000,
        '"' * 300_000,
        '{""' * 100_000,
        "1" * 300_000,
        f'{{"timestamp": "x", "request_id": {"9" * 5_000}}}\n' * 60,
        '{"timestamp": "x", "cost_usd": 1e99999999999999999999}\n' * 5_000,
        json.dumps({"message": "{" * 300_000 + "timestamp"}),
    ],
    ids=lambda text: f"{text[:12]}…",
)
def test_a_hostile_text_takes_no_more_time_than_its_length_allows(text: str) -> None:
    started = time.process_time()
    found, _ = read(f"{text}\n{line(1)}\n")
    assert time.process_time() - started < 20  # a quadratic reader takes minutes
    assert ids(found) == [f"sl_{1:024x}"]


@given(
    st.lists(st.one_of(st.text(max_size=40), st.sampled_from(['{"', "[", '""', "\n", '{"timestamp": "', "\\", EVENT])))
)
def test_no_text_before_it_hides_a_line_or_raises(parts: list[str]) -> None:
    found, _ = read("".join(parts) + "\n" + line(7) + "\n")
    assert ids(found)[-1:] == [f"sl_{7:024x}"]


def test_a_text_without_lines_is_read_in_pieces() -> None:
    found, extractor = read("x" * 1_000_000 + f"\n{line(1)}", 300_000)
    assert ids(found) == [f"sl_{1:024x}"] and extractor.other_entries == 1


def test_memory_stays_bounded_however_long_the_text() -> None:
    extractor, largest = Extractor(), 0

    def blocks() -> Iterator[str]:
        nonlocal largest
        for number in range(2_000):
            largest = max(largest, len(extractor._buffer))
            yield (line(number) + ", ") * 40

    assert sum(1 for _ in extractor.lines(blocks())) == 80_000
    assert largest < 2 * extract.MAX_VALUE
