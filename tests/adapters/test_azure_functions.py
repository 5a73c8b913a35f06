"""Azure's function: what the front end and the host make of a call, and how long they wait for an answer."""

from __future__ import annotations

import json

import pytest

from proxy.access import owner
from proxy.adapters import azure_functions
from proxy.adapters.azure_functions import FunctionsApp
from proxy.errors import ConfigError
from proxy.messages import Headers, Request
from tests.conftest import Serve
from tests.support.azure import ADDED, passed_on
from tests.support.case import Ask
from tests.support.client import call
from tests.support.server import config_of
from tests.support.talk import KEY
from tests.support.upstream import Upstream, whole

EAST_ASIA = {"OPENAI_BASE_URL": "https://api.openai.com/v1"}


def adapted(path: str, *headers: tuple[str, str]) -> Request:
    request = Request("GET", path, "", Headers(headers), peer="127.0.0.1")
    FunctionsApp({}, write=lambda _: None).adapt_request(request)
    return request


def test_what_the_platform_adds_goes_neither_up_nor_into_the_log(upstream: Upstream, serve: Serve) -> None:
    upstream.play(whole(b"{}"))
    server = serve(FunctionsApp)
    ask = passed_on(Ask(headers=KEY))
    result = call(server.port, ask.method, ask.path, ask.headers, ask.body)
    assert result.status == 200 and server.line(result.header("x-sluice-request-id"))
    added = {name.lower() for name, _ in ADDED} | {"x-forwarded-host", "x-original-url", "x-waws-unencoded-url"}
    assert not added & {name.lower() for name, _ in upstream.received[0].headers}
    assert not [line for line in server.raw_lines if "canary" in line or "192.0.2.7" in line]


@pytest.mark.parametrize(
    "name", ["x-ms-token-aad-id-token", "x-ms-client-principal", "x-functions-key", "x-arr-ssl", "x-waws-unencoded-url"]
)
def test_no_setting_lets_the_platform_s_headers_through(name: str) -> None:
    with pytest.raises(ConfigError, match="FORWARD_HEADERS"):
        FunctionsApp({"FORWARD_HEADERS": name}, write=lambda _: None).start()


def test_other_headers_of_microsoft_s_may_be_forwarded() -> None:
    app = FunctionsApp({"FORWARD_HEADERS": "x-ms-client-request-id"}, write=lambda _: None)
    assert app.start()[0].forward_headers == ("x-ms-client-request-id",)


def test_the_host_is_on_this_machine_and_its_callers_are_not_the_owner() -> None:
    """The host connects from 127.0.0.1 and writes that into Host."""
    assert owner.is_local(adapted("/metrics", ("host", "127.0.0.1:40123"))), "the headers alone make the difference"
    for added in (*ADDED, ("x-forwarded-host", "sluice.azurewebsites.net")):
        name = added[0].lower()
        if name not in ("max-forwards", "client-ip", "x-client-port"):
            assert not owner.is_local(adapted("/metrics", ("host", "127.0.0.1:40123"), (name, added[1]))), name


def test_there_are_no_metrics_even_for_who_seems_to_be_the_owner(serve: Serve) -> None:
    assert call(serve(FunctionsApp).port, "GET", "/metrics").status == 404


@pytest.mark.parametrize(
    ("arrived", "sent", "path"),
    [
        ("/v1/models/a/b", "/v1/models/a%2Fb", "/v1/models/a%2Fb"),
        ("/v1/models/a/b", "/v1/models/a%2Fb?key=x%2Fy", "/v1/models/a%2Fb"),
        ("/v1/models", "", "/v1/models"),
        ("/v1/models", "http://elsewhere/v1/files", "/v1/models"),
        ("/v1/models", "/v1/files and more", "/v1/models"),
        ("/v1/models", "/v1/\u00e4", "/v1/models"),
    ],
)
def test_the_path_is_the_one_that_the_caller_sent(arrived: str, sent: str, path: str) -> None:
    assert adapted(arrived, ("x-waws-unencoded-url", sent)).path == path


def test_without_the_front_end_the_path_stays() -> None:
    request = adapted("/v1/models/a%2Fb")
    assert (request.path, request.silence, request.deadline) == ("/v1/models/a%2Fb", 225.0, None)


@pytest.mark.parametrize(
    ("given", "region", "warned"),
    [
        ("East US 2", "eastus2", False),
        ("southeastasia", "southeastasia", False),
        ("East Asia", "eastasia", True),
        ("eastasia", "eastasia", True),
        ("China North 3", "chinanorth3", True),
        ("", None, False),
    ],
)
def test_the_region_s_two_spellings_and_those_that_openai_does_not_serve(
    given: str, region: str | None, warned: bool
) -> None:
    lines: list[str] = []
    app = FunctionsApp({**EAST_ASIA, "REGION_NAME": given}, write=lines.append)
    app.start()
    assert app.host.region == region
    assert ["southeastasia" in json.loads(line)["message"] for line in lines] == [True] * warned


def test_a_request_above_the_limit_is_refused(upstream: Upstream, serve: Serve) -> None:
    too_much = (*KEY, ("Content-Length", "104857601"))
    result = call(serve(FunctionsApp, MAX_BODY_MB="200").port, "POST", "/v1/files", too_much, b"x")
    assert result.status == 413 and result.json()["error"]["code"] == "body_too_large"


@pytest.mark.parametrize(("given", "port"), [(None, 8080), ("", 8080), ("40123", 40123)])
def test_the_server_is_started_as_the_host_wants_it(
    monkeypatch: pytest.MonkeyPatch, given: str | None, port: int
) -> None:
    config = config_of(azure_functions.main, {"FUNCTIONS_CUSTOMHANDLER_PORT": given}, monkeypatch)
    assert (config.host, config.port, config.timeout_keep_alive) == ("127.0.0.1", port, 300)
