"""serverless.yml means what we mean: Tencent's own toolkit makes the requests out of it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from proxy import startup
from proxy.errors import ConfigError
from proxy.settings import config
from tests.support import node
from tests.support.paths import ROOT
from tests.support.scf import BUDGETS, ENVIRONMENT, inputs_of

pytestmark = pytest.mark.any_python("Tencent's tool runs in Node")


@pytest.fixture(scope="module", params=["serverless.yml", "serverless.event.yml"])
def requests(request: pytest.FixtureRequest) -> Any:
    return {"name": request.param, **node.run("scf_requests.js", inputs_of(request.param))}


def test_the_function_is_the_one_that_we_mean(requests: Any) -> None:
    made = requests["function"]
    web = requests["name"] == "serverless.yml"
    assert made["Type"] == ("HTTP" if web else "Event")
    assert made["Runtime"] == "Python3.10"
    assert (made["Timeout"], made["InitTimeout"], made["MemorySize"]) == (300, 30, 256)
    assert made["PublicNetConfig"]["PublicNetStatus"] == "ENABLE"
    assert made["InstallDependency"] == "FALSE"
    if web:
        assert made["InstanceConcurrencyConfig"] == {"DynamicEnabled": "FALSE", "MaxConcurrency": 50}
        assert "Handler" not in made
    else:
        assert made["Handler"] == "handler.main_handler"
    variables = {one["Key"]: one["Value"] for one in made["Environment"]["Variables"]}
    assert variables == ENVIRONMENT
    assert not [name for name in variables if name.startswith(("SCF_", "QCLOUD_", "TENCENTCLOUD_"))]


def test_the_url_is_public_and_leaves_cors_to_the_code(requests: Any) -> None:
    made = requests["trigger"]
    told = json.loads(made["TriggerDesc"])
    assert (made["Action"], made["Type"], made["Qualifier"], made["Enable"]) == (
        "CreateTrigger",
        "http",
        "$DEFAULT",
        "OPEN",
    )
    assert told["AuthType"] == "NONE"
    assert told["NetConfig"] == {"EnableIntranet": False, "EnableExtranet": True}
    assert "CorsConfig" not in told


@pytest.mark.parametrize(
    ("environ", "fine"),
    [
        (ENVIRONMENT, True),
        ({"ACCESS": "pass-through", "OPENAI_API_KEY": "", "PROXY_KEY": ""}, True),
        ({**ENVIRONMENT, "PROXY_KEY": ""}, False),
        ({"ACCESS": "pass-through", "OPENAI_API_KEY": "sk-x", "PROXY_KEY": ""}, False),
        ({**ENVIRONMENT, "ACCESS": ""}, True),
    ],
)
def test_what_the_template_sets_is_neither_open_nor_dead_in_silence(environ: dict[str, str], fine: bool) -> None:
    if fine:
        assert not startup.load(environ).allow_anonymous
        return
    with pytest.raises(ConfigError) as refused:
        startup.load(environ)
    assert refused.value.param in environ


@pytest.mark.parametrize("name", ["serverless.yml", "serverless.event.yml"])
def test_the_lines_that_are_off_are_the_other_providers_settings_and_those_of_budgets(name: str) -> None:
    variables = inputs_of(name, everything=True)["environment"]["variables"]
    names = {setting.name for setting in config.SETTINGS if re.search("_(API_KEY|BASE_URL)$", setting.name)}
    assert set(variables) == {"ACCESS", "PROXY_KEY", *BUDGETS, *names - {"MODERATION_OPENAI_BASE_URL"}}
    assert startup.load(variables).anthropic_api_key == ("sk-other",)
    keys = {"OPENAI_API_KEY": "", "ANTHROPIC_API_KEY": "sk-other"}
    loaded = startup.load({**ENVIRONMENT, **keys})
    assert [provider.name for provider in loaded.providers] == ["anthropic"]


def test_the_bootstrap_is_as_the_platform_wants_it() -> None:
    path = ROOT / "scf_bootstrap"
    text = path.read_bytes()
    assert text.startswith(b"#!/bin/bash\n") and b"\r" not in text
    assert b"\nexec /var/lang/python310/bin/python3.10 -u " in text
    assert path.stat().st_mode & 0o777 == 0o755
