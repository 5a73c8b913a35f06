"""Aliyun's bundle as the platform starts it: the unpacked zip, its bootstrap, Python 3.12, and nothing else."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.cases import CASES
from tests.support import nginx
from tests.support.aliyun import ADDED, missing_python, passed_on, started, unpacked
from tests.support.bundles import Bundles
from tests.support.case import Case
from tests.support.client import call
from tests.support.contract import keep
from tests.support.drivers import AliyunFcDriver
from tests.support.started import BundleDriver, ends_with_its_caller, flows
from tests.support.upstream import Upstream

pytestmark = pytest.mark.any_python("a bundle is for its platform's Python, whichever builds it")


@pytest.fixture(scope="module")
def driver(bundles: Bundles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BundleDriver]:
    with contextlib.ExitStack() as stack:
        folder = unpacked(bundles, tmp_path_factory.mktemp("code"))
        yield BundleDriver(functools.partial(started, folder), passed_on, stack)


@pytest.fixture(scope="module")
def function(driver: BundleDriver, _upstream: Upstream) -> int:
    """The port of the function with nothing but an upstream set."""
    return driver.port((("OPENAI_BASE_URL", _upstream.url),))


@pytest.fixture(scope="module")
def behind_nginx(function: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with nginx.buffering(function, tmp_path_factory.mktemp("nginx")) as port:
        yield port


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.needs <= AliyunFcDriver.can], ids=lambda case: case.name
)
def test_the_bundle_keeps_the_contract(case: Case, driver: BundleDriver, upstream: Upstream) -> None:
    keep(case, driver.ask, upstream)


def test_the_function_streams_event_by_event(function: int, upstream: Upstream) -> None:
    flows(function, ADDED, upstream)


def test_behind_a_buffering_gateway_the_stream_still_flows(behind_nginx: int, upstream: Upstream) -> None:
    flows(behind_nginx, ADDED, upstream)


def test_a_caller_who_leaves_ends_the_call(function: int, upstream: Upstream) -> None:
    ends_with_its_caller(function, ADDED, upstream)


def test_the_console_and_the_platform_s_name_are_in_the_bundle(function: int) -> None:
    page = call(function, "GET", "/").body
    assert b"/v1</code>" in page and b"aliyun-fc" in page
    assert call(function, "GET", "/readyz", ADDED).json()["platform"] == "aliyun-fc"


def test_without_a_python_the_bootstrap_says_what_to_set(bundles: Bundles, tmp_path: Path) -> None:
    done = missing_python(unpacked(bundles, tmp_path))
    assert done.returncode == 1 and "custom.debian11" in done.stderr and "Python312" in done.stderr
