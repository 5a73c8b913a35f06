"""The tables, and results that are stored and read again."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import ratios, report, table
from benchmarks.results import NGINX, SLUICE, Results
from tests.benchmarks.made_up import results


def cells(text: str, title: str) -> list[str]:
    """The row of this title, without it."""
    (row,) = [line for line in text.splitlines() if line.startswith(f"| {title} |")]
    return [cell.strip() for cell in row.strip("|").split("|")][1:]


def test_the_main_table_has_numbers_and_what_each_relay_adds() -> None:
    text = table.relays(results().columns)
    waits = ["0.10", "0.15 (+0.050)", "0.20 (+0.10)", "0.50 (+0.40)", "0.40 (+0.30)"]
    assert cells(text, "buffered answer, 1 client, p50, ms") == waits
    rates = ["100000", "100000", "50000 (0.50 of nginx)", "12500 (0.12 of nginx)", "16667 (0.17 of nginx)"]
    assert cells(text, "requests/s, 64 clients") == rates
    assert cells(text, "streams that one core carries") == ["≥ 3,000", "≥ 2,000", "1,600", "400", "500"]
    assert cells(text, "relay's CPU per paced chunk, 16 streams, µs") == ["–", "30.0", "60.0", "240", "180"]
    assert cells(text, "resident memory after the load, MB") == ["–", "10.0", "20.0", "80.0", "60.0"]


def test_the_ratios_are_to_the_bare_relay_and_have_aims() -> None:
    text = ratios.ratios(results())
    assert cells(text, "CPU per paced chunk, 16 streams") == ["4.00", "3.00", "≤ 1.8"]
    assert cells(text, "added p50 of a buffered call, 1 client") == ["4.00", "3.00", "≤ 2.8"]
    assert cells(text, "added time to the first chunk, after a pause") == ["4.00", "3.00", "≤ 2.5"]
    assert cells(text, "requests/s at 64 clients, of nginx") == ["0.12", "0.17", "≥ 0.15"]
    assert cells(text, "streams that one core carries") == ["0.25", "0.31", "–"]
    assert cells(text, ratios.COLD_TITLE) == ["1.33", "1.33", "≤ 1.2"]


def test_what_was_not_measured_is_a_dash() -> None:
    quick = results()
    quick.columns = [column for column in quick.columns if column.name != NGINX]
    quick.cold = []
    text = ratios.ratios(quick)
    assert cells(text, "requests/s at 64 clients, of nginx") == ["–", "–", "≥ 0.15"]
    assert ratios.COLD_TITLE not in text
    assert "of nginx)" not in table.relays(quick.columns)


def test_budgets_are_beside_calls_without_a_store() -> None:
    text = report.tables(results())
    assert cells(text, "no store") == ["0.40", "1.10", "200"] and cells(text, "SQLite") == ["0.70", "1.60", "400"]


def test_results_can_be_stored_and_read_again() -> None:
    made = results()
    assert Results.from_json(made.to_json()) == made
    assert report.tables(Results.from_json(made.to_json())) == report.tables(made)


def test_stored_results_are_reported_without_measuring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stored, tables, picture = tmp_path / "run.json", tmp_path / "tables.md", tmp_path / "picture.svg"
    stored.write_text(results().to_json(), encoding="utf-8")
    more = ["--markdown", str(tables), "--picture", str(picture)]
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--stored", str(stored), *more])
    assert command.main() == 0
    assert tables.read_text(encoding="utf-8") == capsys.readouterr().out == report.tables(results()) + "\n"
    assert picture.read_text(encoding="utf-8") == report.svg(results())
    assert SLUICE in picture.read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"facts":[],"columns":[{"nme":1}]}'])
def test_a_file_that_holds_no_results_is_named(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = tmp_path / "run.json"
    stored.write_text(text, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--stored", str(stored)])
    assert command.main() == 1
    assert f"{stored} cannot be read as stored results" in capsys.readouterr().err
