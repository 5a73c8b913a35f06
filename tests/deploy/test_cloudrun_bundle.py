"""Cloud Run's bundle as the platform starts it: the unpacked zip, its Procfile, its Python, and nothing else."""

from __future__ import annotations

import contextlib
import functools
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.cases import CASES
from tests.support import nginx
from tests.support.bundles import Bundles
from tests.support.case import Case
from tests.support.client import Connection, call
from tests.support.cloudrun import ADDED, passed_on, started, unpacked
from tests.support.contract import keep
from tests.support.drivers import CloudRunDriver
from tests.support.started import BundleDriver, ends_with_its_caller, flows, port_of
from tests.support.talk import CHAT, KEY, event, wait_for
from tests.support.upstream import CEILING, SSE_HEAD, Upstream, Wait, chunk, whole

pytestmark = pytest.mark.any_python("a bundle is for its platform's Python, whichever builds it")
PASS_THROUGH = {"ACCESS": "pass-through"}


@pytest.fixture(scope="module")
def folder(bundles: Bundles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpacked(bundles, tmp_path_factory.mktemp("workspace"))


@pytest.fixture(scope="module")
def driver(folder: Path) -> Iterator[BundleDriver]:
    with contextlib.ExitStack() as stack:
        yield BundleDriver(functools.partial(port_of, started, folder, ACCESS=""), passed_on, stack)


@pytest.fixture(scope="module")
def service(driver: BundleDriver, _upstream: Upstream) -> int:
    """The port of the service with nothing but an upstream and a mode set."""
    return driver.port((("OPENAI_BASE_URL", _upstream.url), *PASS_THROUGH.items()))


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.needs <= CloudRunDriver.can], ids=lambda case: case.name
)
def test_the_bundle_keeps_the_contract(case: Case, driver: BundleDriver, upstream: Upstream) -> None:
    keep(case, driver.ask, upstream)


def test_the_service_streams_event_by_event(service: int, upstream: Upstream) -> None:
    flows(service, ADDED, upstream)


def test_behind_a_buffering_gateway_the_stream_still_flows(service: int, upstream: Upstream, tmp_path: Path) -> None:
    """Such as a load balancer or a proxy of one's own in front of the service."""
    with nginx.buffering(service, tmp_path) as port:
        flows(port, ADDED, upstream)


def test_a_caller_who_leaves_ends_the_call(service: int, upstream: Upstream) -> None:
    ends_with_its_caller(service, ADDED, upstream)


def test_the_console_and_the_platform_s_name_are_in_the_bundle(service: int) -> None:
    page = call(service, "GET", "/").body
    assert b"/v1</code>" in page and b"cloudrun" in page
    assert call(service, "GET", "/readyz", ADDED).json()["platform"] == "cloudrun"


def test_health_has_a_spelling_that_google_does_not_keep_for_itself(service: int) -> None:
    """On run.app, Google answers /healthz itself (github.com/kkdai/linebot-file/pull/5, 2026-08-26)."""
    assert call(service, "GET", "/healthz/").json() == {"status": "ok"}


def test_a_fresh_deployment_is_neither_open_nor_dead(folder: Path, upstream: Upstream) -> None:
    with started(folder, OPENAI_BASE_URL=upstream.url) as (_, port):
        for caller in (KEY, ()):
            error = call(port, "POST", "/v1/chat/completions", (*caller, *ADDED), CHAT).json()["error"]
            assert error["code"] == "configuration_error" and "PROXY_KEY" in error["message"]
    assert upstream.received == []


def test_with_its_keys_it_serves_its_callers_alone(folder: Path, upstream: Upstream) -> None:
    keys = {"OPENAI_API_KEY": "sk-server", "PROXY_KEY": "pk-0123456789abcdef"}
    upstream.play(whole(b"{}"))
    with started(folder, OPENAI_BASE_URL=upstream.url, **keys) as (_, port):
        assert call(port, "POST", "/v1/chat/completions", (*KEY, *ADDED), b"{}").status == 401
        caller = (("Authorization", f"Bearer {keys['PROXY_KEY']}"), *KEY[1:], *ADDED)
        assert call(port, "POST", "/v1/chat/completions", caller, b"{}").status == 200
    assert upstream.received[0].header("authorization") == "Bearer sk-server"


def test_an_instance_that_is_stopped_books_and_logs_the_calls_that_it_ends(
    folder: Path, upstream: Upstream, tmp_path: Path
) -> None:
    """The platform kills the process 10 s after SIGTERM: the call is cut, and what is known of it is not lost."""
    upstream.play((SSE_HEAD, chunk(event("x")), Wait()))
    with started(folder, OPENAI_BASE_URL=upstream.url, **PASS_THROUGH) as (process, port):
        connection = Connection(port)
        connection.send("POST", "/v1/chat/completions", (*KEY, *ADDED), CHAT)
        assert next(connection.writes(connection.head())) == event("x")
        process.send_signal(signal.SIGTERM)
        wait_for(lambda: process.poll() is not None)
        connection.close()
        assert process.stdout is not None
        lines = [json.loads(line) for line in process.stdout.read().splitlines()]
    assert [line["path"] for line in lines if "path" in line] == ["/v1/chat/completions"]
    assert upstream.gone.wait(CEILING)
