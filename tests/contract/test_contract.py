"""Runs every case of the contract through every driver."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Serve
from tests.contract.cases import CASES
from tests.support.case import Case
from tests.support.contract import keep
from tests.support.drivers import DRIVERS, EVERY_DRIVER, Driver, WorkersDriver
from tests.support.upstream import Upstream


@pytest.fixture(scope="session", params=EVERY_DRIVER)
def driver(request: pytest.FixtureRequest, serve: Serve) -> Iterator[Driver]:
    made: Driver
    if request.param.startswith("workers"):
        made = WorkersDriver(request.getfixturevalue("workers"), guarded=request.param == "workers-guarded")
    else:
        made = DRIVERS[request.param](serve)
    yield made
    made.close()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_contract(case: Case, driver: Driver, upstream: Upstream) -> None:
    if not case.needs <= driver.can:
        pytest.skip(f"this door cannot: {', '.join(case.needs - driver.can)}")
    keep(case, driver.ask, upstream)


def test_every_name_is_used_once() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))
