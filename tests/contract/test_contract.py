"""Runs every case of the contract through every driver."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.conftest import Serve
from tests.contract.cases import CASES
from tests.support.case import LOCAL, Case, error_code
from tests.support.client import Result
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
    upstream.play(*case.refusals, case.upstream)
    settings = {"OPENAI_BASE_URL": upstream.url, **dict(case.settings)}
    settings = {name: value.replace("{upstream}", upstream.url.removesuffix("/v1")) for name, value in settings.items()}
    check(case, driver.ask(case.ask, tuple(settings.items())), upstream)


def check(case: Case, result: Result, upstream: Upstream) -> None:
    want = case.want
    assert result.status == want.status, result.body
    assert not result.broken
    if want.body is not None:
        assert result.body == want.body
    if want.says:
        assert want.says in result.body.decode()
    if want.code is not None:
        error = json.loads(result.body)["error"]
        assert {"message", "code"} <= set(error) <= {"message", "type", "param", "code", "status", "details"}
        assert error_code(error) == want.code
    for name, value in want.headers.items():
        assert result.header(name) == value, name
    assert result.header("x-sluice-request-id")
    if want.up == LOCAL:
        assert upstream.received == []
    elif callable(want.up):
        assert len(upstream.received) == 1 + len(case.refusals)
        assert want.up(upstream.received[-1]), upstream.received[-1]


def test_every_name_is_used_once() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))
