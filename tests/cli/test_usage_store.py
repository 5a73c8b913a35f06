"""`python -m proxy usage` without files: from the store, every kind of it."""

from __future__ import annotations

import csv
import io
import json
import sys
import time
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from proxy import __main__ as main
from proxy.cli.usage import from_store
from proxy.cli.usage.from_store import span_of
from proxy.cli.usage.options import GROUPS, Options
from proxy.cli.usage.report import COLUMNS
from proxy.store import base
from tests.support import command
from tests.support.log_exports import line
from tests.support.stores import NOW, UNLIMITED, Backend, holder, spending

DAY = 86_400
REAL_TIME = time.time  # which the tests of this process replace
FIGURES = ("calls", "input_tokens", "output_tokens", "cost_usd")


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STORE", "STORE_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(time, "time", lambda: NOW)


@pytest.fixture
def booked(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> Backend:
    """A store with calls of three keys, which the commands of this process use."""

    async def book(store: base.Store) -> None:
        alice, bob = holder("alice", "3fa2c1", NOW + 400 * DAY), holder("小明", "11aa07", NOW + 400 * DAY)
        shared = holder("proxy-key-1", "proxy-key-1", NOW + 400 * DAY)
        calls = (
            (alice, spending(9_007_199_254_740_000, 1_000, 200, "gpt-5.4"), NOW),
            (alice, spending(1, 1_000, 200, "gpt-5.4"), NOW - DAY),
            (alice, spending(500_000_000, 10, 20, "o3"), NOW - 29 * DAY),
            (bob, spending(250_000_000, 10, 20, "o3"), NOW - 30 * DAY),
            (shared, spending(0, 5, 5, "my-model"), NOW),
            (shared, spending(4_000_000, 5, 5, "my-model"), NOW - 399 * DAY),
        )
        for number, (person, used, now) in enumerate(reversed(calls)):
            await store.settle(person, UNLIMITED, f"c{number}", used, now)

    backend.run(book)
    for name, value in backend.settings.items():
        monkeypatch.setenv(name, value)
    return backend


def document(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    assert main.main(["usage", "--json", *options]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_the_table_has_what_the_store_knows_and_the_days(booked: Backend, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["usage"]) == 0
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines[0].split() == "key model calls input output US dollars".split()
    assert [row.split() for row in lines[1:-1]] == [
        ["alice/3fa2c1", "gpt-5.4", "2", "2,000", "400", "9,007,199.254740"],
        ["alice/3fa2c1", "o3", "1", "10", "20", "0.500000"],
        ["proxy-key-1", "my-model", "1", "5", "5", "0.000000"],
        ["total", "4", "2,015", "425", "9,007,199.754740"],
    ]
    assert lines[-1] == "from the store, 2026-10-29 to 2026-11-27 (UTC)" and not shown.err


def test_json_and_csv_are_exact_and_have_the_columns_of_the_log(
    booked: Backend, capsys: pytest.CaptureFixture[str]
) -> None:
    found = document(capsys, "--by", "day,key", "--since", "2025-11-01")
    assert (found["by"], found["since"], found["until"]) == (["day", "key"], "2025-11-01", "2026-11-27")
    assert [(group["day"], group["key"], group["cost_usd"]) for group in found["groups"]] == [
        ("2026-10-28", "小明/11aa07", "0.25"),
        ("2026-10-29", "alice/3fa2c1", "0.5"),
        ("2026-11-26", "alice/3fa2c1", "0.000000001"),
        ("2026-11-27", "alice/3fa2c1", "9007199.25474"),
        ("2026-11-27", "proxy-key-1", "0"),
    ]
    figures = {"calls": 5, "input_tokens": 2_025, "output_tokens": 445, "cost_usd": "9007200.004740001"}
    assert found["total"] == figures
    assert set(found) == {"by", "groups", "total", "since", "until"}
    assert main.main(["usage", "--csv", "--by", "key", "--since", "2026-11-26"]) == 0
    shown = capsys.readouterr()
    head, *rows = csv.reader(io.StringIO(shown.out))
    assert head == ["key", *FIGURES] == ["key", *(name for name in COLUMNS if name in FIGURES)]
    assert rows == [["alice/3fa2c1", "2", "2000", "400", "9007199.254740001"], ["proxy-key-1", "1", "5", "5", "0"]]
    assert shown.err == "sluice: from the store, 2026-11-26 to 2026-11-27 (UTC)\n"


@pytest.mark.parametrize(
    ("options", "since", "until", "calls"),
    [
        ((), "2026-10-29", "2026-11-27", 4),
        (("--since", "2026-10-28"), "2026-10-28", "2026-11-27", 5),
        (("--until", "2026-10-29"), "2026-09-30", "2026-10-29", 2),
        (("--since", "2026-11-26", "--until", "2026-11-26"), "2026-11-26", "2026-11-26", 1),
        (("--since", "0001-01-01"), "2025-10-23", "2026-11-27", 6),
        (("--until", "9999-12-31"), "2026-10-30", "2026-11-28", 3),
        (("--until", "0001-01-01"), "2025-10-23", "0001-01-01", 0),
        (("--since", "9999-12-31"), "9999-12-31", "2026-11-27", 0),
    ],
)
def test_days(
    options: tuple[str, ...],
    since: str,
    until: str,
    calls: int,
    booked: Backend,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = document(capsys, *options)
    assert (found["since"], found["until"], found["total"]["calls"]) == (since, until, calls)


def test_thirty_days_hold_in_a_leap_year() -> None:
    assert span_of(Options(()), 1_834_012_800.0) == ("2028-01-15", "2028-02-13")


def test_without_a_call_the_command_says_what_may_be_wrong(booked: Backend, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["usage", "--until", "2026-01-01"]) == 0
    assert "no calls were booked in these days" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--by", "key,upstream"), "the store knows key, model, response-model, day, and not upstream"),
        (("--by", "status"), "and not status. Change --by, or name log files"),
        (("--utc-offset", "+08:00"), "--utc-offset must be +00:00"),
        (("--utc-offset=-05:00",), "--utc-offset must be +00:00"),
    ],
)
def test_what_no_store_knows_is_exit_code_2(
    options: tuple[str, ...], says: str, booked: Backend, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["usage", *options]) == 2
    shown = capsys.readouterr()
    assert says in shown.err and not shown.out
    assert main.main(["usage", "--utc-offset", "+00:00"]) == 0


def test_the_rest_of_the_groups_are_those_of_the_log() -> None:
    assert set(from_store.GROUPS) < set(GROUPS) and set(from_store.COLUMNS) < set(COLUMNS)


@pytest.mark.parametrize(
    ("holder_id", "name", "key"), [("3fa2c1", "alice", "alice/3fa2c1"), ("proxy-key-1",) * 3, ("3fa2c1", "", "3fa2c1")]
)
def test_keys_have_the_names_of_the_log(holder_id: str, name: str, key: str) -> None:
    row = from_store.to_row(base.Row(holder_id, name, "2026-11-27", "o3", 2, 1_230_000_000, 3, 4))
    assert row.response_model == "o3"
    assert (row.key, row.model, row.day, row.calls, row.input_tokens, row.output_tokens) == (
        *(key, "o3", "2026-11-27"),
        *(2, 3, 4),
    )
    assert row.cost_usd == Decimal("1.23") and row.status == row.path == row.upstream == row.platform == "-"


def test_files_and_stdin_are_read_as_ever(
    booked: Backend, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "log").write_text(line(1))
    assert document(capsys, str(tmp_path / "log"))["total"]["calls"] == 1
    data = io.BytesIO(f"{line(1)}\n{line(2)}".encode())
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=data, isatty=lambda: False))
    assert document(capsys, "-", "--by", "status", "--utc-offset", "+08:00")["total"]["calls"] == 2


def test_the_command_as_a_process(backend: Backend) -> None:
    now = REAL_TIME()

    async def book(store: base.Store) -> None:
        await store.settle(
            holder("小明", "11aa07", now + DAY), UNLIMITED, "c", spending(250_000_000, 10, 20, "o3"), now
        )

    backend.run(book)
    done = command.run("usage", **backend.settings)
    assert (done.returncode, done.stderr) == (0, "")
    assert [row.split() for row in done.stdout.splitlines()[1:-1]] == [
        ["小明/11aa07", "o3", "1", "10", "20", "0.250000"],
        ["total", "1", "10", "20", "0.250000"],
    ]
    refused = command.run("usage", "--by", "path", **backend.settings)
    assert refused.returncode == 2 and "and not path" in refused.stderr


def test_the_store_may_be_named_in_the_file(
    booked: Backend, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream = '[[upstreams]]\nname = "a"\nbase_url = "https://a.example"\nkeys = "$NOT_ON_THIS_MACHINE"\n'
    settings = "".join(f'{name.lower()} = "{value}"\n' for name, value in booked.settings.items())
    (tmp_path / "sluice.toml").write_text(settings + upstream)
    for name in booked.settings:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CONFIG_FILE", str(tmp_path / "sluice.toml"))
    assert document(capsys)["total"]["calls"] == 4


def test_a_store_that_cannot_be_read_is_exit_code_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for store, code, says in (
        ("redis://:secret@127.0.0.1:1", 1, "The store refuses connections"),
        ("sqlite:missing.db", 1, "missing.db, which does not exist"),
        ("https://127.0.0.1:1", 1, "needs STORE_TOKEN"),
        ("postgres://secret", 2, "STORE must be sqlite:FILE"),
    ):
        monkeypatch.setenv("STORE", store)
        assert main.main(["usage"]) == code
        shown = capsys.readouterr()
        assert says in shown.err and "secret" not in shown.err and not shown.out
