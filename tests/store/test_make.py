"""Which store the settings make, what that imports, and how long its operations may take."""

from __future__ import annotations

import asyncio
import sys

import pytest

from proxy import startup, store
from proxy.errors import ConfigError
from proxy.store import periods
from proxy.store.base import Store, StoreUnavailable
from proxy.store.bounded import within
from tests.support import fake_clock
from tests.support.core import Listed
from tests.support.fake_clock import FakeClock
from tests.support.imports import loaded_by
from tests.support.stores import NOW

TOKEN = "a-token-of-twenty-characters"
HEAVY = {
    "redis",
    "proxy.store.sqlite",
    "proxy.store.redis_store",
    "proxy.store.redis_client",
    "proxy.store.redis_rest",
}


def made(**settings: str) -> Store | None:
    return store.make(startup.load(settings), Listed(), FakeClock())


def test_without_the_setting_there_is_no_store() -> None:
    assert made() is None


@pytest.mark.parametrize(
    ("address", "imported"),
    [
        (None, set()),
        ("sqlite:file.db", {"proxy.store.sqlite"}),
        ("redis://127.0.0.1", {"redis", "proxy.store.redis_store", "proxy.store.redis_client"}),
        ("rediss://127.0.0.1", {"redis", "proxy.store.redis_store", "proxy.store.redis_client"}),
        ("https://x.upstash.io", {"proxy.store.redis_store", "proxy.store.redis_rest"}),
    ],
)
def test_only_what_the_setting_names_is_imported(address: str | None, imported: set[str]) -> None:
    settings = {} if address is None else {"STORE": address, "STORE_TOKEN": TOKEN}
    loaded = loaded_by(
        "from proxy import startup, store\n"
        "from tests.support.core import Listed\n"
        "from tests.support.fake_clock import FakeClock\n"
        f"store.make(startup.load({settings!r}), Listed(), FakeClock())"
    )
    assert HEAVY & set(loaded) == imported


def test_an_https_store_needs_its_token() -> None:
    with pytest.raises(ConfigError, match=r"needs STORE_TOKEN\.$"):
        made(STORE="https://x.upstash.io")


@pytest.mark.parametrize(
    ("address", "module", "says"),
    [
        ("sqlite:x.db", "sqlite3", r"which this platform lacks\."),
        ("redis://127.0.0.1", "redis.asyncio", r"pip install redis"),
    ],
)
def test_a_missing_module_stops_start_up(address: str, module: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [one for one in sys.modules if one.startswith("proxy.store.")]:
        if name.removeprefix("proxy.store.").startswith(("sqlite", "redis_client")):
            monkeypatch.delitem(sys.modules, name)
            monkeypatch.delattr(store, name.removeprefix("proxy.store."), raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=says):
        made(STORE=address)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("sqlite:budgets.db", "sqlite:budgets.db"),
        ("sqlite:/var/lib/b.db", "sqlite:/var/lib/b.db"),
        ("sqlite:///var/lib/b.db", "sqlite:/var/lib/b.db"),
        ("redis://user:p@ss@host:6379/0", "redis://user:p@ss@host:6379/0"),
        ("rediss://host", "rediss://host"),
        ("https://x.upstash.io/", "https://x.upstash.io"),
        ("https://redis.example:8443/path", "https://redis.example:8443/path"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080", "http://localhost:8080"),
    ],
)
def test_addresses_of_stores(value: str, read: str) -> None:
    assert startup.load({"STORE": value}).store == read


@pytest.mark.parametrize(
    "value",
    [
        "sqlite:",
        "sqlite:///",
        "secret.db",
        "redis://",
        "http://x.secret.io",
        "https://u:secret@x.io",
        "https://x.io?a=secret",
    ],
)
def test_other_addresses_stop_start_up_without_being_quoted(value: str) -> None:
    with pytest.raises(ConfigError, match=r"^STORE must ") as raised:
        startup.load({"STORE": value})
    assert "secret" not in raised.value.message


def test_the_other_settings() -> None:
    config = startup.load({})
    assert (config.store, config.store_token, config.store_timeout_ms, config.store_on_error) == (
        None,
        None,
        500,
        "closed",
    )
    config = startup.load({"STORE_TOKEN": TOKEN, "STORE_TIMEOUT_MS": "60000", "STORE_ON_ERROR": "Open"})
    assert (config.store_token, config.store_timeout_ms, config.store_on_error) == (TOKEN, 60_000, "open")
    for name, value in (("STORE_TIMEOUT_MS", "0.5"), ("STORE_TIMEOUT_MS", "5"), ("STORE_ON_ERROR", "ask")):
        with pytest.raises(ConfigError, match=f"^{name} must be"):
            startup.load({name: value})


def test_within_ends_the_work_and_waits_until_it_has_stopped() -> None:
    stopped = []

    async def slow() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(0.25)
            stopped.append(True)

    async def go() -> None:
        clock = FakeClock()
        with pytest.raises(StoreUnavailable) as raised:
            await within(clock, 0.5, slow)
        assert raised.value.reason == "timeout" and stopped == [True] and 0.75 <= clock.now() < 1

    fake_clock.run(go())


def test_within_returns_and_raises_what_the_work_does() -> None:
    async def fails() -> None:
        raise KeyError("x")

    async def go() -> None:
        assert await within(FakeClock(), 1.0, lambda: asyncio.sleep(0.5, "done")) == "done"
        with pytest.raises(KeyError):
            await within(FakeClock(), 1.0, fails)

    fake_clock.run(go())


def test_within_stops_when_its_caller_leaves() -> None:
    stopped = []

    async def slow() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            stopped.append(True)

    async def go() -> None:
        task = asyncio.create_task(within(FakeClock(), 50.0, slow))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert stopped == [True]

    fake_clock.run(go())


@pytest.mark.parametrize(
    ("period", "now", "name", "left"),
    [
        ("day", NOW, "2026-11-27", 43_200.0),
        ("day", NOW + 43_199.5, "2026-11-27", 0.5),
        ("month", NOW, "2026-11", 43_200.0 + 3 * 86_400),
        ("month", NOW + 3 * 86_400, "2026-11", 43_200.0),
        ("month", NOW + 34 * 86_400, "2026-12", 43_200.0),
        ("month", 1_803_859_200.0, "2027-03", 86_400.0 * 31),
        ("month", 1_834_012_800.0, "2028-02", 86_400.0 * 17),  # a leap year
        ("total", NOW, "total", None),
    ],
)
def test_periods(period: str, now: float, name: str, left: float | None) -> None:
    assert (periods.period_key(period, now), periods.seconds_left(period, now)) == (name, left)


def test_months_of_a_range() -> None:
    assert periods.months("2026-11-30", "2027-02-01") == ["2026-11", "2026-12", "2027-01", "2027-02"]
    assert periods.months("2026-11-30", "2026-11-01") == ["2026-11"]
    assert periods.months("2027-01-30", "2026-11-01") == []
