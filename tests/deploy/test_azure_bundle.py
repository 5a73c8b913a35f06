"""Azure's bundle as the Functions host starts it: the unpacked zip, host.json's program, and nothing else."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator

import pytest

from tests.contract.cases import CASES
from tests.support import nginx
from tests.support.azure import ADDED, HOST, passed_on, started, unpacked
from tests.support.bundles import Bundles
from tests.support.case import Ask, Case
from tests.support.client import call
from tests.support.contract import keep
from tests.support.drivers import AzureDriver
from tests.support.started import BundleDriver, ends_with_its_caller, flows
from tests.support.upstream import Upstream

pytestmark = pytest.mark.any_python("a bundle is for its platform's Python, whichever builds it")


@pytest.fixture(scope="module")
def driver(bundles: Bundles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BundleDriver]:
    folder = unpacked(bundles, tmp_path_factory.mktemp("wwwroot"))
    with contextlib.ExitStack() as stack:
        yield BundleDriver(functools.partial(started, folder, ACCESS=""), passed_on, stack)


@pytest.fixture(scope="module")
def function(driver: BundleDriver, _upstream: Upstream) -> int:
    """The port of the function with nothing but an upstream set."""
    return driver.port((("OPENAI_BASE_URL", _upstream.url),))


@pytest.mark.parametrize("case", [case for case in CASES if case.needs <= AzureDriver.can], ids=lambda case: case.name)
def test_the_bundle_keeps_the_contract(case: Case, driver: BundleDriver, upstream: Upstream) -> None:
    keep(case, driver.ask, upstream)


def test_the_function_streams_event_by_event(function: int, upstream: Upstream) -> None:
    flows(function, ADDED, upstream)


def test_behind_a_buffering_gateway_the_stream_still_flows(
    function: int, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with nginx.buffering(function, tmp_path_factory.mktemp("nginx")) as port:
        flows(port, ADDED, upstream)


def test_a_caller_who_leaves_ends_the_call(function: int, upstream: Upstream) -> None:
    ends_with_its_caller(function, ADDED, upstream)


def test_the_host_s_question_whether_it_is_up_is_answered(function: int) -> None:
    """It asks for / until anything answers, before it passes calls on."""
    assert call(function, "GET", "/").status == 200


def test_the_console_shows_the_address_that_the_caller_used(function: int) -> None:
    page = call(function, "GET", "/", passed_on(Ask("GET", "/")).headers).body
    assert f"https://{HOST}/v1</code>".encode() in page and b"azure-functions" in page
    ready = call(function, "GET", "/readyz", ADDED).json()
    assert ready["platform"] == "azure-functions" and not ready.get("warnings")
