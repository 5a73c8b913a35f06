"""`python -m proxy keys revoke|list`, on every kind of store."""

from __future__ import annotations

import io
import json
import re
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from proxy.__main__ import main
from proxy.cli.text_table import width
from proxy.cost.key_limits import NEVER
from proxy.store import periods
from proxy.store.base import KeyRecord, Refusal, Row, Store
from tests.support import command
from tests.support.stores import UNLIMITED, Backend, claim, holder, spending

SECRET = "s" * 32
LATER = time.time() + 86_400
DAY = 86_400


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STORE", "STORE_TOKEN", "REVOKED_KEYS", "PROXY_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SIGNING_SECRET", SECRET)


def use(monkeypatch: pytest.MonkeyPatch, backend: Backend) -> None:
    """Let the commands of this process use the store, which a sqlite file must exist for."""
    backend.run(lambda store: store.keys())
    for name, value in backend.settings.items():
        monkeypatch.setenv(name, value)


async def spend(store: Store, name: str, key: str, cost: int = 0, now: float | None = None, to: float = LATER) -> None:
    """One call of this key, now if nothing else is said."""
    now = time.time() if now is None else now
    person = holder(name, key, to)
    await store.reserve(person, UNLIMITED, claim(f"c{now}", cost), now)
    await store.settle(person, UNLIMITED, f"c{now}", spending(cost), now)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a store that the commands of this process use."""
    file = tmp_path / "budgets.db"
    use(monkeypatch, Backend("sqlite", {"STORE": f"sqlite:{file}"}))
    return file


def revoked(file: Path) -> list[str]:
    """Every name and id that was revoked."""
    with closing(sqlite3.connect(file)) as db:
        return [subject for (subject,) in db.execute("SELECT subject FROM revoked")]


def is_refused(backend: Backend, name: str, key: str) -> bool:
    """Whether the next call of this key is, as an instance finds out that has been running all the time."""

    async def ask(store: Store) -> bool:
        answer = await store.reserve(holder(name, key, LATER), UNLIMITED, claim(f"c{time.time()}"), time.time())
        assert not isinstance(answer, Refusal) or answer == Refusal("revoked", None)
        return isinstance(answer, Refusal)

    return backend.run(ask)


def test_a_key_that_was_revoked_is_refused_at_the_next_call(backend: Backend) -> None:
    minted = command.run("keys", "mint", "--name", "eve", SIGNING_SECRET=SECRET).stdout.strip()
    inspected = command.run("keys", "inspect", "-", stdin=minted, SIGNING_SECRET=SECRET).stdout
    eve = re.findall(r"^id +(\w+)", inspected, re.MULTILINE)[0]
    known = {"a11111": "alice", "a22222": "alice", "b11111": "bob", "c11111": "carol", eve: "eve"}

    async def seen(store: Store) -> None:
        for key, name in known.items():
            await spend(store, name, key)

    backend.run(seen)
    assert not any(is_refused(backend, name, key) for key, name in known.items())
    for subject, stdin, says in (
        ("alice", "", "Revoked alice: 2 known keys. The next call is refused; nothing needs to be deployed.\n"),
        ("b11111", "", "Revoked b11111: 1 known key."),
        ("-", f"{minted}\n", f"Revoked {eve}: 1 known key."),
        ("dave", "", "Revoked dave. The store knows no key of this name or id yet"),
    ):
        done = command.run("keys", "revoke", subject, stdin=stdin, SIGNING_SECRET=SECRET, **backend.settings)
        assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith(says)
        assert ("mint them with another one" in done.stdout) == (subject in ("alice", "dave"))
        assert minted not in done.stdout
    refused = {
        key: is_refused(backend, name, key) for key, name in {**known, "d11111": "dave", "e11111": "eve"}.items()
    }
    assert {key for key, was in refused.items() if was} == {"a11111", "a22222", "b11111", eve, "d11111"}


def test_the_list_shows_each_key_and_what_it_spent(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use(monkeypatch, backend)
    now = 1_795_780_800.5  # 2026-11-27, noon UTC

    async def seen(store: Store) -> None:
        await spend(store, "小明", "d03095", 1_500_000_000, now - 40 * DAY, now + DAY)  # last month
        await spend(store, "小明", "d03095", 2_250_000_000, now - 3 * DAY, now + DAY)
        await spend(store, "小明", "d03095", 123_456_789, now, now + DAY)
        await spend(store, "alice-of-the-team", "a11111", 0, now, now + 2 * DAY)
        await spend(store, "proxy-key-1", "proxy-key-1", 7, now, NEVER)
        await store.revoke("a11111", now)

    backend.run(seen)
    monkeypatch.setattr(time, "time", lambda: now)
    assert main(["keys", "list"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split("  ")[0] == "name" and len({width(line) for line in (head, *lines)}) == 1
    assert [line.split() for line in lines] == [
        ["alice-of-the-team", "a11111", "2026-11-29", "yes", "2026-11-27", "2026-11-27", "0.000000", "0.000000"],
        ["proxy-key-1", "proxy-key-1", "never", "no", "2026-11-27", "2026-11-27", "0.000000", "0.000000"],
        ["小明", "d03095", "2026-11-28", "no", "2026-10-18", "2026-11-27", "0.123457", "2.373457"],
    ]
    assert main(["keys", "list", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["day"], document["month"]) == ("2026-11-27", "2026-11")
    alice, shared, xiaoming = document["keys"]
    assert alice["revoked"] is True and shared["expires"] is None and shared["spent_today_usd"] == "0.000000007"
    assert xiaoming == {
        "name": "小明",
        "id": "d03095",
        "expires": "2026-11-28T12:00:00Z",
        "revoked": False,
        "first_seen": "2026-10-18T12:00:00Z",
        "last_seen": "2026-11-27T12:00:00Z",
        "spent_today_usd": "0.123456789",
        "spent_this_month_usd": "2.373456789",
    }


def test_the_list_as_a_process(backend: Backend) -> None:
    month = periods.day_of(time.time())[:7]
    backend.run(lambda store: spend(store, "小明", "d03095", 5_000_000))
    done = command.run("keys", "list", **backend.settings)
    assert (done.returncode, done.stderr) == (0, "") and re.search(r"\n小明 +d03095 .* no .* \d\.\d{6}\n", done.stdout)
    document = json.loads(command.run("keys", "list", "--json", **backend.settings).stdout)
    (key,) = document["keys"]
    spent = "0.005" if document["month"] == month else "0"  # the month may have ended in the meantime
    assert (key["name"], key["id"], key["spent_this_month_usd"]) == ("小明", "d03095", spent)


def test_an_empty_store_has_no_keys(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use(monkeypatch, backend)
    assert main(["keys", "list"]) == 0
    assert capsys.readouterr() == ("", "sluice: no key has been used with this store yet.\n")
    assert main(["keys", "list", "--json"]) == 0 and json.loads(capsys.readouterr().out)["keys"] == []


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Strange:
    """A store in which somebody has written whatever they wanted."""

    async def keys(self) -> list[KeyRecord]:
        return [KeyRecord("i\x1b[2J", "n\u202en" * 20, 10**30, False, float("nan"), -1e300)]

    async def spending(self, since: str, until: str, holder_id: str | None = None) -> list[Row]:
        return [Row("another", "", until, "m", 1, 5, 1, 1)]

    async def aclose(self) -> None:
        """Nothing to do."""


def test_nothing_in_a_store_can_control_the_terminal(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setattr("proxy.store.make", lambda *_: Strange())
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("COLUMNS", "85")
    assert main(["keys", "list"]) == 0
    lines = out.getvalue().splitlines()
    assert "\x1b" not in out.getvalue() and "\u202e" not in out.getvalue() and "never" in lines[1]
    assert all(width(line) <= 85 for line in lines) and "1970-01-01" in lines[1]
    out.truncate(0)
    assert main(["keys", "list", "--json"]) == 0 and "\x1b" not in out.getvalue()


@pytest.mark.parametrize(
    ("subject", "says"),
    [
        ("sk-sluice-WyJhbGljZSIsImQwMzA5NSIsNDAwMDAwMDAwMF0.c2lnbmF0dXJl", "This is a key itself"),
        ("sk-own:sk-sluice-WyJhIl0.c2lnbmF0dXJl", "This is a key itself"),
        ("a-key-of-the-owner-1f0c", "This is a key itself"),
        ("two words", "A name or an id has 1 to 40 letters"),
        ("", "A name or an id has 1 to 40 letters"),
        ("x" * 41, "A name or an id has 1 to 40 letters"),
    ],
)
def test_a_key_on_the_command_line_is_refused_and_never_shown(
    subject: str, says: str, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PROXY_KEY", "a-key-of-the-owner-0a7b,a-key-of-the-owner-1f0c")
    assert main(["keys", "revoke", subject]) == 1
    shown = capsys.readouterr()
    assert says in shown.err and not shown.out and (not subject or subject not in shown.err)
    assert revoked(file) == []


@pytest.mark.parametrize(
    ("stdin", "secret", "says"),
    [
        ("alice\n", SECRET, "`-` reads a signed key from stdin"),
        ("", SECRET, "`-` reads a signed key from stdin"),
        ("sk-sluice-WyJhIl0.x", SECRET, "did not sign the key"),
        ("sk-sluice-WyJhIl0.x", "", "needs the SIGNING_SECRET that signed it"),
    ],
)
def test_what_is_no_key_on_stdin_revokes_nothing(
    stdin: str,
    secret: str,
    says: str,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SIGNING_SECRET", secret)
    monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
    assert main(["keys", "revoke", "-"]) == 1
    shown = capsys.readouterr()
    assert says in shown.err and not shown.out and revoked(file) == []


@pytest.mark.parametrize("action", [("revoke", "alice"), ("list",), ("list", "--json")])
def test_a_store_that_cannot_be_used_is_exit_code_1_and_says_what_to_do(
    action: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "missing" / "b.db"
    for store, says in (
        ("", "Set it as it is set on the endpoint"),
        ("", "Without a store, add the name or the id of a key to REVOKED_KEYS"),
        ("postgres://secret", "STORE must be sqlite:FILE"),
        (f"sqlite:{missing}", f"STORE names the file {missing}, which does not exist"),
        (f"sqlite:{tmp_path}", "The SQLite file of STORE cannot be opened"),
        (f"sqlite:{'x' * 300}", "The SQLite file of STORE cannot be opened"),
        ("redis://:secret@127.0.0.1:1", "The store refuses connections. Check the address in STORE"),
        ("https://127.0.0.1:1", "STORE is an https:// address, which needs STORE_TOKEN"),
    ):
        monkeypatch.setenv("STORE", store)
        assert main(["keys", *action]) == 1, store
        shown = capsys.readouterr()
        assert shown.err.startswith("sluice: ") and says in shown.err and not shown.out
        assert "secret" not in shown.err and not missing.parent.exists()
