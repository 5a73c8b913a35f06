"""Aliyun's bundle as the platform starts it: the unpacked zip, its bootstrap, Python 3.12, and nothing else."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.cases import CASES
from tests.support import nginx
from tests.support.aliyun import ADDED, missing_python, started, unpacked
from tests.support.bundles import Bundles
from tests.support.case import Ask, Case
from tests.support.client import Connection, Result, call
from tests.support.contract import keep
from tests.support.drivers import AliyunFcDriver
from tests.support.upstream import CEILING, END, SSE_HEAD, Upstream, Wait, chunk

pytestmark = pytest.mark.any_python("a bundle is for its platform's Python, whichever builds it")
KEY = (("Authorization", "Bearer sk-caller"), ("Content-Type", "application/json"))
EVENT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'


class BundleDriver:
    """The function in processes of its own, one for each set of settings. Give `stack` the processes to stop."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._ports: dict[tuple[tuple[str, str], ...], int] = {}

    def port(self, settings: tuple[tuple[str, str], ...]) -> int:
        if settings not in self._ports:
            environ = {"LOG_LEVEL": "off", **dict(settings)}
            self._ports[settings] = self._stack.enter_context(started(self._folder, **environ))
        return self._ports[settings]

    def ask(self, ask: Ask, settings: tuple[tuple[str, str], ...]) -> Result:
        return call(self.port(settings), ask.method, ask.path, (*ask.headers, *ADDED), ask.body)


@pytest.fixture(scope="module")
def driver(bundles: Bundles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BundleDriver]:
    with contextlib.ExitStack() as stack:
        yield BundleDriver(unpacked(bundles, tmp_path_factory.mktemp("code")), stack)


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
    flows(function, upstream)


def test_behind_a_buffering_gateway_the_stream_still_flows(behind_nginx: int, upstream: Upstream) -> None:
    flows(behind_nginx, upstream)


def flows(port: int, upstream: Upstream) -> None:
    """The upstream sends each event only after the caller has seen the one before."""
    upstream.play((SSE_HEAD, *(step for _ in range(5) for step in (chunk(EVENT), Wait())), END))
    connection = Connection(port)
    connection.send("POST", "/v1/chat/completions", (*KEY, *ADDED), b'{"stream":true}')
    for got in connection.writes(connection.head()):
        assert got == EVENT
        upstream.proceed()
    connection.close()


def test_a_caller_who_leaves_ends_the_call(function: int, upstream: Upstream) -> None:
    upstream.play((SSE_HEAD, chunk(EVENT), Wait()))
    connection = Connection(function)
    connection.send("POST", "/v1/chat/completions", (*KEY, *ADDED), b'{"stream":true}')
    assert next(connection.writes(connection.head())) == EVENT
    connection.close()
    assert upstream.gone.wait(CEILING)


def test_the_console_and_the_platform_s_name_are_in_the_bundle(function: int) -> None:
    page = call(function, "GET", "/").body
    assert b"/v1</code>" in page and b"aliyun-fc" in page
    assert call(function, "GET", "/readyz", ADDED).json()["platform"] == "aliyun-fc"


def test_without_a_python_the_bootstrap_says_what_to_set(bundles: Bundles, tmp_path: Path) -> None:
    done = missing_python(unpacked(bundles, tmp_path))
    assert done.returncode == 1 and "custom.debian11" in done.stderr and "Python312" in done.stderr
