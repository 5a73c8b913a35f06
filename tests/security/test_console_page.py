"""The page at `/` shows a command to copy: a link must not be able to change it."""

from __future__ import annotations

import pytest

from proxy.console.page import base_url
from proxy.messages import Headers, Request


def shown(path: str, host: str = "relay.example") -> str:
    return base_url(Request("GET", path, "", Headers([("host", host)]))).removeprefix("https://")


@pytest.mark.parametrize(
    "path", ["/https:/$(reboot)/v1", "/https://;reboot;/v1", "/http://&reboot&/", "/x'/v1", "/a/b"]
)
def test_a_path_with_more_than_a_stage_is_not_repeated(path: str) -> None:
    assert shown(path) == "relay.example"


@pytest.mark.parametrize(
    ("path", "stage"),
    [("/", ""), ("", ""), ("//", ""), ("/v1", ""), ("/V1/", ""), ("/release", "/release"), ("/Prod/v1/", "/Prod")],
)
def test_a_gateway_s_stage_is_a_part_of_the_address(path: str, stage: str) -> None:
    assert shown(path) == f"relay.example{stage}"


@pytest.mark.parametrize("host", ["evil$(reboot)", "a b", "h/../x", "h'", "<script>", "h\r\nx: 1", ""])
def test_a_host_that_is_none_is_not_repeated(host: str) -> None:
    assert shown("/", host) == "this-address"
