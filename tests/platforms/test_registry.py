"""The registry of platforms agrees with the adapters, the contract's drivers, and the files that bundles name."""

from __future__ import annotations

import re
from typing import Any

import pytest

from proxy.cli.bundle.imports import modules
from proxy.cli.bundle.packages import subset
from proxy.cli.bundle.sources import own_files
from proxy.cli.doctor.addresses import region_of
from proxy.cli.doctor.extras import body_limit
from proxy.endpoints.console import limits
from proxy.platforms.clouds import CLOUDS
from proxy.platforms.limits import LIMITS
from proxy.platforms.platform import Function
from proxy.platforms.registry import BUNDLES, FUNCTIONS, PLATFORMS, adapters, platform_of
from tests.support.case import STREAMS
from tests.support.drivers import DRIVERS, WorkersDriver
from tests.support.paths import ROOT


def test_names_are_used_once() -> None:
    functions = [function for platform in PLATFORMS for function in platform.functions]
    assert len(functions) == len(FUNCTIONS)
    assert len({one.name for one in PLATFORMS}) == len(PLATFORMS)
    assert {one.bundle for one in functions if one.bundle} == set(BUNDLES.values()), "two bundles with one name"
    for platform in PLATFORMS:
        assert len({door.name for door in platform.doors}) == len(platform.doors)


def test_functions_have_the_names_that_their_adapters_log() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "proxy" / "adapters").glob("*.py"))
    names = set(re.findall(r'platform = ?"([a-z-]+)"|platform="([a-z-]+)"|Host\("([a-z-]+)"', sources))
    assert {name for found in names for name in found if name} == FUNCTIONS.keys()
    assert {one.adapter for one in FUNCTIONS.values()} <= modules(ROOT).keys()


def test_the_contract_runs_on_every_function_and_streams_where_a_door_does() -> None:
    drivers: list[Any] = [*DRIVERS.values(), WorkersDriver]
    assert {driver.function for driver in drivers} == FUNCTIONS.keys()
    for driver in drivers:
        assert {door.streams for door in FUNCTIONS[driver.function].doors} == {STREAMS in driver.can}, driver


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_the_console_shows_each_function_the_limits_of_its_doors(function: Function) -> None:
    card, platform = limits.card(function.name), platform_of(function)
    assert (card["en"]["name"], card["zh"]["name"]) == (platform.title, platform.title_zh)
    assert {door.name for door in function.doors} <= {row[0] for row in card["en"]["rows"]}
    assert {door.name_zh for door in function.doors} <= {row[0] for row in card["zh"]["rows"]}
    assert len(card["en"]["rows"]) == len(card["zh"]["rows"])


def test_the_console_knows_no_limits_of_an_unknown_function() -> None:
    assert limits.card("elsewhere") == {language: {"name": "elsewhere", "rows": []} for language in ("en", "zh")}


def test_the_doctor_tries_sizes_where_the_limit_is_fixed() -> None:
    fixed = {row.platform for row in LIMITS if row.what == "request body" and row.hard}
    assert {name for name in FUNCTIONS if body_limit(name)} == {
        one.name for one in FUNCTIONS.values() if platform_of(one).name in fixed
    }
    assert body_limit("aws-lambda-buffered") == 6_000_000 and body_limit("elsewhere") is None


@pytest.mark.parametrize("name", BUNDLES)
def test_what_a_bundle_names_exists(name: str) -> None:
    bundle = BUNDLES[name]
    assert adapters(name)
    assert set(bundle.lacks) <= modules(ROOT).keys()
    assert [one for one in own_files(bundle) if not (ROOT / bundle.origin / one).is_file()] == []
    assert subset((ROOT / "requirements.txt").read_text(encoding="utf-8"), bundle.packages)


def test_each_cloud_is_a_platform_and_names_its_own_headers_and_regions() -> None:
    assert {cloud.name for cloud in CLOUDS} == {one.name for one in PLATFORMS} - {"server"}
    prefixes = [prefix for cloud in CLOUDS for prefix in cloud.header_prefixes]
    assert len({*prefixes}) == len(prefixes) and all(prefix.islower() for prefix in prefixes)
    assert all(cloud.header_prefixes for cloud in CLOUDS)
    served = (
        "ap-singapore",
        "ap-tokyo",
        "na-siliconvalley",
        "ap-southeast-1",
        "ap-northeast-1",
        "us-west-1",
        "SIN",
        "asia-east1",
        "us-central1",
    )
    assert not [region for cloud in CLOUDS for region in served if region.startswith(cloud.unserved or ("-",))]


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("1250000000-abc.ap-guangzhou.tencentscf.com", "ap-guangzhou"),
        ("sluice-abcdefghij.ap-northeast-1.fcapp.run", "ap-northeast-1"),
        ("sluice-abcdefghij.cn-shanghai-finance-1.fcapp.run", "cn-shanghai-finance-1"),
        ("sluice-abcdefghij.cn-hangzhou-vpc.fcapp.run", "cn-hangzhou"),
        ("abc.lambda-url.eu-west-1.on.aws", "eu-west-1"),
        ("sluice-123456789012.us-central1.run.app", "us-central1"),
        ("sluice-abcdefghij-uc.a.run.app", None),
        ("ap-northeast-1.fcapp.run.example.com", None),
        ("example.com", None),
    ],
)
def test_a_default_domain_tells_its_region(host: str, region: str | None) -> None:
    assert region_of(f"https://{host}") == region
