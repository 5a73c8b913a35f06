"""s.yaml means what we mean: Aliyun's own tool reads it, and its SDK knows what comes of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from proxy import startup
from proxy.errors import ConfigError
from proxy.platforms.registry import BUNDLES
from proxy.settings import config
from proxy.settings.regions import warning
from tests.support import node
from tests.support.aliyun import INTERPRETER
from tests.support.paths import ROOT

pytestmark = pytest.mark.any_python("Aliyun's tools run in Node")
ENVIRONMENT = {"ACCESS": "proxy-key", "OPENAI_API_KEY": "sk-x", "PROXY_KEY": "pk-0123456789abcdef"}
OFF = re.compile(r"^ {8}# (?=[A-Z_]+: )", re.MULTILINE)  # the lines that are off: "# NAME: value" among the variables


def preview(folder: Path, environ: dict[str, str], text: str | None = None) -> subprocess.CompletedProcess[str]:
    """`s preview` of s.yaml, or of `text`: what Serverless Devs takes it for, before it calls anybody."""
    (folder / "s.yaml").write_text(text or (ROOT / "s.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    packages = node.packages()
    tool = str(node.HERE / "node_modules" / "@serverless-devs" / "s" / "bin" / "s")
    command = [node.node(packages), tool, "preview", "-o", "json", "--silent"]
    clean = {"PATH": os.environ["PATH"], "HOME": str(folder), **environ}  # it keeps its log, keys and all, at home
    return subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, timeout=60, check=False)


def props(folder: Path, environ: dict[str, str], text: str | None = None) -> dict[str, Any]:
    done = preview(folder, environ, text)
    assert done.returncode == 0, done.stdout + done.stderr
    resource = json.loads(done.stdout)["resources"]["sluice"]
    assert resource["component"] == "fc3"
    found: dict[str, Any] = resource["props"]
    return found


def test_the_function_is_the_one_that_we_mean(tmp_path: Path) -> None:
    made = node.run("fc_requests.js", props(tmp_path, ENVIRONMENT))["function"]
    assert (made["runtime"], made["timeout"], made["memorySize"], made["cpu"]) == ("custom.debian11", 300, 256, 0.25)
    assert 1 <= made["memorySize"] / 1024 / made["cpu"] <= 4, "the platform's ratio of memory to processors"
    assert (made["instanceConcurrency"], made["internetAccess"]) == (50, True)
    assert made["customRuntimeConfig"] == {"command": ["/bin/bash", "/code/aliyun_bootstrap"], "port": 9000}
    assert made["disableInjectCredentials"] == "All" and "role" not in made
    assert made["environmentVariables"] == ENVIRONMENT
    assert not [name for name in made["environmentVariables"] if name.startswith("FC_")]


def test_the_address_is_public_and_lets_every_method_through(tmp_path: Path) -> None:
    (made,) = node.run("fc_requests.js", props(tmp_path, ENVIRONMENT))["triggers"]
    assert (made["triggerType"], made["qualifier"]) == ("http", "LATEST")
    assert (made["config"]["authType"], made["config"]["disableURLInternet"]) == ("anonymous", False)
    assert {*made["config"]["methods"]} == {"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"}
    assert "corsConfig" not in made["config"], "CORS is in the code, and two sets of headers break browsers"


@pytest.mark.parametrize(
    ("line", "other", "said"),
    [
        ("memorySize: 256", "memory: 256", "function.memory: CreateFunctionInput has no such member"),
        ("timeout: 300", "timeout: five", 'function.timeout: "five" is no number'),
        ("authType: anonymous", "auth: anonymous", "trigger.triggerConfig.auth: HTTPTriggerConfig has no such member"),
        ("port: 9000", "ports: 9000", "function.customRuntimeConfig.ports: CustomRuntimeConfig has no such member"),
    ],
)
def test_a_name_or_a_type_that_the_sdk_does_not_know_is_found(tmp_path: Path, line: str, other: str, said: str) -> None:
    text = (ROOT / "s.yaml").read_text(encoding="utf-8")
    assert text.count(f" {line}\n") == 1
    with pytest.raises(AssertionError, match=re.escape(said)):
        node.run("fc_requests.js", props(tmp_path, ENVIRONMENT, text.replace(f" {line}", f" {other}")))


def test_the_region_is_one_that_openai_serves(tmp_path: Path) -> None:
    settings = startup.load({**ENVIRONMENT, "OPENAI_BASE_URL": "https://api.openai.com/v1"})
    assert warning(props(tmp_path, ENVIRONMENT)["region"], settings) is None
    assert warning("cn-hongkong", settings) is not None


def test_without_a_word_on_access_nothing_is_deployed(tmp_path: Path) -> None:
    refused = preview(tmp_path, {"OPENAI_API_KEY": "sk-x", "PROXY_KEY": "pk"})
    assert refused.returncode != 0 and "env('ACCESS') not found" in refused.stdout + refused.stderr


@pytest.mark.parametrize(
    ("given", "fine"),
    [
        (ENVIRONMENT, True),
        ({"ACCESS": "pass-through", "OPENAI_API_KEY": "", "PROXY_KEY": ""}, True),
        ({"ACCESS": "pass-through"}, True),
        ({"ACCESS": "proxy-key", "OPENAI_API_KEY": "sk-x"}, False),
        ({"ACCESS": "proxy-key", "PROXY_KEY": "pk-0123456789abcdef"}, False),
        ({"ACCESS": "pass-through", "OPENAI_API_KEY": "sk-x"}, False),
    ],
)
def test_what_the_file_sets_is_neither_open_nor_dead_in_silence(
    tmp_path: Path, given: dict[str, str], fine: bool
) -> None:
    environ = props(tmp_path, given)["environmentVariables"]
    if fine:
        assert not startup.load(environ).allow_anonymous
        return
    with pytest.raises(ConfigError) as refused:
        startup.load(environ)
    assert refused.value.param in environ


def test_the_lines_that_are_off_are_the_other_settings_that_one_may_need(tmp_path: Path) -> None:
    text, lines = OFF.subn(" " * 8, (ROOT / "s.yaml").read_text(encoding="utf-8"))
    more = {"ANTHROPIC_API_KEY": "sk-other", "GEMINI_API_KEY": "sk-g"}
    store = {
        "SIGNING_SECRET": "5f2c9a7be41d83066e9b1c0d7a54f8e2",
        "STORE": "https://redis.example.com",
        "STORE_TOKEN": "t",
    }
    environ = props(tmp_path, {**ENVIRONMENT, **more, **store}, text)["environmentVariables"]
    names = {setting.name for setting in config.SETTINGS if re.search("_(API_KEY|BASE_URL)$", setting.name)}
    assert set(environ) == {"ACCESS", "PROXY_KEY", *store, *names - {"MODERATION_OPENAI_BASE_URL"}}
    assert len(environ) == lines + 3
    assert startup.load(environ).anthropic_api_key == ("sk-other",)


def test_the_bootstrap_is_as_the_platform_wants_it() -> None:
    path = ROOT / "aliyun_bootstrap"
    text = path.read_text(encoding="utf-8")
    assert text.startswith("#!/bin/bash\n") and "\r" not in text
    assert INTERPRETER in text and text.count(f"python{BUNDLES['aliyun'].python}/bin") == 2
    assert path.stat().st_mode & 0o777 == 0o755
