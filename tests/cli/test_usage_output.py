"""The table, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json

import pytest

from proxy.cli import text_table
from proxy.cli.usage import report
from proxy.cli.usage.grouping import Table
from tests.support.usage_rows import row


def table(*keys: str, by: tuple[str, ...] = ("key", "model")) -> Table:
    made = Table(by)
    for key in keys:
        made.add(row(key_id=key))
    return made


def test_the_table_is_aligned_whatever_the_names_are() -> None:
    text = report.text(table("alice", "王小明", "Ｂob", "cafe\u0301"), None)
    lines = text.splitlines()
    assert len({text_table.width(line) for line in lines}) == 1
    assert lines[0].split() == ("key model calls failed input cached output US dollars estimated unpriced".split())
    assert lines[-1].split() == "total 4 0 4,000 1,024 204 0.000060 0.0 % 0".split()


def test_without_any_call_there_is_a_total() -> None:
    assert report.text(Table(("day",)), 80).splitlines()[1].split() == "total 0 0 0 0 0 0.000000 - 0".split()


@pytest.mark.parametrize("columns", [110, 100, 90, 60, 40, 30])
def test_no_line_is_wider_than_the_screen(columns: int) -> None:
    text = report.text(table("a-key-with-a-very-long-name/3fa2c1", "一个名字很长很长很长的密钥"), columns)
    assert max(text_table.width(line) for line in text.splitlines()) <= columns
    assert "2,000" in text


def test_names_are_shortened_before_the_table_becomes_paragraphs() -> None:
    wide = report.text(table("a-key-with-a-very-long-name/3fa2c1"), 100)
    assert "…" in wide and len(wide.splitlines()) == 3
    narrow = report.text(table("bob"), 30).splitlines()
    assert narrow[:4] == ["bob", "gpt-5.4-mini", f"  calls{'1':>15}", f"  failed{'0':>14}"]
    assert narrow[10] == "total"


@pytest.mark.parametrize(
    ("text", "columns", "short"),
    [("王小明", 6, "王小明"), ("王小明", 5, "王小…"), ("王小明", 4, "王…"), ("abc", 2, "a…")],
)
def test_a_name_is_cut_between_its_characters(text: str, columns: int, short: str) -> None:
    assert text_table.shorten(text, columns) == short


@pytest.mark.parametrize("name", ["\x1b[31mred", "a\u202eb", "a\nb", "\x00", "a\u2028b"])
def test_a_name_cannot_control_the_terminal(name: str) -> None:
    shown = text_table.printable(name)
    assert "?" in shown and shown.isprintable() and len(shown) == len(name)
    assert "\x1b" not in report.text(table(name), None)


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "＝1", '=HYPERLINK("http://x")', "-"])
def test_no_cell_is_a_formula(name: str) -> None:
    ((_, *cells),) = [list(csv.reader(io.StringIO(report.csv_text(table(name)))))]
    assert cells[0][0] == (name if name == "-" else f"'{name}")


def test_csv_has_exact_figures_and_no_total() -> None:
    made = table("a,b", 'c"d', by=("key", "response-model"))
    made.add(row(key_id="a,b", status=500, usage_source="estimate", cost_usd="0.00000000000000000001"))
    head, first, *rest = csv.reader(io.StringIO(report.csv_text(made)))
    assert head == (
        "key,response_model,calls,failed_calls,input_tokens,cached_input_tokens,output_tokens,cost_usd,"
        "estimated_share,unpriced_calls"
    ).split(",")
    dollars = "0.00001500000000000001"
    assert first == ["a,b", "gpt-5.4-mini-2026-03-17", "2", "1", "2000", "512", "102", dollars, "0.5000", "0"]
    assert [line[0] for line in rest] == ['c"d']
    assert report.csv_text(table(by=("key",))).count("\n") == 1
    empty = Table(("key",))
    empty.add(row(**{"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0}))
    assert report.csv_text(empty).splitlines()[1].split(",")[-2] == ""


def test_json_has_groups_total_and_counts() -> None:
    document = json.loads(report.json_text(table("王", "王", by=("key", "day")), {"other_entries": 3}))
    figures = {
        "calls": 2,
        "failed_calls": 0,
        "input_tokens": 2000,
        "cached_input_tokens": 512,
        "output_tokens": 102,
        "cost_usd": "0.000030",
        "estimated_share": 0.0,
        "unpriced_calls": 0,
    }
    assert document == {
        "by": ["key", "day"],
        "groups": [{"key": "王", "day": "2026-11-27", **figures}],
        "total": figures,
        "other_entries": 3,
    }
    assert json.loads(report.json_text(Table(("key",)), {}))["total"]["estimated_share"] is None
